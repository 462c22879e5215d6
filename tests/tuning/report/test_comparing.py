from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from distune.corpora.places import Place
from distune.tuning.report.compare import Change, changes, comparison, show_comparison, warnings
from distune.tuning.report.findings import Findings
from distune.tuning.report.pictures_compare import overlay, write_overlay
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from tests.making.findings import RECORDS, findings, results, study

__all__ = ["findings", "study"]  # Fixtures.


def test_changes_are_named_by_their_dotted_path() -> None:
    first = {"name": "a", "trial": {"student": [{"kind": "bilstm", "layers": 1}, {"kind": "average"}], "epochs": 4}}
    second = {"name": "a", "trial": {"student": [{"kind": "bilstm", "layers": 2}], "epochs": 4}, "search": {"seed": 1}}
    assert changes(first, second) == [
        Change("trial.student.bilstm.layers", "1", "2"),
        Change("trial.student.average.kind", "average", None),
        Change("search.seed", None, "1"),
    ]


def test_blocks_without_kinds_go_by_their_number() -> None:
    assert changes({"first": [{"x": 1}, {"x": 2}]}, {"first": [{"x": 1}, {"x": 3}]}) == [Change("first.1.x", "2", "3")]


def test_what_does_not_compare_is_said_first(findings: Findings) -> None:
    assert warnings((findings, findings)) == []
    other = replace(findings, state={**findings.state, "corpus": "c1", "teacher": "t1"}, results=None)
    corpus, teacher, unfinished = warnings((findings, other))
    assert corpus.startswith("THE CORPUS IS NOT THE SAME")
    assert teacher.startswith("THE TEACHER IS NOT THE SAME")
    assert "has not come to its end" in unfinished


def test_other_labels_other_files_and_labels_that_are_not_known_are_said(findings: Findings, tmp_path: Path) -> None:
    relabelled = replace(findings, state={**findings.state, "answers": "a1", "train": "l1", "files": "f1"})
    answers, train, files = warnings((findings, relabelled))
    assert answers.startswith("THE LABELS OF DEV OR TEST ARE NOT THE SAME")
    assert train.startswith("THE LABELS OF TRAIN ARE NOT THE SAME")
    assert files.startswith("THE FILES THAT trial NAMES ARE NOT THE SAME")
    with pytest.raises(StudyError, match="--out: the two searches have different labels of dev or test"):
        write_overlay((findings, relabelled), tmp_path / "fronts.html")
    old = replace(findings, state={name: findings.state[name] for name in ("corpus", "teacher")})
    (unknown,) = warnings((old, old))
    assert unknown.startswith("IT IS NOT KNOWN WHETHER THE LABELS OF DEV AND TEST ARE THE SAME")


def test_both_searches_stand_side_by_side(findings: Findings) -> None:
    stream = io.StringIO()
    show_comparison((findings, replace(findings, records=RECORDS[:1], results=None)), Console(file=stream, width=150))
    lines = [" ".join(line.replace("│", "").split()) for line in stream.getvalue().splitlines()]
    assert "champion trial 1, average -" in lines
    assert "trials 4 complete, 1 pruned 1 complete" in lines
    assert "2 0.9000 0.300 bilstm 0 0.7000 0.200 bilstm" in lines
    assert "1 0.8000 0.100 average" in lines
    assert "the study files are the same" in lines


def test_a_terminal_of_80_columns_cuts_nothing_of_two_searches(findings: Findings) -> None:
    stream = io.StringIO()
    assert len(str(findings.folder)) > 40
    show_comparison((findings, findings), Console(file=stream, width=80))
    assert "…" not in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_programs_get_the_results_as_they_were_written(findings: Findings) -> None:
    place = Place(str(findings.folder))
    (place / "results.json").write_text(json.dumps(results()))
    first, _ = json.loads(json.dumps(comparison((findings, findings))))["searches"]
    assert first["results"] == json.loads(json.dumps(results()))
    assert first["front"][0] == {"trial": 2, "accuracy": 0.9, "latency_ms": 0.3}


def test_searches_by_other_metrics_do_not_compare(findings: Findings, tmp_path: Path) -> None:
    other = replace(findings, study=Study({**findings.study.document, "metric": "macro_f1"}))
    (metric,) = warnings((findings, other))
    assert metric == "THE METRIC IS NOT THE SAME (accuracy against macro-F1): the scores do not compare"
    with pytest.raises(StudyError, match="--out: the two searches have different metrics; their scores"):
        write_overlay((findings, other), tmp_path / "fronts.html")


def test_the_overlay_has_both_fronts(findings: Findings, tmp_path: Path) -> None:
    pair = (findings, replace(findings, records=RECORDS[:1]))
    fronts = {trace.name: trace.x for trace in overlay(pair).data}
    assert (fronts["A: front"], fronts["B: front"]) == ((0.1, 0.3), (0.2,))
    write_overlay(pair, tmp_path / "fronts.html")
    assert "plotly.js v" in (tmp_path / "fronts.html").read_text(encoding="utf-8")[:5000]


def test_fronts_of_different_corpora_are_not_overlaid(findings: Findings, tmp_path: Path) -> None:
    other = replace(findings, state={**findings.state, "corpus": "c1"})
    with pytest.raises(StudyError, match="--out: the two searches are of different corpora"):
        write_overlay((findings, other), tmp_path / "fronts.html")
    assert list(tmp_path.iterdir()) == []
