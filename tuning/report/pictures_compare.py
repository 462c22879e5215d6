"""The picture of two searches: their trials, fronts and finalists, each in its colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from distune.tuning.champion.columns import Column
from distune.tuning.metric.config import MetricConfig
from distune.tuning.report.compare import Pair
from distune.tuning.report.hover import hover
from distune.tuning.report.pictures import CONFIG
from distune.tuning.report.style import TEACHER, escaped, figure, wide_axis
from distune.tuning.storage.records import TrialRecord, pareto_front
from distune.tuning.study.errors import StudyError

COLOURS = ("#0072B2", "#E69F00")
SYMBOLS = ("circle", "square")


def write_overlay(pair: Pair, file: Path) -> None:
    """Write the two fronts in one picture, a self-contained HTML file.

    Raises StudyError if the corpora, their labels or the metrics differ: in one picture the scores would be read against
    each other.
    """
    for name, others in (("corpus", "are of different corpora"), ("answers", "have different labels of dev or test")):
        if pair[0].state.get(name) != pair[1].state.get(name):
            raise StudyError(f"--out: the two searches {others}; their scores do not belong in one picture")
    if pair[0].study.config.metric != pair[1].study.config.metric:
        raise StudyError("--out: the two searches have different metrics; their scores do not belong in one picture")
    try:
        overlay(pair).write_html(file, include_plotlyjs=True, config=CONFIG)
    except OSError as error:
        raise StudyError(f"--out: cannot write {file}: {error.strerror}") from error


def overlay(pair: Pair) -> go.Figure:
    """The trials, fronts and finalists of two searches, each in its colour, and their teachers."""
    found = figure(f"A: {pair[0].folder} and B: {pair[1].folder}", 620)
    times: list[float] = []
    for index, findings in enumerate(pair):
        complete = [record for record in findings.records if record.state == "complete"]
        times += [record.latency_ms for record in complete if record.latency_ms]
        found.add_traces(
            [_trials(complete, index, findings.study.config.metric), _front(pareto_front(complete)[::-1], index)]
        )
        if results := findings.results:
            marks = [
                (f"finalist, trial {one.trial}", one.latency.p50_ms, sum(one.dev_scores) / len(one.dev_scores))
                for one in results.finalists
            ]
            times += [p50_ms for _, p50_ms, _ in marks]
            found.add_trace(_marks("finalists", marks, index, "diamond"))
            teacher: Column = results.columns[0]
            if teacher.latency:
                times.append(teacher.latency.p50_ms)
                mark = ("teacher", teacher.latency.p50_ms, teacher.quality.dev_score.mean)
                found.add_trace(_marks("teacher", [mark], index, "star" if index == 0 else "star-open"))
    found.update_xaxes(**wide_axis("milliseconds for one text", times or [1.0]))
    return found.update_yaxes(title_text=f"dev {pair[0].study.config.metric.title}")


def _trials(complete: Sequence[TrialRecord], index: int, metric: MetricConfig) -> go.Scatter:
    return go.Scatter(
        x=[record.latency_ms for record in complete],
        y=[record.score for record in complete],
        mode="markers",
        name=f"{'AB'[index]}: trials (hints)",
        hovertext=[hover(record, metric) for record in complete],
        hoverinfo="text",
        marker={"color": COLOURS[index], "symbol": SYMBOLS[index], "size": 9, "opacity": 0.5},
    )


def _front(front: Sequence[TrialRecord], index: int) -> go.Scatter:
    return go.Scatter(
        x=[record.latency_ms for record in front],
        y=[record.score for record in front],
        mode="lines",
        name=f"{'AB'[index]}: front",
        line={"color": COLOURS[index], "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )


def _marks(name: str, marks: Sequence[tuple[str, float, float]], index: int, symbol: str) -> go.Scatter:
    """Measured models: what each is, its p50 and its score on dev."""
    return go.Scatter(
        x=[p50_ms for _, p50_ms, _ in marks],
        y=[score for _, _, score in marks],
        mode="markers",
        name=f"{'AB'[index]}: {name}",
        hoverinfo="text",
        hovertext=[
            f"<b>{'AB'[index]}, {escaped(what)}</b><br>dev score {score:.4f}<br>p50 {p50_ms:.3f} ms"
            for what, p50_ms, score in marks
        ],
        marker={
            "color": TEACHER if name == "teacher" else COLOURS[index],
            "symbol": symbol,
            "size": 14,
            "line": {"color": TEACHER if name == "teacher" else "#444444", "width": 1.5},
        },
    )
