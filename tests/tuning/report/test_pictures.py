from __future__ import annotations

import json
import math
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.tuning.champion.results import parse_results
from distune.tuning.report.findings import Findings
from distune.tuning.report.pictures import draw, write_html, write_pngs
from distune.tuning.report.pictures_parallel import most_telling, short_names
from distune.tuning.report.style import escaped, wide_axis
from distune.tuning.search.importance import Importance
from distune.tuning.study.file import Study
from tests.making.findings import ANSWERS, EVIL, RECORDS, findings, results, study

__all__ = ["findings", "study"]  # Fixtures.


def drawn(findings: Findings) -> dict[str, Any]:
    return {picture.name: json.loads(picture.figure.to_json()) for picture in draw(findings)[0]}


def traces(picture: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [trace for trace in picture["data"] if str(trace.get("name", "")).startswith(name)]


def numbers(values: Any) -> list[float]:
    """What plotly writes of an array: a list, or its bytes."""
    if isinstance(values, list):
        return values
    import base64

    return np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"])).tolist()


def test_the_front_has_trials_by_hint_and_finalists_and_teacher_as_measured(findings: Findings) -> None:
    front = drawn(findings)["front"]
    assert [trace["x"] for trace in traces(front, "bilstm")] == [[0.2, 0.3]]
    assert [trace["marker"]["size"] for trace in traces(front, "average")] == [[1.0, 2.0]]
    assert traces(front, "average")[0]["marker"]["sizemode"] == "area"
    assert traces(front, "front")[0]["x"] == [0.1, 0.3]  # trials 1 and 2
    assert [trace["x"] for trace in traces(front, "finalists")] == [[0.1], [0.3]]
    assert traces(front, "finalists")[0]["y"] == pytest.approx([0.83])
    champion = next(one for one in front["layout"]["annotations"] if one["text"] == "<b>champion</b>")
    assert (champion["x"], champion["y"]) == (pytest.approx(-1), pytest.approx(0.83))  # log10 of 0.1 ms
    # Its label stands away from its mark and its error bar.
    assert math.hypot(champion["ax"], champion["ay"]) > 45
    assert traces(front, "finalists")[0]["error_y"]["array"] == pytest.approx([0.0141421356])  # of 0.82 and 0.84
    assert traces(front, "bilstm, hints")[0]["marker"]["opacity"] < 0.5
    assert (traces(front, "teacher")[0]["x"], traces(front, "teacher")[0]["y"]) == ([9.0], [0.9])
    assert front["layout"]["xaxis"]["type"] == "log"  # 0.1 to 9 ms
    (rule,) = front["layout"]["shapes"]
    assert rule["y0"] == pytest.approx(0.81)  # 90 % of 0.9
    assert "<b>trial 2</b>, after 2 of 2 epochs, complete" in traces(front, "bilstm")[0]["hovertext"][1]
    assert "bilstm hidden_size=8" in traces(front, "bilstm")[0]["hovertext"][1]


def test_a_teacher_that_was_not_timed_is_a_line_at_its_accuracy(findings: Findings) -> None:
    raw = results()
    raw["columns"][0]["latency"] = None
    front = drawn(replace(findings, results=parse_results(raw)))["front"]
    assert traces(front, "teacher") == []
    line, rule = front["layout"]["shapes"]
    assert (line["y0"], line["y1"]) == (0.9, 0.9)
    assert rule["y0"] == pytest.approx(0.81)
    assert [one["name"] for one in front["layout"]["shapes"] if one["showlegend"]] == [
        "teacher, not timed",
        "90 % of the teacher",
    ]
    assert [one["text"] for one in front["layout"]["annotations"]] == ["<b>champion</b>"]


def test_the_baseline_is_a_line_at_its_score_on_dev(findings: Findings) -> None:
    raw = results()
    raw["baseline"] = {**raw["columns"][1], "name": "TF-IDF baseline", "latency": None}
    front = drawn(replace(findings, results=parse_results(raw)))["front"]
    line, rule = front["layout"]["shapes"]
    assert (line["name"], line["y0"], line["y1"]) == ("TF-IDF baseline", 0.7, 0.7)
    assert rule["y0"] == pytest.approx(0.81)


def test_the_points_that_a_study_names_and_the_student_alone_are_drawn_by_their_names(findings: Findings) -> None:
    named = replace(RECORDS[1], point="Tang <et al.>")
    stopped = replace(RECORDS[4], point="search.first.1")
    lost = replace(RECORDS[2], point="never trained", score=None)
    front = drawn(replace(findings, records=(RECORDS[0], named, stopped, lost)))["front"]
    (mark,) = traces(front, "Tang &lt;et al.&gt;, hint")
    assert (mark["x"], mark["y"]) == ([0.1], [0.8])
    assert mark["hovertext"][0].startswith("<b>trial 1, Tang &lt;et al.&gt;</b>, after 2 of 2 epochs, complete")
    assert [one["name"] for one in traces(front, "search.first")] == ["search.first.1, hint, stopped early"]
    assert traces(front, "never") == []
    plain, alone = traces(front, "student alone")
    assert (plain["name"], plain["x"], plain["y"]) == ("student alone, hint", [0.2], [0.7])
    assert (alone["name"], alone["x"], alone["y"]) == ("student alone", [0.1], [0.7])
    symbols = [one["marker"]["symbol"] for one in (mark, *traces(front, "search.first"), plain)]
    assert len(set(symbols)) == 3


def test_a_student_alone_that_was_not_timed_stands_at_the_time_of_its_network(findings: Findings) -> None:
    raw = results()
    raw["columns"][1]["latency"] = None
    front = drawn(replace(findings, results=parse_results(raw)))["front"]
    assert traces(front, "student alone")[1]["x"] == [0.1]


def test_no_entry_of_the_legend_of_the_front_is_empty(findings: Findings) -> None:
    front = drawn(replace(findings, records=RECORDS[1:2]))["front"]  # One trial is no line of a front.
    named = [trace for trace in front["data"] if trace.get("showlegend", True)]
    assert [trace["name"] for trace in named] == [
        "average, hints",
        "finalists, retrained and timed alone",
        "teacher",
        "student alone",
    ]
    assert all(trace.get("visible", True) is True for trace in named)


def test_of_many_labels_the_most_confused_pairs_are_drawn_in_order(findings: Findings) -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 3, 4])
    said = {"student": [1, 1, 2, 0, 1, 2, 4, 3], "teacher": [1, 0, 0, 1, 1, 2, 3, 3]}
    logits = {name: np.eye(60, dtype=np.float32)[rows] for name, rows in said.items()}
    names = tuple(f"类{i}" for i in range(60))
    many = replace(ANSWERS, names=names, labels=labels, **logits)
    student, teacher = drawn(replace(findings, answers=many))["confusion"]["data"]
    # Twice 0 is taken for 1; of the pairs that occur once, the teacher shares the one of 4.
    assert student["y"] == ["类0 → 类1", "类4 → 类3", "类0 → 类2", "类1 → 类0", "类3 → 类4"]
    assert (student["x"], teacher["x"]) == ([2, 1, 1, 1, 1], [1, 1, 0, 0, 0])


