"""The picture of the space: all complete trials in parallel coordinates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import optuna
import plotly.graph_objects as go

from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.report.hover import hover
from distune.tuning.report.pictures_search import complete_trials, objective_title
from distune.tuning.report.style import QUIET, STUDENT, escaped, figure
from distune.tuning.search.importance import Importance
from distune.tuning.search.suggest import distributions
from distune.tuning.storage.records import DIRECTIONS, TrialRecord, pareto_front
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import params_of
from distune.tuning.study.space import Space

MAX_AXES = 10


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
    complete = {record.number: record for record in complete_trials(records)}
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
    labels = [
        escaped(label) for label in (*(objective_title(name, metric) for name in objectives), *ticks[len(objectives) :])
    ]
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
