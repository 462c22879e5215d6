"""The records of the trials of a search: values read back from the Optuna study, the one truth about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import optuna
from optuna.trial import FrozenTrial, TrialState

from distune.corpora.kept import reading
from distune.tuning.metric.config import MetricConfig
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.study.config import FIRST, StudyConfig
from distune.tuning.study.describe import HARD_LABEL_STUDENT, STUDENT_ALONE
from distune.tuning.trial.config import TrialConfig

PLAIN = "plain"
NAMED = "named"
"""The attribute of a trial that was asked for by name: a point of `search.first`, or the hard-label student."""
FIXED = "fixed_params"
"""Where Optuna keeps what an enqueued trial was given: a search of before `NAMED` tells its first points by it."""

State = Literal["running", "complete", "pruned", "infeasible", "failed", "skipped"]
STATES = get_args(State)
DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {"score": "maximize", "latency_ms": "minimize"}


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training: its score on dev and its mean loss."""

    number: int
    score: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial. `score` is its best epoch's by the metric on dev, `latency_ms` the hint before training, `size_mb` the size of
    its served network. `curve` has the epochs that its last driver saw."""

    number: int
    state: State
    config: TrialConfig
    score: float | None = None
    latency_ms: float | None = None
    epochs: int = 0
    error: str | None = None
    size_mb: float | None = None
    curve: tuple[Epoch, ...] = ()
    point: str | None = None
    """The name of the point of `search.first` at which it was tried, or that of the hard-label student."""

    @property
    def title(self) -> str:
        """Its name in tables and pictures, next to its number; empty for a trial of the sampler."""
        is_alone = self.config.loss.is_plain and self.point != HARD_LABEL_STUDENT
        return STUDENT_ALONE if is_alone else self.point or ""

    @property
    def cause(self) -> str:
        """In one line why a trial failed or was skipped, and where its log is."""
        *lines, last = (self.error or "unknown").strip().splitlines()
        return f"{lines[-1]} ({last})" if lines and last.startswith("log: ") else last


class Observer(Protocol):
    """Somebody who follows a search from the driver: the live line, the MLflow runs."""

    def started(self, record: TrialRecord) -> None: ...

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None: ...

    def ended(self, record: TrialRecord) -> None: ...


def open_study(config: StudyConfig, journal: Journal) -> optuna.Study:
    """The Optuna study of a search, made if it does not exist; `journal.flush` makes its entries durable."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=config.name,
        storage=optuna.storages.JournalStorage(journal),
        load_if_exists=True,
        directions=[DIRECTIONS[name] for name in config.search.figures],
    )


def records_in(config: StudyConfig, folder: Folder) -> list[TrialRecord]:
    """Every trial of a search, as its folder has it now."""
    return read_journal(config, folder)[1]


def read_journal(config: StudyConfig, folder: Folder) -> tuple[optuna.Study, list[TrialRecord]]:
    """The Optuna study of a search and every trial, as its folder has them now. Raises DamagedError if they cannot
    be read."""
    with reading(folder.journal, "copy it from where it was kept whole, or start a new search"):
        study = open_study(config, Journal(folder.journal))
        return study, read_records(study)


def read_records(study: optuna.Study) -> list[TrialRecord]:
    """Every trial that was given a configuration, by number."""
    return [record for trial in study.get_trials(deepcopy=False) if (record := to_record(trial)) is not None]


def to_record(trial: FrozenTrial) -> TrialRecord | None:
    """A trial as a record, or None for one that was asked for and never configured."""
    attributes = trial.user_attrs
    if "config" not in attributes:
        return None
    state: State = "running"
    if trial.state != TrialState.RUNNING:
        state = attributes["state"]
    if state not in STATES:
        raise ValueError(f"trial {trial.number} has the state {state!r:.80}")
    error = attributes.get("error")
    return TrialRecord(
        number=trial.number,
        state=state,
        config=TrialConfig.kept(attributes["config"]),
        score=_number(attributes, "score" if "score" in attributes else "accuracy"),
        latency_ms=_number(attributes, "latency_ms"),
        epochs=int(_number(attributes, "epochs") or 0),
        error=None if error is None else str(error),
        size_mb=_number(attributes, "size_mb"),
        curve=tuple(_epoch(*one) for one in attributes.get("curve", ())),
        point=str(attributes[NAMED]) if NAMED in attributes else FIRST if trial.system_attrs.get(FIXED) else None,
    )


def _epoch(number: int, score: float, loss: float) -> Epoch:
    return Epoch(int(number), float(score), float(loss))


def _number(attributes: Mapping[str, Any], name: str) -> float | None:
    value = attributes.get(name)
    if value is not None and type(value) not in (int, float):
        raise ValueError(f"{name} is {value!r:.80}")
    return value


def pareto_front(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The complete trials that no other beats in both score and latency, the best score first; one of which either is
    not known is not on it."""
    ordered = sorted(
        (-record.score, record.latency_ms, record.number, record)
        for record in records
        if record.state == "complete" and record.score is not None and record.latency_ms is not None
    )
    front: list[TrialRecord] = []
    fastest_ms = math.inf
    for _, latency_ms, _, record in ordered:
        if latency_ms < fastest_ms:
            front.append(record)
            fastest_ms = latency_ms
    return front


def count_done(records: Iterable[TrialRecord]) -> int:
    """How many trials have ended, in whatever way."""
    return sum(record.state != "running" for record in records)


def best_score(records: Iterable[TrialRecord]) -> float | None:
    """The best score on dev of all trials, None without one."""
    return max((record.score for record in records if record.score is not None), default=None)


def front_facts(records: Iterable[TrialRecord], metric: MetricConfig) -> list[dict[str, Any]]:
    """The Pareto front for programs."""
    return [
        {"trial": one.number, metric.kind: one.score, "latency_ms": one.latency_ms} for one in pareto_front(records)
    ]


def count_states(records: Sequence[TrialRecord]) -> dict[str, int]:
    """How many trials are in each state."""
    counts = {"running": 0, "complete": 0, "pruned": 0, "infeasible": 0, "failed": 0, "skipped": 0}
    for record in records:
        counts[record.state] += 1
    return counts
