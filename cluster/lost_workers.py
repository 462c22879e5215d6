"""Why a worker of Ray's was lost, in a line: its machine ran out of memory, it could not be started, it was killed, its node went away."""

from __future__ import annotations

import re

from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

LOST = (RayActorError, OutOfMemoryError, WorkerCrashedError, NodeDiedError, RuntimeEnvSetupError)
"""The errors that Ray raises for a lost worker, and not for an error of our code in it."""

MEMORY = re.compile(r"([\d.]+ ?GB) used / ([\d.]+ ?GB) limit")
RAISED = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception): .+)$", re.MULTILINE)


def why_lost(error: RayError) -> str:
    """One line of what Ray says in pages."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or "running low on memory" in text:
        used = MEMORY.search(text)
        figures = f" ({used[1]} of {used[2]} used)" if used else ""
        return (
            f"its machine ran out of memory{figures}, and Ray ended its worker; let fewer trials run beside each other "
            "(cluster.concurrent_trials, cluster.cpus_per_trial) or take smaller batches (trial.batch_size)"
        )
    if isinstance(error, RuntimeEnvSetupError) or "failed to import on the worker" in text:
        raised = [line for line in RAISED.findall(text) if "failed to import on the worker" not in line]
        return f"its worker could not be started: {raised[0] if raised else _last_line(text)}"
    if isinstance(error, NodeDiedError) or re.search(r"node (has )?died|node was terminated|raylet died", text):
        return "its machine went away"
    if isinstance(error, RayActorError) and error.actor_init_failed:
        return f"its worker could not be started: {_last_line(text)}"
    return "its worker process was killed, or crashed; where the machine is short of memory, its kernel does that"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "Ray says no more"
