from __future__ import annotations

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
from distune.tuning.search.lost_trials import lost_for_memory_as_for_all, telling


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