def test_of_two_hundred_curves_the_finalists_stand_out(findings: Findings) -> None:
    many = tuple(replace(RECORDS[1 + n % 2], number=n) for n in range(200))
    curves = drawn(replace(findings, records=many))["curves"]
    thin, thick = traces(curves, "bilstm")[0], traces(curves, "champion")[0]
    assert (thin["mode"], thin["opacity"]) == ("lines", 0.15)
    assert (thick["mode"], thick["line"]["width"]) == ("lines+markers", 4)


def test_the_history_counts_trials_by_their_own_numbers(findings: Findings) -> None:
    accuracy, best, latency_ms, fastest = drawn(replace(findings, records=RECORDS[1:]))["history"]["data"]
    assert [numbers(trace["x"]) for trace in (accuracy, latency_ms)] == [[1, 2, 3], [1, 2, 3]]
    assert numbers(accuracy["y"]) == [0.8, 0.9, 0.85]
    assert numbers(best["y"]) == [0.8, 0.9, 0.9]
    assert numbers(fastest["y"]) == [0.1, 0.1, 0.1]


def test_parallel_coordinates_have_what_each_branch_has_and_the_front_in_front(findings: Findings) -> None:
    parallel = drawn(findings)["parallel"]
    axes = parallel["layout"]["xaxis"]["ticktext"]
    assert axes[:2] == ["dev accuracy", "hint, ms"]
    assert {"student", "hidden_size", "hidden_layer", "kd_weight", "temperature", "trial"} <= set(axes)
    lines = [re.search(r"trial (\d)", trace["hovertext"]) for trace in parallel["data"]]
    # Trial 0 is the plain student, which lies outside of the space; 1 and 2 are the front.
    assert [line and line.group(1) for line in lines][:1] == ["3"]
    assert {line.group(1) for line in lines[1:] if line} == {"1", "2"}


def test_short_names_stay_apart() -> None:
    paths = ["student.kind", "student.dropout@bilstm", "loss.hidden.kind", "student.hidden", "learning_rate"]
    assert short_names(paths) == {
        "student.kind": "student",
        "student.dropout@bilstm": "dropout",
        "loss.hidden.kind": "loss.hidden.kind",
        "student.hidden": "student.hidden",
        "learning_rate": "learning_rate",
    }


def test_of_many_settings_those_are_drawn_that_mattered() -> None:
    params = [{f"x{i}": i for i in range(12)} | ({"rare": 1} if n == 0 else {}) for n in range(4)]
    mattered = [Importance("accuracy", "", 4, {"x11": 0.9, "x10": 0.1}), Importance("accuracy", "a", 1, {"rare": 0.8})]
    found = most_telling(params, mattered)
    assert found[:4] == ["x11", "rare", "x10", "x0"]  # .9, .8 of a quarter, .1, then what most trials have
    assert len(found) == 10


