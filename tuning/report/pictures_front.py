"""The picture that answers first: what quality costs what time, with the teacher, the plain student and the rule in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from distune.tuning.champion.columns import Column, Spread
from distune.tuning.champion.results import Results
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.report.hover import hover, hover_of_finalist
from distune.tuning.report.places import heights, label_offset, marks, part_of
from distune.tuning.report.style import QUIET, TEACHER, colour_of, escaped, families, figure, wide_axis
from distune.tuning.storage.records import TrialRecord, pareto_front
from distune.tuning.study.rule import ChampionConfig, least_score, percent

LARGEST_PX = 30.0
OPEN_MARKS = (
    "square-open",
    "triangle-up-open",
    "hexagon-open",
    "triangle-down-open",
    "pentagon-open",
    "star-diamond-open",
)
CHAMPION_PX = (66.0, 18.0)
"""The size of its label."""
GHOST = 0.3
"""Hints are paler than exact timings."""


def front_picture(
    records: Sequence[TrialRecord], results: Results | None, rule: ChampionConfig, metric: MetricConfig = ACCURACY
) -> go.Figure:
    """The score on dev against milliseconds: trials by their hints, finalists and the teacher as they were measured alone."""
    found = figure(f"Pareto front: {metric.title} and speed", 540)
    complete = [record for record in records if record.state == "complete"]
    for trace in (*_trials(complete, metric), *_front(complete), *_titled(records, metric)):
        found.add_trace(trace)
    times = [record.latency_ms for record in records if record.latency_ms and record.score is not None]
    if results:
        found.add_traces([_moved(results, complete), *_finalists(results), *_compared(results)])
        times += [one.latency.p50_ms for one in results.finalists]
        times += [column.latency.p50_ms for column in results.columns if column.latency]
        times += [rule.max_latency_ms] if rule.max_latency_ms else []
        _draw_teacher(found, results.columns[0])
        _draw_baseline(found, results.baseline)
        _draw_rule(found, rule, results.columns[0].quality.dev_score.mean)
    axis = wide_axis("milliseconds for one text", times or [1.0])
    found.update_xaxes(**{"range": [0, 1.08 * max(times, default=1.0)], **axis})
    found.update_yaxes(title_text=f"dev {metric.title}", tickformat=".3~f", range=heights(found))
    if results:
        _name_champion(found, results)
    return found


def _trials(complete: Sequence[TrialRecord], metric: MetricConfig) -> Iterator[go.Scatter]:
    sizes = [record.size_mb for record in complete if record.size_mb]
    for family in families(record.config.student.kind for record in complete):
        colour = colour_of(family)
        of_family = [record for record in complete if record.config.student.kind == family]
        if not of_family:
            continue
        yield go.Scatter(
            x=[record.latency_ms for record in of_family],
            y=[record.score for record in of_family],
            mode="markers",
            name=f"{family}, hints",
            hovertext=[hover(record, metric) for record in of_family],
            hoverinfo="text",
            marker={
                "color": colour,
                "opacity": GHOST,
                "line": {"color": colour, "width": 1},
                "size": [record.size_mb or min(sizes, default=1.0) for record in of_family],
                "sizemode": "area",
                "sizeref": 2 * max(sizes, default=1.0) / LARGEST_PX**2,
                "sizemin": 4,
            },
        )


def _front(complete: Sequence[TrialRecord]) -> Iterator[go.Scatter]:
    front = pareto_front(complete)[::-1]
    if len(front) < 2:
        return  # One point has no line, and would be an empty entry of the legend.
    yield go.Scatter(
        x=[record.latency_ms for record in front],
        y=[record.score for record in front],
        mode="lines",
        line={"color": QUIET, "width": 1.5, "shape": "hv"},
        opacity=0.6,
        name="front of the hints",
        hoverinfo="skip",
    )


def _titled(records: Sequence[TrialRecord], metric: MetricConfig) -> Iterator[go.Scatter]:
    """The trials that have a name, each by an open mark of its own around its hint: the student alone, and the points of `search.first`."""
    drawn = [one for one in records if one.title and one.score is not None and one.latency_ms]
    marks = itertools.cycle(OPEN_MARKS)
    for record in drawn:
        ends = {"complete": "", "pruned": ", stopped early"}
        yield go.Scatter(
            x=[record.latency_ms],
            y=[record.score],
            mode="markers",
            name=f"{escaped(record.title)}, hint{ends.get(record.state, f', {record.state}')}",
            hovertext=[hover(record, metric)],
            hoverinfo="text",
            marker={
                "symbol": "x-thin-open" if record.config.loss.is_plain else next(marks),
                "size": 15,
                "color": colour_of(record.config.student.kind),
                "line": {"width": 2},
            },
        )


def _moved(results: Results, complete: Sequence[TrialRecord]) -> go.Scatter:
    """From each finalist's hint to what was measured."""
    hints = {record.number: record for record in complete}
    x: list[float | None] = []
    y: list[float | None] = []
    for one in results.finalists:
        if one.trial in hints:
            x += [hints[one.trial].latency_ms, one.latency.p50_ms, None]
            y += [hints[one.trial].score, float(np.mean(one.dev_scores)), None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": QUIET, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        name="from hint to measurement",
        showlegend=False,
    )


