"""Pictures of how a search went: its history, its space, what mattered, how its trials learnt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import optuna
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distune._plural import n_of
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.report.pictures_front import hover
from distune.tuning.report.style import FAMILIES, QUIET, STUDENT, colour_of, escaped, families, figure, wide_axis
from distune.tuning.search.importance import Importance
from distune.tuning.search.suggest import distributions
from distune.tuning.storage.records import DIRECTIONS, TrialRecord, pareto_front
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import params_of
from distune.tuning.study.space import Space

MIN_TRIALS = 2
MAX_AXES = 10
LINES_THAT_READ = 15
"""With more curves than this they are paler, so areas with many curves are dark and the finalists stand out."""
PALEST = 0.15


def _name(figure: str, metric: MetricConfig) -> str:
    """An objective as people read it."""
    return "hint, ms" if figure == "latency_ms" else f"dev {metric.title}"


def history_picture(
    records: Sequence[TrialRecord], objectives: Sequence[str], metric: MetricConfig = ACCURACY
) -> go.Figure:
    """Optuna's history of each objective: every complete trial, and the best so far."""
    complete = _complete(records)
    found = _rows("Optimisation history", [_name(name, metric) for name in objectives], 260)
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


def parallel_picture(
    records: Sequence[TrialRecord],
    objectives: Sequence[str],
    space: Space,
    mattered: Sequence[Importance],
    metric: MetricConfig = ACCURACY,
) -> go.Figure:
    """Optuna's parallel coordinates of all complete trials in the conditional space, the front in front.

    In a wide space it has only the axes that mattered most.
    """
    complete = {record.number: record for record in _complete(records)}
    study = optuna.create_study(directions=[DIRECTIONS[name] for name in objectives])
    study.add_trials(list(_in_space(complete.values(), objectives, space, mattered)))
    drawn = optuna.visualization.plot_parallel_coordinate(study)
    front = {record.number for record in pareto_front(complete.values())}
    lines = drawn.data[:-1]  # The last one is the colour bar.
    found = figure("Parallel coordinates", 480)
    for line in sorted(lines, key=lambda line: _number(line) in front):
        _restyle(line, complete[_number(line)], _number(line) in front, metric)
        found.add_trace(line)
    found.update_layout(
        xaxis=drawn.layout.xaxis,
        yaxis=drawn.layout.yaxis,
        shapes=drawn.layout.shapes,
        annotations=drawn.layout.annotations,
        showlegend=False,
    )
    ticks = drawn.layout.xaxis.ticktext or ()
    labels = [escaped(label) for label in (*(_name(name, metric) for name in objectives), *ticks[len(objectives) :])]
    found.update_xaxes(ticklen=0, showline=False, ticktext=labels)
    return found.update_annotations(font={"color": None, "size": 11})


def _in_space(
    records: Iterable[TrialRecord], objectives: Sequence[str], space: Space, mattered: Sequence[Importance]
) -> Iterator[optuna.trial.FrozenTrial]:
    """Trials as Optuna has them, with the parameters to be drawn under short names, and their number as one more."""
    placed: list[tuple[TrialRecord, dict[str, Any]]] = []
    for record in records:
        try:
            placed.append((record, params_of(space, record.config.model_dump(mode="json"), "", whole=True)))
        except StudyError:  # The plain student, whose loss is not of the space.
            continue
    axes = most_telling([params for _, params in placed], mattered)
    kinds, shorter = distributions(space), short_names(axes)
    for record, params in placed:
        chosen = [name for name in axes if name in params]
        yield optuna.create_trial(
            params={**{shorter[name]: params[name] for name in chosen}, "trial": record.number},
            distributions={
                **{shorter[name]: kinds[name] for name in chosen},
                "trial": optuna.distributions.IntDistribution(0, record.number),
            },
            values=[float(getattr(record, name)) for name in objectives],
        )


def most_telling(params: Sequence[Mapping[str, Any]], mattered: Sequence[Importance]) -> list[str]:
    """The parameters that mattered most, each by its share in the trials that it was weighed in; then those that most
    trials have; ten at most."""
    weights = Counter(name for one in params for name in one)
    scores = {name: n / (1e6 * len(params)) for name, n in weights.items()}
    for one in mattered:
        for name, share in one.shares.items():
            if name in scores:
                scores[name] = max(scores[name], share * one.n_trials / len(params))
    return sorted(scores, key=lambda name: -scores[name])[:MAX_AXES]


def _number(line: go.Scatter) -> int:
    """The trial whose line it is."""
    return int(float(dict(line.customdata)["trial"]))


def _restyle(line: go.Scatter, record: TrialRecord, is_front: bool, metric: MetricConfig) -> None:
    line.update(
        line={"color": STUDENT if is_front else QUIET, "width": 2.2 if is_front else 1, "dash": "solid"},
        opacity=0.9 if is_front else 0.45,
        hovertext=hover(record, metric),
        hoverinfo="text",
        hovertemplate=None,
    )


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """The last part of each dotted path, for a kind what it is the kind of; the whole path if two would be the same."""
    short = {path: path.removesuffix(".kind").rpartition(".")[2].partition("@")[0] for path in paths}
    taken = [*short.values(), "trial"]
    return {path: name if taken.count(name) == 1 else path for path, name in short.items()}


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
        subplot_titles=[f"in the differences of {_name(name, metric)}" for name in objectives],
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


def _complete(records: Sequence[TrialRecord]) -> list[TrialRecord]:
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
    figures = [(record.score, record.latency_ms) for record in _complete(records)]
    return len(figures) >= MIN_TRIALS and all(v is not None and math.isfinite(v) for pair in figures for v in pair)
