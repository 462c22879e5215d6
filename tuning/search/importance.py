"""Which hyperparameters mattered, for each objective: from the trials of a search, branch by branch of its space.

They are computed when a search ends and kept in its folder: Optuna's evaluators import scikit-learn and SciPy, which takes seconds.

Optuna weighs the parameters that all trials share. In a conditional space most parameters belong to one branch, such as
the hidden size to the biLSTM; each branch is weighed by itself, over the trials that went into it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import TypeAdapter
from rich.table import Table

from distune._plural import n_of
from distune.corpora.kept import read_object
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import PLAIN

if TYPE_CHECKING:
    from optuna.importance import BaseImportanceEvaluator

    from distune.tuning.study.config import StudyConfig

MIN_TRIALS = 8
"""Fewer trials say nothing of a handful of parameters."""


@dataclass(frozen=True)
class Importance:
    """The shares that parameters have in the differences of one objective; the largest first, 1 in all."""

    objective: str
    group: str
    """Empty for what all trials share, else the branch: `student.kind=bilstm`, or `student.kind=bilstm|textcnn` for what both have."""
    n_trials: int
    shares: dict[str, float]


def importances(
    study: optuna.Study, objectives: Sequence[str], evaluator: Literal["fanova", "mdi"] = "fanova", seed: int = 7
) -> list[Importance]:
    """The importances over the complete trials of a search, for each objective and each branch with enough trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    # Not an earlier study's, which have no configuration here, nor the plain student, whose loss is not of the space.
    trials = [trial for trial in complete if "config" in trial.user_attrs and not trial.user_attrs.get(PLAIN)]
    found = []
    for index, objective in enumerate(objectives):
        for group, members, names in _groups(trials):
            values = [trial.values[index] for trial in members]
            weighed = [name for name in names if objective != "latency_ms" or _can_cost_time(name)]
            if len(members) < MIN_TRIALS or len(set(values)) == 1 or len(weighed) < 2:
                continue
            shares = _shares(members, weighed, values, _evaluator(evaluator, seed))
            found.append(Importance(objective, group, len(members), shares))
    return found


def keep_importances(found: Sequence[Importance], study: optuna.Study, config: StudyConfig, folder: Folder) -> None:
    """Write what mattered into the folder of a search that has ended."""
    kept = {**_asked(study, config), "found": [asdict(one) for one in found]}
    folder.importance.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def importances_of(study: optuna.Study, config: StudyConfig, folder: Folder) -> list[Importance]:
    """The importance of the settings in a search: the kept one of its end. It is computed if the search has not
    ended, was continued, or kept it in another way."""
    asked = _asked(study, config)
    try:
        kept = read_object(folder.importance, "") if folder.importance.is_file() else {}
        if {name: kept.get(name) for name in asked} == asked:
            found = TypeAdapter(list[Importance]).validate_python(kept["found"])
            if all(_are_shares(one.shares.values()) for one in found):
                return found
    except (ValueError, KeyError):  # It is damaged, and all that it says can be had again.
        pass
    return importances(study, config.objective_names, config.search.importance)


def _are_shares(values: Collection[float]) -> bool:
    return all(0 <= value <= 1 for value in values) and math.isclose(sum(values), 1, abs_tol=1e-6)


def _asked(study: optuna.Study, config: StudyConfig) -> dict[str, object]:
    n_complete = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    return {"evaluator": config.search.importance, "objectives": list(config.objective_names), "n_complete": n_complete}


def _evaluator(name: Literal["fanova", "mdi"], seed: int) -> BaseImportanceEvaluator:
    from optuna.importance import FanovaImportanceEvaluator, MeanDecreaseImpurityImportanceEvaluator

    if name == "fanova":  # Hutter et al. 2014
        return FanovaImportanceEvaluator(seed=seed)
    return MeanDecreaseImpurityImportanceEvaluator(seed=seed)  # Louppe et al. 2013


def _can_cost_time(name: str) -> bool:
    """Whether a parameter is of what answers: how a student was trained does not change its speed, and few trials would
    show that it did."""
    return name.split(".", maxsplit=1)[0] in ("tokens", "vectors", "student", "compression") and "dropout" not in name


def _groups(trials: Sequence[FrozenTrial]) -> list[tuple[str, list[FrozenTrial], list[str]]]:
    """Each branch with its trials and the parameters that these, and no others, have; what all share comes first."""
    groups: dict[str, tuple[list[FrozenTrial], list[str]]] = {}
    for name in sorted({name for trial in trials for name in trial.params}):
        members = [trial for trial in trials if name in trial.params]
        condition = _condition(name, members, trials)
        if condition is not None and len({trial.params[name] for trial in members}) > 1:
            groups.setdefault(condition, (members, []))[1].append(name)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1][0]), item[0]))
    # Of a single parameter there is nothing to share out.
    return [(condition, members, names) for condition, (members, names) in ordered if len(names) > 1]


def _condition(name: str, members: Sequence[FrozenTrial], trials: Sequence[FrozenTrial]) -> str | None:
    """The choice that holds for the trials with a parameter and for no others, or None if no single choice separates
    them."""
    if len(members) == len(trials):
        return ""
    found: list[tuple[int, str]] = []
    # Only a choice that the parameter lies under: any other one may go with it in these few trials by chance.
    for choice in {n for n in members[0].params if n.endswith(".kind") and n != name and name.startswith(n[:-4])}:
        kinds = {str(trial.params.get(choice)) for trial in members}
        if sum(str(trial.params.get(choice)) in kinds for trial in trials) == len(members):
            found.append((len(kinds), f"{choice}={'|'.join(sorted(kinds))}"))
    return min(found)[1] if found else None


def _shares(
    trials: Sequence[FrozenTrial], names: Sequence[str], values: Sequence[float], evaluator: BaseImportanceEvaluator
) -> dict[str, float]:
    # A study of these trials and this objective alone: the evaluators then see neither other branches nor objectives.
    alone = optuna.create_study()
    for trial, value in zip(trials, values, strict=True):
        kept = {name: trial.params[name] for name in names}
        distributions = {name: trial.distributions[name] for name in names}
        alone.add_trial(optuna.create_trial(params=kept, distributions=distributions, value=value))
    return optuna.importance.get_param_importances(alone, evaluator=evaluator, params=list(names))


def importance_table(found: Sequence[Importance]) -> Table:
    """The importances as a table, a row for each parameter and objective."""
    table = Table(title="what mattered (share of the differences between trials)", title_justify="left")
    for heading in ("objective", "among", "parameter", "share"):
        table.add_column(heading, justify="right" if heading == "share" else "left")
    for one in found:
        among = f"{one.group or 'all'} ({n_of(one.n_trials, 'trial')})"
        for row, (name, share) in enumerate(one.shares.items()):
            table.add_row("" if row else one.objective, "" if row else among, name, f"{share:.2f}")
    return table
