from __future__ import annotations

import pytest
from ray.exceptions import (
    ActorDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

from distune.cluster.lost_workers import why_lost

MEMORY = "1 worker(s) were killed due to the node running low on memory. Memory was 22.80GB used / 23.54GB limit (0.97)"
IMPORT = """The actor died unexpectedly before finishing this task.
RuntimeError: The actor with name X failed to import on the worker. This may be because:

Traceback (most recent call last):
  File "function_manager.py", line 696, in _load_actor_class_from_gcs
ModuleNotFoundError: No module named 'only_here'

RuntimeError: The actor with name X failed to import on the worker. This may be because:
"""
KILLED = "its worker process was killed, or crashed; where the machine is short of memory, its kernel does that"


@pytest.mark.parametrize("error", [OutOfMemoryError(MEMORY), RayActorError(error_msg=MEMORY)])
def test_a_machine_without_memory_is_named_with_its_figures_and_what_to_do(error: RayError) -> None:
    assert why_lost(error) == (
        "its machine ran out of memory (22.80GB of 23.54GB used), and Ray ended its worker; let fewer trials run beside each "
        "other (cluster.concurrent_trials, cluster.cpus_per_trial) or take smaller batches (trial.batch_size)"
    )


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RayActorError(error_msg=IMPORT), "ModuleNotFoundError: No module named 'only_here'"),
        (RuntimeEnvSetupError("pip failed:\nno matching distribution"), "no matching distribution"),
        (ActorDiedError(RayTaskError("init", "Traceback\nValueError: nothing", ValueError())), "ValueError: nothing"),
    ],
)
def test_a_worker_that_could_not_be_started_says_what_was_raised(error: RayError, raised: str) -> None:
    assert why_lost(error) == f"its worker could not be started: {raised}"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (WorkerCrashedError(), KILLED),
        (RayActorError(error_msg="The actor is dead because its worker process has died. SYSTEM_ERROR"), KILLED),
        (NodeDiedError("the node went"), "its machine went away"),
        (RayActorError(error_msg="The actor died because its node has died."), "its machine went away"),
    ],
)
def test_a_worker_that_was_killed_and_a_machine_that_went_away_are_told_apart(error: RayError, why: str) -> None:
    assert why_lost(error) == why