def test_importances_are_bars_of_each_branch(findings: Findings) -> None:
    bars = drawn(findings)["importance"]["data"]
    assert [(bar["name"], bar["y"], bar["x"]) for bar in bars] == [
        ("all (4 trials)", ["learning_rate", "loss.kd_weight"], [0.75, 0.25]),
        ("student.kind=bilstm (4 trials)", ["student.hidden_size"], [1.0]),
    ]


def test_the_curves_of_finalists_stand_out_and_others_are_one_trace_with_gaps(findings: Findings) -> None:
    curves = drawn(findings)["curves"]
    assert traces(curves, "champion, trial 1")[0]["y"] == pytest.approx([0.7, 0.8, None])
    thin = traces(curves, "bilstm")[0]
    assert thin["x"] == [1, 2, None, 1, None]  # trial 0, and trial 4, which was stopped


def test_calibration_and_confusion_are_counted_by_hand(findings: Findings) -> None:
    pictures = drawn(findings)
    sure = [1 / (1 + math.exp(-gap)) for gap in (1, 4, 3)]  # the student: right, wrong, wrong
    expected = (abs(1 - sure[0]) + 2 * abs(0 - (sure[1] + sure[2]) / 2)) / 3
    assert traces(pictures["calibration"], "student")[0]["name"] == f"student, calibration error {expected:.3f}"
    teacher, student = pictures["confusion"]["data"]
    assert np.array(numbers(teacher["text"])).ravel().tolist() == [1, 1, 0, 1]
    assert np.array(numbers(student["text"])).ravel().tolist() == [1, 1, 1, 0]


def test_the_latency_distribution_has_teacher_and_finalists(findings: Findings) -> None:
    names = [trace["name"] for trace in drawn(findings)["latency"]["data"]]
    assert names == ["teacher", "champion, trial 1 (average)", "finalist, trial 2 (bilstm)"]


def test_what_an_old_or_unfinished_search_lacks_is_named_and_the_rest_is_drawn(findings: Findings) -> None:
    old = results()
    for one in (*old["finalists"], *old["columns"]):
        (one["onnxruntime"] if "trial" in one else one["latency"]).pop("quantiles_ms")
    for one in old["finalists"]:
        del one["size_mb"]
    for key in ("texts", "versions", "timed_texts"):
        del old[key]
    records = tuple(replace(one, curve=(), size_mb=None) for one in RECORDS)
    pictures, missing = draw(replace(findings, answers=None, results=parse_results(old), records=records))
    assert [one.name for one in pictures] == ["front", "history", "parallel", "importance"]
    assert [one.partition(":")[0] for one in missing] == [
        "Learning curves",
        "Calibration",
        "Accuracy against coverage",
        "Confusion matrix",
        "Latency distribution",
    ]
    nothing, missing = draw(replace(findings, records=(), results=None, answers=None, mattered=()))
    assert (nothing, len(missing)) == ([], 9)


def test_a_single_objective_has_its_pictures(document: dict[str, Any], findings: Findings) -> None:
    document["search"]["objectives"] = ["accuracy"]
    pictures = drawn(replace(findings, study=Study(document)))
    assert len(pictures["history"]["data"]) == 2
    assert pictures["parallel"]["layout"]["xaxis"]["ticktext"][0] == "dev accuracy"


def test_an_axis_is_logarithmic_where_values_span_more_than_a_factor_of_ten() -> None:
    assert "type" not in wide_axis("ms", [0.1, 1.0])
    axis = wide_axis("ms", [0.1, 2.0])
    assert axis["type"] == "log"
    assert axis["ticktext"] == ["0.1", "0.2", "0.5", "1", "2"]
    assert "type" not in wide_axis("ms", [0.0, 2.0])


def test_html_files_share_one_plotly_and_no_text_breaks_out(findings: Findings, tmp_path: Path) -> None:
    answers = replace(ANSWERS, names=("差", EVIL))
    pictures, _ = draw(replace(findings, answers=answers))
    write_html(pictures, tmp_path)
    assert {path.name for path in tmp_path.glob("*.js")} == {"plotly.min.js"}
    page = (tmp_path / "confusion.html").read_text(encoding="utf-8")
    assert 'src="plotly.min.js"' in page
    assert "broken out'</script>" not in page
    assert escaped(EVIL).count("<") == 0


def test_where_there_is_no_chromium_the_missing_pngs_are_one_line(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no-browser"))
    assert write_pngs(draw(findings)[0], tmp_path) == []
    (line,) = said
    assert line.startswith("no PNGs of the pictures (front, history, parallel, importance, curves, calibration, ")
    assert line.endswith("; `distune report` on a machine with Chromium draws them")
    assert os.linesep not in line


def test_without_kaleido_the_page_is_written_and_the_missing_package_is_named(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    assert write_pngs(draw(findings)[0], tmp_path) == []
    (line,) = said
    assert "the package kaleido is not installed; pip install 'distune[pictures]'" in line
