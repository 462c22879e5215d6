from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from distune.tuning.search.progress import LiveView, show_progress, view
from distune.tuning.search.single import what_differs
from distune.tuning.storage.records import State, TrialRecord
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from tests.making.proposals import ask, epoch, proposals

CONFIG = TrialConfig.model_validate({"student": {"kind": "average"}})


def record(number: int, state: State, accuracy: float | None = None, error: str | None = None) -> TrialRecord:
    return TrialRecord(number=number, state=state, config=CONFIG, score=accuracy, latency_ms=0.25, error=error)


def test_the_line_says_what_is_done_running_and_best() -> None:
    stream = io.StringIO()
    with LiveView(9, Console(file=stream, width=300)) as line:
        line.known([record(0, "complete", 0.7)])
        line.started(record(1, "running"))
        line.ended(record(1, "pruned", 0.6))
        line.started(record(2, "running"))
        line.ended(record(2, "failed", error="Traceback\n  ...\nFloatingPointError: the loss became nan"))
        line.started(record(3, "running"))
    lines = stream.getvalue().splitlines()
    assert "trial 2 failed: FloatingPointError: the loss became nan" in lines
    last = lines[-1]
    assert "trials 3/9 done, 1 running, 1 pruned | 1 failed" in last
    assert "best dev accuracy 0.7000 (average, 0.25 ms)" in last
    assert "left" in last


def test_a_terminal_shows_a_view_that_changes_and_keeps_what_failed() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True)
    with LiveView(3, console) as live:
        live.started(record(0, "running"))
        live.reported(0, {"score": 0.5}, 1)
        live.ended(record(0, "complete", 0.75))
        live.started(record(1, "running"))
        live.ended(record(1, "failed", error="Traceback\nValueError: [no]\nlog: trials/1/log.txt"))
    shown = stream.getvalue()
    assert "the Pareto front so far" in shown
    last = shown.split("\x1b[?25h")[-1]  # what stays when the view is gone
    assert "ValueError: [no] (log: trials/1/log.txt)" in last
    assert "trials 2/3 done" in last


def rendered(*records: TrialRecord, epochs: dict[int, str] | None = None, left_s: float | None = None) -> str:
    stream = io.StringIO()
    Console(file=stream, width=110).print(view(records, epochs or {}, 8, left_s))
    return stream.getvalue()


def test_the_view_has_the_front_what_runs_and_the_last_failures() -> None:
    faster = replace(record(1, "complete", 0.6), latency_ms=0.1)
    worse = replace(record(2, "complete", 0.5), latency_ms=0.3)
    failed = [record(number, "failed", error=f"error {number}") for number in (3, 4, 5, 6)]
    shown = rendered(
        record(0, "complete", 0.7),
        faster,
        worse,
        *failed,
        record(7, "running"),
        epochs={7: "epoch 2 of 6, 0.8100"},
        left_s=200,
    )
    rows = [line.split() for line in shown.splitlines() if line.startswith("│")]
    assert [(row[1], row[3], row[5]) for row in rows] == [("0", "0.7000", "0.250"), ("1", "0.6000", "0.100")]
    assert "running: 7 (epoch 2 of 6, 0.8100)" in shown
    assert "about 3 min left" in " ".join(shown.split())
    assert "error 3" not in shown
    assert all(f"trial {number} failed: error {number}" in shown for number in (4, 5, 6))


def test_the_progress_of_a_search_elsewhere_is_read_from_its_storage(document: dict[str, Any], tmp_path: Path) -> None:
    study = Study(document)
    folder = new_folder(study)
    searcher = proposals(study, Path(str(folder)))
    for name in "ab":
        ask(searcher, name)
    searcher.on_trial_complete("a", epoch(2, 0.9))
    stream = io.StringIO()
    show_progress(study, folder, Console(file=stream, width=110))
    assert f"search {folder} (new)" in stream.getvalue()
    assert "left" in stream.getvalue()
    assert "trials 1/4 done, 1 running" in stream.getvalue()
    assert "running: 1" in stream.getvalue()
    folder.end()
    show_progress(study, folder, Console(file=(ended := io.StringIO()), width=110))
    assert "left" not in ended.getvalue()


def test_a_trial_is_shown_by_what_is_not_its_default() -> None:
    config = TrialConfig.model_validate({"student": {"kind": "average"}, "epochs": 2})
    *lines, last = what_differs(config)
    assert lines == ["  student.kind = average", "  epochs = 2"]
    assert last.startswith("  the other ")
    assert last.endswith(" settings have their defaults")
    of_more = {
        "student": {"kind": "bilstm", "hidden_size": 32},
        "loss": {"teacher_term": {"kind": "kl", "temperature": 4}},
    }
    assert what_differs(TrialConfig.model_validate(of_more))[:-1] == [
        "  student.kind = bilstm",
        "  student.hidden_size = 32",
        "  loss.teacher_term.kind = kl",
        "  loss.teacher_term.temperature = 4.0",
    ]


def test_a_narrow_terminal_breaks_no_part_of_the_summary() -> None:
    stream = io.StringIO()
    records = [record(0, "complete", 0.7), record(1, "failed", error="no"), record(2, "running")]
    Console(file=stream, width=80).print(view(records, {}, 12, 600.0))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines[1:5] == [
        "trials 2/12 done, 1 running, 0 pruned",
        "1 failed",
        "best dev accuracy 0.7000 (average, 0.25 ms)",
        "about 10 min left",
    ]


def test_the_best_score_says_that_its_trial_was_stopped() -> None:
    shown = rendered(record(0, "complete", 0.6), record(1, "pruned", 0.7))
    assert "best dev accuracy 0.7000 (average, 0.25 ms, pruned)" in shown


def test_a_narrow_terminal_keeps_the_parts_of_the_last_line_whole() -> None:
    stream = io.StringIO()
    with LiveView(2, Console(file=stream, width=60, force_terminal=True)) as live:
        live.started(record(0, "running"))
        live.ended(record(0, "complete", 0.75))
    last = stream.getvalue().split("\x1b[?25h")[-1]
    assert "trials 1/2 done, 0 running, 0 pruned\nbest dev accuracy 0.7500 (average, 0.25 ms)\n" in last
