"""Pictures of how a search went: its history, its space, what mattered, how its trials learnt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distune._plural import n_of
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.report.hover import hover
from distune.tuning.report.style import FAMILIES, QUIET, STUDENT, colour_of, escaped, families, figure, wide_axis
from distune.tuning.search.importance import Importance
from distune.tuning.storage.records import DIRECTIONS, TrialRecord

MIN_TRIALS = 2
LINES_THAT_READ = 15
"""With more curves than this they are paler, so areas with many curves are dark and the finalists stand out."""
PALEST = 0.15


def objective_title(figure: str, metric: MetricConfig) -> str:
    """An objective as people read it."""
    return "hint, ms" if figure == "latency_ms" else f"dev {metric.title}"


def history_picture(
    records: Sequence[TrialRecord], objectives: Sequence[str], metric: MetricConfig = ACCURACY
) -> go.Figure:
    """Optuna's history of each objective: every complete trial, and the best so far."""
    complete = complete_trials(records)
    found = _rows("Optimisation history", [objective_title(name, metric) for name in objectives], 260)
    for row, name in enumerate(objectives, start=1):
        study = optuna.create_study(direction=DIRECTIONS[name])
        study.add_trials([optuna.create_trial(value=float(getattr(record, name))) for record in complete])
        points, best, *_ = optuna.visualization.plot_optimization_history(study).data
        points.update(
            name="trials, coloured by family",
            hovertext=[hover(record, metric) for record in complete],
            hoverinfo="text",
            marker={"color": [colour_of(record.config.student.kind) for record in complete], "size": 8},
        )
        best.update(name="the best so far", line={"color": QUIET, "width": 1.5, "shape": "hv"}, hoverinfo="skip")
        for trace in (points, best):
            # Optuna counts the trials that it was given; the search also has others.
            trace.update(x=[complete[number].number for number in trace.x], legendgroup=trace.name, showlegend=row == 1)
            found.add_trace(trace, row=row, col=1)
    found.update_xaxes(title_text="trial", row=len(objectives), col=1)
    return found


def importance_picture(found: Sequence[Importance], metric: MetricConfig = ACCURACY) -> go.Figure:
    """The shares of the hyperparameters in the differences of each objective, those of one branch among themselves."""
    objectives = list(dict.fromkeys(one.objective for one in found))
    groups = list(dict.fromkeys(one.group for one in found))
    others = [colour for colour in FAMILIES.values() if colour != STUDENT]
    colours = dict(zip(groups, [STUDENT, *others, *[QUIET] * len(groups)], strict=False))
    n_bars = [sum(len(one.shares) for one in found if one.objective == name) for name in objectives]
    base = figure("Hyperparameter importance", 170 + 22 * sum(n_bars) + 50 * len(n_bars))
    drawn = make_subplots(
        rows=len(objectives),
        cols=1,
        row_heights=n_bars,
        shared_xaxes=True,
        vertical_spacing=0.1,
        figure=base,
        subplot_titles=[f"in the differences of {objective_title(name, metric)}" for name in objectives],
    )
    named = set()
    for one in found:
        among = escaped(f"{one.group or 'all'} ({n_of(one.n_trials, 'trial')})")
        drawn.add_trace(
            go.Bar(
                x=list(one.shares.values()),
                y=[escaped(name) for name in one.shares],
                orientation="h",
                name=among,
                marker={"color": colours[one.group]},
                hovertemplate="%{y}: %{x:.2f}<extra>among " + among + "</extra>",
                legendgroup=one.group,
                showlegend=one.group not in named,
            ),
            row=objectives.index(one.objective) + 1,
            col=1,
        )
        named.add(one.group)
    drawn.update_layout(bargap=0.35, barmode="overlay")
    drawn.update_yaxes(autorange="reversed", ticklen=0)
    return drawn.update_xaxes(title_text="share", row=len(objectives), col=1)


def curves_picture(
    records: Sequence[TrialRecord], finalists: Mapping[int, str], metric: MetricConfig = ACCURACY
) -> go.Figure:
    """The score on dev and loss of each trial by epoch; `finalists` names those that are drawn thick, by number."""
    drawn = _rows("Learning curves", [f"dev {metric.title}", "training loss"], 260)
    with_curve = [record for record in records if record.curve]
    for family in families(one.config.student.kind for one in with_curve):
        thin = [one for one in with_curve if one.config.student.kind == family and one.number not in finalists]
        if thin:
            opacity = max(PALEST, min(0.6, LINES_THAT_READ / len(with_curve)))
            style = {"line": {"color": colour_of(family), "width": 1}, "opacity": opacity, "name": family}
            _add_curves(drawn, thin, style, metric)
    for record in with_curve:
        if record.number in finalists:
            colour = colour_of(record.config.student.kind)
            style = {
                "line": {"color": colour, "width": 4},
                "name": f"{finalists[record.number]}, trial {record.number}",
            }
            _add_curves(drawn, [record], style, metric)
    losses = [epoch.loss for record in with_curve for epoch in record.curve if epoch.loss > 0]
    if losses:
        drawn.update_yaxes(**wide_axis("training loss", losses), row=2, col=1)
    return drawn.update_xaxes(title_text="epoch", row=2, col=1).update_xaxes(dtick=max(1, _longest(with_curve) // 12))


def _longest(records: Sequence[TrialRecord]) -> int:
    return max((record.curve[-1].number for record in records), default=1)


def _add_curves(drawn: go.Figure, records: Sequence[TrialRecord], style: dict[str, Any], metric: MetricConfig) -> None:
    """Curves of one style, as one trace with gaps."""
    for row, measure in enumerate(("score", "loss"), start=1):
        points: list[tuple[float | None, float | None, str]] = []
        for record in records:
            points += [(epoch.number, getattr(epoch, measure), hover(record, metric)) for epoch in record.curve]
            points.append((None, None, ""))
        x, y, texts = zip(*points, strict=True)
        drawn.add_trace(
            go.Scatter(
                x=x,
                y=y,
                hovertext=texts,
                hoverinfo="text",
                mode="lines+markers" if len(records) <= LINES_THAT_READ else "lines",
                marker={"size": 5},
                connectgaps=False,
                legendgroup=style["name"],
                showlegend=row == 1,
                **style,
            ),
            row=row,
            col=1,
        )


def complete_trials(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that have come to their end."""
    return [record for record in records if record.state == "complete"]


def _rows(title: str, titles: Sequence[str], row_height: int) -> go.Figure:
    """A picture of rows that share the horizontal axis, each named by its vertical one."""
    base = figure(title, 110 + row_height * len(titles))
    found = make_subplots(rows=len(titles), cols=1, shared_xaxes=True, vertical_spacing=0.08, figure=base)
    for row, name in enumerate(titles, start=1):
        found.update_yaxes(title_text=name, row=row, col=1)
    return found


def is_drawable(records: Sequence[TrialRecord]) -> bool:
    """Whether there are enough complete trials, with finite figures, for pictures of them all."""
    figures = [(record.score, record.latency_ms) for record in complete_trials(records)]
    return len(figures) >= MIN_TRIALS and all(v is not None and math.isfinite(v) for pair in figures for v in pair)
