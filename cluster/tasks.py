"""Calls of functions on the cluster, or in this process: the same answers either way. Ray is imported for the cluster alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from distune.cluster.config import ClusterConfig

Argument = TypeVar("Argument")
Shared = TypeVar("Shared")
Answer = TypeVar("Answer")


def run_on_cluster(
    function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared, config: ClusterConfig
) -> Iterator[tuple[int, Answer]]:
    """Yield (index, answer) as calls of `function(argument, shared)` end; `shared` is sent once to each node.

    A call whose worker or node is lost is made again elsewhere, at most `max_failures` times. An exception of a call is
    raised here, and the calls that are still running are cancelled.
    """
    import ray

    remote = ray.remote(num_cpus=config.cpus_per_trial, num_gpus=config.gpus, max_retries=config.max_failures)(function)
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


def run_alone(function: Callable[[Argument], Answer], argument: Argument, resource: str) -> Answer:
    """Run a function on the node that has a custom resource, when nothing else that Ray started runs there.

    It takes all of the resource and all CPUs of the node.
    """
    import ray

    from distune.cluster.connection import alive_nodes

    # One that is yet to be started by the autoscaler has the CPUs that it has.
    n_cpus = max((node.get("CPU", 0) for node in alive_nodes() if node.get(resource, 0) >= 1), default=0)
    remote = ray.remote(num_cpus=n_cpus, resources={resource: 1}, max_retries=3)(function)
    answer: Answer = ray.get(remote.remote(argument))
    return answer


def run_on_best_node(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Run a function with a GPU where the cluster has one, else where there is a free CPU."""
    import ray

    from distune.cluster.connection import alive_nodes

    gpus = 1 if any(node.get("GPU", 0) >= 1 for node in alive_nodes()) else 0
    answer: Answer = ray.get(ray.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(function).remote(*arguments))
    return answer


def run_on_each_node(function: Callable[[Argument], Answer], argument: Argument) -> dict[str, Answer]:
    """The answers of every node, by its address."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0)(function)
    calls = {}
    for node in ray.nodes():
        if node["Alive"]:
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            name = f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"
            calls[name] = remote.options(scheduling_strategy=here).remote(argument)
    return {name: ray.get(call) for name, call in calls.items()}


class _Actor:
    """Keeps a function, with whatever it has loaded, for all the items that reach one worker."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"index": row["index"], "answer": self._function(row["item"]), "error": None}
        except Exception as error:  # noqa: BLE001  (it is raised where the answers are read, without Ray's pages around it)
            return {"index": row["index"], "answer": None, "error": error}


def map_on_cluster(function: Callable[[Argument], Answer], items: Sequence[Argument]) -> Iterator[tuple[int, Answer]]:
    """Yield (index, answer) as a function answers items, by Ray Data, on an actor for each GPU, or each CPU where there is
    none; each keeps the function, and items stream through.

    An exception of a call is raised here.
    """
    import ray.data  # It brings pandas, which no trial needs.

    from distune.cluster.connection import alive_nodes

    nodes = alive_nodes()
    n_gpus = int(sum(node.get("GPU", 0) for node in nodes))
    n_actors = min(len(items), n_gpus or max(1, int(sum(node.get("CPU", 0) for node in nodes))))
    if not items:
        return
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    rows = ray.data.from_items(
        [{"index": index, "item": item} for index, item in enumerate(items)], override_num_blocks=len(items)
    )
    answered = rows.map(
        _Actor,
        fn_constructor_args=(function,),
        num_cpus=0 if n_gpus else 1,
        num_gpus=1 if n_gpus else 0,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_actors),
    )
    for row in answered.iter_rows():
        if row["error"] is not None:
            raise row["error"]
        yield row["index"], row["answer"]
