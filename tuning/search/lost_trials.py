"""Trials whose worker is lost: why, and that Ray Tune goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from distune.cluster.lost_workers import why_lost


def telling(scheduler: TrialScheduler, lost: Callable[[str, str], None]) -> TrialScheduler:
    """The same scheduler, which reports the id of a trial whose worker was lost, and why; a searcher does not get
    them."""
    before = scheduler.on_trial_error

    def on_trial_error(controller: Any, trial: Trial) -> None:
        lost(trial.trial_id, _why(trial))
        before(controller, trial)

    scheduler.on_trial_error = on_trial_error
    return scheduler


def _why(trial: Trial) -> str:
    if trial.pickled_error_file is not None and Path(trial.pickled_error_file).is_file():
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        if isinstance(error, RayActorError):
            return why_lost(error)
    text = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
    return why_lost(RayActorError(error_msg=text))


@contextmanager
def losses_begin_trials_again() -> Iterator[None]:
    """A trial whose worker is lost is begun again up to `max_failures` times, however it is lost, for the length of a `with`."""
    with lost_for_memory_as_for_all(), lost_between_trials_as_in_one():
        yield


@contextmanager
def lost_for_memory_as_for_all() -> Iterator[None]:
    """A worker that Ray ends because its machine runs out of memory is lost as any other is, for the length of a `with`.

    Ray Tune 2.60 knows an actor's death by RayActorError alone, and OutOfMemoryError is none: a worker that is ended so in the
    middle of a training would end the whole search.
    """
    before = RayActorManager._actor_task_failed

    def failed(self: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        before(self, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = failed
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = before


@contextmanager
def lost_between_trials_as_in_one() -> Iterator[None]:
    """A trial whose worker is lost after the trial before it is begun again as any other is, for the length of a `with`.

    Ray Tune 2.60 hears twice of such a loss. The loss of the worker makes it begin the trial again. The request to take the trial on is
    lost with the worker, and makes it fail the trial, which waits to begin by now, whatever `max_failures` says.
    """
    before = TuneController._trial_task_failure

    def failed(self: TuneController, trial: Trial, exception: Exception) -> None:
        if trial.status == Trial.PENDING and trial in self._resetting_trials and isinstance(exception, RayActorError):
            self._resetting_trials.remove(trial)  # Else it would wait for an answer of the lost worker.
        else:
            before(self, trial, exception)

    TuneController._trial_task_failure = failed
    try:
        yield
    finally:
        TuneController._trial_task_failure = before
