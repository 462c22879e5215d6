"""The share of a GPU that a trial needs: the memory of the largest configuration of the space over that of the card."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from distune.cluster.connection import alive_nodes
from distune.cluster.runner import Runner
from distune.tuning.study.file import Study
from distune.tuning.study.points import largest_students
from distune.tuning.study.space import Space
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs, TrialData, inputs_key
from distune.tuning.trial.run import EpochReport, run_trial

_log = logging.getLogger(__name__)
HEADROOM = 1.2


def with_gpus(study: Study, configs: Sequence[TrialConfig], inputs: Mapping[str, Inputs], runner: Runner) -> Study:
    """The study with `gpus_per_trial: auto` measured on the connected cluster; others as they are.

    `configs` has one trial config for each of the `inputs`, which are by `inputs_key`.
    """
    config = study.config
    if config.cluster.gpus_per_trial != "auto":
        return study
    gpus = 0.0
    if any(node.get("GPU", 0) >= 1 for node in alive_nodes()):
        widest = max(configs, key=lambda one: inputs[inputs_key(one)].data.vectors.size)
        candidates = [(one, inputs[inputs_key(one)].data) for one in _largest(study.space, widest)]
        shares = [runner.once(memory_share, one, data) for one, data in candidates]
        gpus = share_of_a_card(max(shares))
    _log.info(f"gpus_per_trial: auto is {gpus:g}")
    cluster = config.cluster.model_copy(update={"gpus_per_trial": gpus})
    return replace(study, config=config.model_copy(update={"cluster": cluster}))


def _largest(space: Space, widest: TrialConfig) -> Iterator[TrialConfig]:
    """The largest configuration of each kind of student, on the inputs of the config with the largest table of vectors."""
    for config in largest_students(space):
        parts = {"tokens": widest.tokens, "vectors": widest.vectors, "augment": widest.augment}
        yield TrialConfig.model_validate(config).model_copy(update=parts)


class _MeasuredError(Exception):
    """Ends a training that has shown what it needs."""


def memory_share(config: TrialConfig, data: TrialData) -> float:
    """The part of the card's memory that one epoch of a trial takes in this process, its CUDA context with it."""
    free_before, total = torch.cuda.mem_get_info()

    def stop(report: EpochReport) -> None:
        raise _MeasuredError

    torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(_MeasuredError):
        run_trial(config, data, stop)
    free_now, _ = torch.cuda.mem_get_info()
    outside = max(0, free_before - free_now - torch.cuda.memory_reserved())
    return (torch.cuda.max_memory_reserved() + outside) / total


def share_of_a_card(share: float) -> float:
    """A part of a card with some headroom, such that whole trials fill it: 1/2, 1/3, ...; at most one card."""
    n_trials = int(1 / min(1.0, share * HEADROOM))
    return 1.0 / max(1, n_trials)
