"""Commands over searches that run, were interrupted or have ended: in this process, of what their folders hold."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import distune
from distune.corpora.away import AwayError
from distune.corpora.places import Place
from distune.tuning.storage.lease import only_driver
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.searches import go_on_with, new_folder
from distune.tuning.study.file import Study
from tests.making.findings import results
from tests.making.proposals import ask, epoch, proposals
from tests.whole.conftest import Run


@pytest.fixture
def study_file(document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]) -> Path:
    return write_study(document)


def begun(study: Study) -> Folder:
    """A search with a complete trial and one that runs."""
    folder = new_folder(study)
    folder.update(state="searching", begun_at="2026-11-29 00:00:00 UTC", corpus="c")
    searcher = proposals(study, Path(str(folder)))
    ask(searcher, "a")
    ask(searcher, "b")
    searcher.on_trial_complete("a", epoch(2, 0.75))
    return folder


@contextmanager
def driven(folder: Folder) -> Iterator[str]:
    """A search that somebody runs."""
    with only_driver(folder.driver):
        yield f"process {os.getpid()} on"


def test_a_search_that_runs_is_asked_to_finish(run: Run, study: Study, study_file: Path) -> None:
    folder = begun(study)
    with driven(folder) as driver:
        code, out, _ = run("finish", study_file)
    assert (code, folder.finish.is_file()) == (0, True)
    assert out.startswith(f"{folder}, run by {driver}")
    assert "starts no further trial" in out


def test_one_whose_trials_have_ended_is_not_asked_to_end_them(run: Run, study: Study, study_file: Path) -> None:
    folder = begun(study)
    folder.update(ended_early="search.patience is used up")
    with driven(folder) as driver:
        code, out, _ = run("finish", study_file)
    assert (code, folder.finish.is_file()) == (0, False)
    assert out.startswith(f"{folder}, run by {driver}")
    assert "has ended its trials already: finalists, table and champion follow" in out


def test_one_that_is_gone_on_with_does_not_say_why_it_ended_before(study: Study) -> None:
    folder = begun(study)
    folder.update(ended_early="search.patience is used up")
    folder.end()
    go_on_with(study, folder)
    assert (folder.state["state"], folder.state["ended_early"]) == ("searching", None)


def test_one_that_was_interrupted_is_told_what_comes_next(run: Run, study: Study, study_file: Path) -> None:
    folder = begun(study)
    code, out, _ = run("finish", study_file)
    assert (code, folder.finish.is_file()) == (0, True)
    assert "interrupted after 1 of 4 trials; `distune search STUDY --resume` now goes straight to its finalists" in out


def test_one_that_has_ended_is_not_finished_again(run: Run, study: Study, study_file: Path) -> None:
    folder = begun(study)
    folder.end()
    assert run("finish", study_file)[::2] == (
        2,
        [f"distune: the search in {folder} has ended; `distune results` shows what it found"],
    )


def test_a_trial_that_runs_is_skipped(run: Run, study: Study, study_file: Path) -> None:
    folder = begun(study)
    with driven(folder):
        assert run("skip", study_file, 1)[0] == 0
        code, _, (line,) = run("skip", folder, 0)
        assert (code, line.endswith("trial 0 of " + str(folder) + " has ended (complete); those that run: 1")) == (
            2,
            True,
        )
        assert run("skip", study_file, 7)[2][0].endswith("has not begun; those that run: 1")
    assert folder.trial(1).skip.read_text().startswith("skipped by a person, on ")
    assert not folder.trial(0).skip.is_file()
    assert run("skip", study_file, 1)[2][0].startswith(f"distune: nobody runs the search in {folder}")


def test_a_second_search_is_refused_before_anything_is_read(
    run: Run, study: Study, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(study: Study) -> None:
        raise KeyboardInterrupt("read")

    monkeypatch.setattr("distune.tuning.session.read_study", read)
    with driven(begun(study)) as driver:
        code, _, (line,) = run("search", study_file)
        assert (code, f"tiny is being searched by {driver}" in line) == (2, True)
        assert run("search", study_file, "--force")[::2] == (130, ["distune: read"])


def test_the_searches_of_a_storage_are_listed(run: Run, study: Study, study_file: Path, tmp_path: Path) -> None:
    ended, running, damaged = begun(study), begun(study), begun(study)
    ended.update(ended_early="search.patience is used up: the last 2 trials made the Pareto front no better")
    (ended.place / "results.json").write_text(json.dumps(results(champion=1)))
    ended.end()
    damaged.study_file.write_text("- no study")
    begun(Study({**study.document, "name": "other"}))
    with driven(running) as driver:
        code, out, _ = run("searches", "--storage", tmp_path / "storage", "--json")
        shown = run("searches", study_file)[1]
    found = json.loads(out)
    assert (code, found["storage"]) == (0, str(tmp_path / "storage"))
    assert [(one["study"], one["number"], one["state"]) for one in found["searches"]] == [
        ("other", 1, "interrupted"),
        ("tiny", 1, "ended"),
        ("tiny", 2, "searching"),
        ("tiny", 3, "damaged"),
    ]
    first, second = found["searches"][1:3]
    assert (first["n_done"], first["n_trials"], first["best_dev_score"], first["champion"]) == (1, 4, 0.75, 1)
    assert first["metric"] == "accuracy"
    assert first["begun_at"] == "2026-11-29 00:00:00 UTC"
    assert first["ended_at"].endswith(" UTC")
    assert second["driver"].startswith(driver)
    assert "other" not in shown
    assert "tiny 1 ended early: search.patience is used up" in shown
    assert "tiny 3 is damaged: " in shown
    assert f"tiny 2 is searched by {driver}" in shown
    assert json.loads(run("searches", "--storage", tmp_path / "none", "--json")[1])["searches"] == []


def test_a_search_is_named_by_its_number_or_its_folder(run: Run, study: Study, study_file: Path) -> None:
    first, second = begun(study), begun(study)
    for command in ("results", "status"):
        for arguments, folder in (((study_file,), second), ((study_file, "--search", 1), first), ((first,), first)):
            code, out, _ = run(command, *arguments, "--json")
            assert (code, json.loads(out)["folder"]) == (0, str(folder))
        assert run(command, study_file, "--search", 3)[2][0].endswith("it has 1, 2")
        assert run(command, first, "--search", 1)[2] == [
            f"distune: --search goes with a study file, but {first} is a folder of results"
        ]
    code, out, _ = run("compare", study_file, study_file, "--search", 1, 2, "--json")
    assert [one["folder"] for one in json.loads(out)["searches"]] == [str(first), str(second)]
    assert run("report", study_file, "--search", 3)[0] == 2


def test_status_is_one_json_object(run: Run, study: Study, study_file: Path) -> None:
    begun(study)
    found = json.loads(run("status", study_file, "--json")[1])
    assert (found["n_done"], found["n_trials"], found["best_dev_accuracy"], found["running"]) == (1, 4, 0.75, [1])
    assert [one["trial"] for one in found["front"]] == [0]
    assert (found["state"], found["driver"]) == ("interrupted", None)


def test_a_search_is_told_by_the_study_that_was_searched_and_not_by_what_its_file_says_now(
    run: Run, study: Study, document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]
) -> None:
    begun(study)
    document["search"]["trials"] = 40
    document["metric"] = {"kind": "macro_f1"}
    path = write_study(document)
    found = json.loads(run("status", path, "--json")[1])
    assert (found["n_trials"], found["best_dev_accuracy"]) == (4, 0.75)
    assert "interrupted after 1 of 4 trials" in run("finish", path)[1]
    assert "dev accuracy" in run("results", path)[1]
    assert distune.results(Study(document)).study.config.search.trials == 4


def test_two_searches_are_compared_for_programs(run: Run, study: Study) -> None:
    folder = begun(study)
    found = json.loads(run("compare", folder, folder, "--json")[1])
    assert found["changes"] == []
    assert found["searches"][0]["counts"]["complete"] == 1
    assert found["searches"][0]["front"] == [{"trial": 0, "accuracy": 0.75, "latency_ms": 0.5}]
    assert len(found["warnings"]) == 3  # Its labels are not known, and neither has come to its end.


def test_a_check_is_one_json_object_of_faults_or_of_notes(
    run: Run, document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]
) -> None:
    code, out, err = run("check", write_study(document), "--json")
    found = json.loads(out)
    assert (code, err, found["ok"], found["faults"]) == (0, [], True, [])
    assert found["summary"].startswith("no fault; ")
    assert any(note.startswith("0: ") for note in found["notes"])
    document["serch"], document["trial"]["epochs"] = {}, 0
    code, out, err = run("check", write_study(document), "--json")
    found = json.loads(out)
    assert (code, found["ok"], len(found["faults"])) == (2, False, 2)
    assert err == [f"distune: {fault}" for fault in found["faults"]]


def test_a_study_that_starts_from_itself_is_told_to_resume(
    run: Run, document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]
) -> None:
    begun(Study(document))
    document["search"]["warm_start"] = "tiny"
    code, _, (line,) = run("search", write_study(document))
    assert (code, "tiny is this study itself" in line) == (2, True)
    assert "distune search STUDY --resume --set search.trials=N" in line


def test_the_schema_is_one_json_object(run: Run) -> None:
    code, out, err = run("schema")
    assert (code, err, json.loads(out)["title"]) == (0, [], "a study of Distune")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_is_told_every_command(run: Run, shell: str) -> None:
    pytest.importorskip("shtab")
    code, out, _ = run("completion", shell)
    assert code == 0
    for command in ("search", "finish", "skip", "searches", "completion"):
        assert command in out


def test_bash_completes_commands_and_options(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("shtab")
    (tmp_path / "completion.sh").write_text(run("completion", "bash")[1], encoding="utf-8")
    program = (
        "source completion.sh; COMP_WORDS=(distune sea); COMP_CWORD=1; _shtab_distune; echo ${COMPREPLY[@]}; "
        "COMP_WORDS=(distune search --res); COMP_CWORD=2; _shtab_distune; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["search", "searches"],
        ["--resume", "--resume-or-begin"],
    ]


@pytest.mark.parametrize("command", ["status", "searches", "results", "finish", "search"])
def test_a_storage_that_does_not_answer_is_one_line_and_exit_code_1(
    run: Run, study_file: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def names(self: Place) -> list[str]:
        raise AwayError("s3://b does not answer (refused)")

    monkeypatch.setattr(Place, "names", names)
    assert run(command, study_file)[::2] == (1, ["distune: s3://b does not answer (refused)"])


def test_a_number_without_a_study_is_refused(run: Run) -> None:
    assert run("status", "--search", 1)[::2] == (
        2,
        ["distune: --search goes with a study file: distune status STUDY --search N"],
    )