def _finalists(results: Results) -> Iterator[go.Scatter]:
    for one in results.finalists:
        is_champion = one.trial == results.champion
        colour = colour_of(one.config.student.kind)
        score = Spread(float(np.mean(one.dev_scores)), _sd(one.dev_scores))
        yield go.Scatter(
            x=[one.latency.p50_ms],
            y=[score.mean],
            error_y={"array": [score.sd], "thickness": 1.5, "color": colour},
            mode="markers",
            name="finalists, retrained and timed alone",
            legendgroup="finalists",
            showlegend=one is results.finalists[0],
            hovertext=[hover_of_finalist(one, score, is_champion, results.metric)],
            hoverinfo="text",
            marker={
                "symbol": "diamond",
                "size": 15 if is_champion else 11,
                "color": colour,
                "line": {"color": QUIET, "width": 2 if is_champion else 1},
            },
        )


def _name_champion(found: go.Figure, results: Results) -> None:
    """The champion's label: on an arrow, where it covers least of what else is drawn."""
    if results.champion is None:
        return
    one, axis = results.shown, found.layout.xaxis
    x, y, is_log = one.latency.p50_ms, float(np.mean(one.dev_scores)), axis.type == "log"
    at = part_of(x, axis.range, is_log), part_of(y, found.layout.yaxis.range)
    right, down = label_offset(list(marks(found)), at, CHAMPION_PX)
    found.add_annotation(
        x=math.log10(x) if is_log else x,
        y=y,
        text="<b>champion</b>",
        ax=right,
        ay=down,
        arrowhead=0,
        arrowcolor=QUIET,
        standoff=10,
    )


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _compared(results: Results) -> Iterator[go.Scatter]:
    """The teacher if it was timed, and the student alone, which is the network of the shown one."""
    teacher, alone, _ = results.columns
    if teacher.latency is not None:
        yield _mark(teacher, teacher.latency.p50_ms, "star", 17, TEACHER)
    latency = alone.latency or results.shown.latency
    yield _mark(alone, latency.p50_ms, "x", 10, QUIET)


def _mark(column: Column, p50_ms: float, symbol: str, size: int, colour: str) -> go.Scatter:
    score, title = column.quality.dev_score, escaped(column.quality.metric.title)
    about = [f"<b>{escaped(column.name)}</b>", f"dev {title} {score}", f"p50 {p50_ms:.3f} ms"]
    return go.Scatter(
        x=[p50_ms],
        y=[score.mean],
        mode="markers",
        name=column.name,
        hovertext=["<br>".join(about)],
        hoverinfo="text",
        error_y={"array": [score.sd], "thickness": 1.5, "color": colour},
        marker={"symbol": symbol, "size": size, "color": colour},
    )


def _draw_teacher(found: go.Figure, teacher: Column) -> None:
    """A teacher that was not timed has a score and no place in time: a line, which the legend names."""
    if teacher.latency is None:
        name = f"{escaped(teacher.name)}, not timed"
        found.add_hline(teacher.quality.dev_score.mean, line={"color": TEACHER, "width": 2}, name=name, showlegend=True)


def _draw_baseline(found: go.Figure, baseline: Column | None) -> None:
    """The linear baseline was not timed either."""
    if baseline is not None:
        line = {"color": QUIET, "width": 1.5, "dash": "longdash"}
        found.add_hline(baseline.quality.dev_score.mean, line=line, name=escaped(baseline.name), showlegend=True)


def _draw_rule(found: go.Figure, rule: ChampionConfig, teacher: float) -> None:
    """The bounds of the champion rule. The legend names them: a label at a line covers marks on one screen or another."""
    line = {"color": TEACHER, "width": 1, "dash": "dash"}
    if rule.min_teacher_ratio is not None:
        name = f"{percent(rule.min_teacher_ratio)} of the teacher"
        found.add_hline(least_score(rule.min_teacher_ratio, teacher), line=line, name=name, showlegend=True)
    if rule.max_latency_ms is not None:
        name = f"at most {rule.max_latency_ms:g} ms"
        found.add_vline(rule.max_latency_ms, line={**line, "dash": "dot"}, name=name, showlegend=True)
