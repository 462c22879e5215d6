"""Proposals of a search in a folder, and what its trials report."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from distune.corpora.places import Place
from distune.tuning.search.proposals import Proposals
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, open_study
from distune.tuning.study.file import Study


class Diary:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def started(self, record: TrialRecord) -> None:
        self.lines.append(("started", record.number))

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        self.lines.append(("reported", number, epoch, metrics["score"]))

    def ended(self, record: TrialRecord) -> None:
        self.lines.append(("ended", record.number, record.state))


@pytest.fixture
def study(document: dict[str, Any]) -> Study:
    return Study(document)


def proposals(
    study: Study,
    folder: Path | Place,
    n_trials: int = 4,
    diary: Diary | None = None,
    sampler: optuna.samplers.BaseSampler | None = None,
) -> Proposals:
    there = Folder(Place(str(folder)))
    journal = Journal(there.journal)
    optuna_study = open_study(study.config, journal)
    optuna_study.sampler = sampler or optuna.samplers.RandomSampler(seed=len(optuna_study.trials))
    search = study.config.search.model_copy(update={"trials": n_trials})
    settings = replace(study, config=study.config.model_copy(update={"search": search}))
    return Proposals(optuna_study, journal, settings, there, [diary] if diary else [])


def opened(study: Study, folder: Path) -> optuna.Study:
    """The study as another process finds it."""
    return open_study(study.config, Journal(Folder(Place(str(folder))).journal))


def ask(searcher: Proposals, trial_id: str) -> dict[str, Any]:
    proposal = searcher.suggest(trial_id)
    assert isinstance(proposal, dict)
    return proposal


def epoch(number: int, accuracy: float, latency_ms: float = 0.5, best: float = 0.0) -> dict[str, float]:
    best_score = max(best, accuracy)
    return {
        "epoch": number,
        "score": accuracy,
        "best_score": best_score,
        "loss": 1.0,
        "latency_ms": latency_ms,
        "size_mb": 2.0,
    }
