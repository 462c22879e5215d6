"""Which trials end early: ASHA among the distilled ones, of which at least one comes to its end."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from distune.tuning.study.config import SearchConfig
from distune.tuning.trial.config import TrialConfig


class _AmongDistilled(ASHAScheduler):  # type: ignore[misc]
    """ASHA without the trials that learn from labels alone: none of them can be the champion, and a good one would stop every
    distilled trial of a short search. The first trial at a rung goes on, so that one comes to its end."""

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        if _is_plain(trial):
            return str(TrialScheduler.CONTINUE)
        return str(super().on_trial_result(tune_controller, trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        if not _is_plain(trial):
            super().on_trial_complete(tune_controller, trial, result)


def _is_plain(trial: Trial) -> bool:
    return TrialConfig.model_validate(trial.config["trial"]).loss.is_plain


def scheduler_of(search: SearchConfig, max_epochs: int) -> TrialScheduler:
    """The rule by which trials of at most `max_epochs` are stopped."""
    if search.scheduler == "none":
        return FIFOScheduler()
    return _AmongDistilled(
        time_attr="epoch",
        metric="score",
        mode="max",
        max_t=max_epochs,
        grace_period=min(search.grace_epochs, max_epochs),
        reduction_factor=search.reduction_factor,
    )
