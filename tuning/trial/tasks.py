"""One training of a finalist, or of a teacher's student, as workers of the cluster run it; it imports no more than they need."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData, inputs_key
from distune.tuning.trial.run import TrialResult, run_trial


@dataclass(frozen=True)
class TrainingData:
    """The input of all trainings: the data by `inputs_key`, and how many threads each may use."""

    data: dict[str, TrialData]
    threads: int


def train_one(config: TrialConfig, shared: TrainingData) -> TrialResult:
    """One training, on the cluster or in this process."""
    torch.set_num_threads(shared.threads)
    return run_trial(config, shared.data[inputs_key(config)], lambda report: None)


def train_if_it_converges(config: TrialConfig, shared: TrainingData) -> TrialResult | str:
    """The same, or the loss that did not stay finite."""
    try:
        return train_one(config, shared)
    except FloatingPointError as error:
        return str(error)
