"""Which hyperparameters mattered, for each objective: from the trials of a search, branch by branch of its space.

Optuna weighs the parameters that all trials share. In a conditional space most parameters belong to one branch, such as
the hidden size to the biLSTM; each branch is weighed by itself, over the trials that went into it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import optuna
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
)
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

MIN_TRIALS = 8
"""Fewer trials say nothing of a handful of parameters."""
EVALUATORS: dict[str, type[FanovaImportanceEvaluator | MeanDecreaseImpurityImportanceEvaluator]] = {
    "fanova": FanovaImportanceEvaluator,  # Hutter et al. 2014
    "mdi": MeanDecreaseImpurityImportanceEvaluator,  # Louppe et al. 2013
}


@dataclass(frozen=True)
class Importance:
    """The shares that parameters have in the differences of one objective; the largest first, 1 in all."""

    objective: str
    group: str
    """Empty for what all trials share, else the branch, such as `student.kind=bilstm`."""
    n_trials: int
    shares: dict[str, float]


def importances(
    study: optuna.Study, objectives: Sequence[str], evaluator: Literal["fanova", "mdi"] = "fanova", seed: int = 7
) -> list[Importance]:
    """The importances over the complete trials of a search, for each objective and each branch with enough trials."""
    trials = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if "config" in t.user_attrs]
    found = []
    for index, objective in enumerate(objectives):
        for group, members, names in _groups(trials):
            values = [trial.values[index] for trial in members]
            weighed = [name for name in names if objective != "latency_ms" or _can_cost_time(name)]
            if len(members) < MIN_TRIALS or len(set(values)) == 1 or len(weighed) < 2:
                continue
            shares = _shares(members, weighed, values, EVALUATORS[evaluator](seed=seed))
            found.append(Importance(objective, group, len(members), shares))
    return found


def _can_cost_time(name: str) -> bool:
    """Whether a parameter is of what answers: how a student was trained does not change its speed, and few trials would
    show that it did."""
    return name.split(".", maxsplit=1)[0] in ("tokens", "vectors", "student", "compression") and "dropout" not in name


def _groups(trials: Sequence[FrozenTrial]) -> Iterator[tuple[str, list[FrozenTrial], list[str]]]:
    """Each branch with its trials and the parameters that all of them, and no larger branch's trials, have."""
    branches: list[tuple[str, list[FrozenTrial]]] = [("", list(trials))]
    kinds = sorted({(name, str(value)) for t in trials for name, value in t.params.items() if name.endswith(".kind")})
    for name, value in kinds:
        branches.append((f"{name}={value}", [t for t in trials if str(t.params.get(name)) == value]))
    placed: set[str] = set()
    for group, members in sorted(branches, key=lambda branch: -len(branch[1])):
        shared = set.intersection(*(set(t.params) for t in members)) if members else set()
        varied = sorted(n for n in shared - placed if len({t.params[n] for t in members}) > 1)
        placed |= shared
        if len(varied) > 1:
            yield group, members, varied


def _shares(
    trials: Sequence[FrozenTrial], names: Sequence[str], values: Sequence[float], evaluator: BaseImportanceEvaluator
) -> dict[str, float]:
    # A study of these trials and this objective alone: the evaluators then see neither other branches nor objectives.
    alone = optuna.create_study()
    for trial, value in zip(trials, values, strict=True):
        kept = {name: trial.params[name] for name in names}
        distributions = {name: trial.distributions[name] for name in names}
        alone.add_trial(optuna.create_trial(params=kept, distributions=distributions, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.importance.get_param_importances(alone, evaluator=evaluator, params=list(names))


def importance_table(found: Sequence[Importance]) -> Table:
    """The importances as a table, a row for each parameter and objective."""
    table = Table(title="what mattered (share of the differences between trials)", title_justify="left")
    for heading in ("objective", "among", "parameter", "share"):
        table.add_column(heading, justify="right" if heading == "share" else "left")
    for one in found:
        among = f"{one.group or 'all'} ({one.n_trials} trials)"
        for row, (name, share) in enumerate(one.shares.items()):
            table.add_row("" if row else one.objective, "" if row else among, name, f"{share:.2f}")
    return table
