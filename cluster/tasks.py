"""Many calls of one function on the cluster, or in this process: the same answers either way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import ray

from cluster.connection import ClusterConfig

Argument = TypeVar("Argument")
Shared = TypeVar("Shared")
Answer = TypeVar("Answer")


def run_on_cluster(
    function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared, config: ClusterConfig
) -> Iterator[tuple[int, Answer]]:
    """Yield (index, answer) as calls of `function(argument, shared)` end; `shared` is sent once to each node.

    An exception of a call is raised here, and the calls that are still running are cancelled.
    """
    remote = ray.remote(num_cpus=config.cpus_per_trial, num_gpus=config.gpus_per_trial)(function)
    handle = ray.put(shared)
    pending = {remote.remote(argument, handle): index for index, argument in enumerate(arguments)}
    try:
        while pending:
            done, _ = ray.wait(list(pending))
            yield pending.pop(done[0]), ray.get(done[0])
    finally:
        for reference in pending:
            ray.cancel(reference, force=True)


def run_in_process(
    function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared
) -> Iterator[tuple[int, Answer]]:
    """The in-process twin of `run_on_cluster`, for the debugger and for tests."""
    for index, argument in enumerate(arguments):
        yield index, function(argument, shared)
