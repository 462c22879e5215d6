from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.schedulers import FIFOScheduler

from distune.cluster.config import ClusterConfig
from distune.cluster.connection import connected
from distune.tuning.search.lost_trials import losses_begin_trials_again, lost_for_memory_as_for_all, telling


def failed(error: Exception) -> list[Exception]:
    """What Ray Tune is told of an actor whose task failed so, by Ray's own manager of actors."""
    told: list[Exception] = []
    actor = SimpleNamespace(actor_id=1, _on_error=None)
    task = SimpleNamespace(_tracked_actor=actor, _on_error=lambda _, error: told.append(error))
    manager: Any = SimpleNamespace(_failed_actor_ids=set(), _cleanup_actor=lambda **_: None)
    RayActorManager._actor_task_failed(manager, task, error)
    return told


def test_a_worker_that_ray_ends_for_memory_is_lost_and_does_not_end_the_search() -> None:
    with lost_for_memory_as_for_all():
        (told,) = failed(OutOfMemoryError("running low on memory"))
    assert isinstance(told, RayActorError)
    assert str(told) == "running low on memory"
    with pytest.raises(RuntimeError, match="Caught unexpected exception"):  # Ray Tune's own; else this module may go.
        failed(OutOfMemoryError("running low on memory"))


def killed(config: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.long
def test_each_loss_of_a_trials_worker_is_told_with_its_cause(tmp_path: Path) -> None:
    told: list[str] = []
    with connected(ClusterConfig()):
        tune.Tuner(
            killed,
            tune_config=tune.TuneConfig(scheduler=telling(FIFOScheduler(), lambda trial_id, why: told.append(why))),
            run_config=tune.RunConfig(
                storage_path=str(tmp_path), verbose=0, failure_config=tune.FailureConfig(max_failures=1)
            ),
        ).fit()
    assert len(told) == 2
    assert set(told) == {
        "its worker process was killed, or crashed; where the machine is short of memory, its kernel does that"
    }


def numbered(config: dict[str, Any]) -> None:
    tune.report({"number": config["number"], "process": os.getpid()})


class KillsTheFirst(tune.Callback):
    """Kills the worker of the first trial that ends, which waits for the next one."""

    has_killed = False

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        if not self.has_killed:
            self.has_killed = True
            os.kill(trial.last_result["process"], signal.SIGKILL)


@pytest.mark.long
@pytest.mark.parametrize("is_mended", [True, False])
def test_a_trial_whose_worker_is_lost_before_it_begins_is_begun_again(tmp_path: Path, is_mended: bool) -> None:
    told: list[str] = []
    mended = losses_begin_trials_again() if is_mended else contextlib.nullcontext()
    with connected(ClusterConfig()), mended:
        found = tune.Tuner(
            numbered,
            param_space={"number": tune.grid_search([0, 1, 2])},
            tune_config=tune.TuneConfig(
                scheduler=telling(FIFOScheduler(), lambda trial_id, why: told.append(why)),
                reuse_actors=True,
                max_concurrent_trials=1,
            ),
            run_config=tune.RunConfig(
                storage_path=str(tmp_path),
                verbose=0,
                callbacks=[KillsTheFirst()],
                failure_config=tune.FailureConfig(max_failures=3),
            ),
        ).fit()
    if is_mended:
        assert [one.metrics["number"] for one in found] == [0, 1, 2]
        assert len(told) == 1
    else:  # Ray Tune's own way; where it ends, so may ours.
        assert [one.error is None for one in found] == [True, False, True]
        assert len(told) == 2
