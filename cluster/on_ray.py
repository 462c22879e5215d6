"""Calls of functions on Ray: on the cluster that this process is connected to, or on one of their own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.connection import alive_nodes, connected, disconnect
from distune.cluster.lost_workers import LOST, why_lost
from distune.cluster.runner import Answer, Argument, InProcess, Runner, Shared


def preparing_runner(config: ClusterConfig) -> Runner:
    """The runner of a teacher's work before a search: the nodes of the connected cluster if it is shared, else this
    process."""
    return OnRay(config) if config.is_shared else InProcessBesideRay(config)


@dataclass(frozen=True)
class OnRay:
    """Calls are made on the cluster that this process is connected to."""

    config: ClusterConfig

    def each(
        self, function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared
    ) -> Iterator[tuple[int, Answer]]:
        """Each call has the CPUs and the GPUs of a trial; `shared` is sent once to each node.

        A call whose worker or node is lost is made again elsewhere, at most `max_failures` times. With an exception, the
        calls that are still running are cancelled.
        """
        config = self.config
        remote = ray.remote(num_cpus=config.cpus_per_trial, num_gpus=_gpus(config), max_retries=config.max_failures)(
            _called
        )
        handle = ray.put(shared)
        pending = {remote.remote(function, argument, handle): index for index, argument in enumerate(arguments)}
        try:
            while pending:
                done, _ = ray.wait(list(pending))
                yield pending.pop(done[0]), _answer(done[0])
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)

    def map(self, function: Callable[[Argument], Answer], items: Sequence[Argument]) -> Iterator[tuple[int, Answer]]:
        """The items go through Ray Data, to an actor for each GPU, or for each CPU without GPUs; each keeps the
        function, and items stream through."""
        import ray.data  # It brings pandas, which no trial needs.

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
        try:
            for row in answered.iter_rows():
                if row["error"] is not None:
                    raise row["error"]
                yield row["index"], row["answer"]
        except LOST as error:
            raise _given_up(error) from error

    def once(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """On a GPU if the cluster has one, else on a free CPU; the output of our loggers goes to the log of that
        worker."""
        remote = ray.remote(num_cpus=1, num_gpus=int(_has_gpu()), max_retries=3)(_aloud)
        answer: Answer = _answer(remote.remote(function, *arguments))
        return answer

    def alone(self, function: Callable[[Argument], Answer], argument: Argument) -> Answer:
        """On the `latency_node` of a shared cluster, all of whose CPUs it takes, when nothing else that Ray started runs there;
        without one it is called in this process, and the connection is ended before."""
        resource = self.config.latency_node
        if resource is None or not self.config.is_shared:
            disconnect()
            return function(argument)
        # One that is yet to be started by the autoscaler has the CPUs that it has.
        n_cpus = max((node.get("CPU", 0) for node in alive_nodes() if node.get(resource, 0) >= 1), default=0)
        remote = ray.remote(num_cpus=n_cpus, resources={resource: 1}, max_retries=3)(_called)
        answer: Answer = _answer(remote.remote(function, argument))
        return answer


@dataclass(frozen=True)
class InProcessBesideRay(InProcess):
    """This process. Only the calls of `each` run in parallel, on a Ray of their own that exists during these calls."""

    config: ClusterConfig

    def each(
        self, function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared
    ) -> Iterator[tuple[int, Answer]]:
        with connected(self.config):
            yield from OnRay(self.config).each(function, arguments, shared)


def run_on_each_node(function: Callable[[Argument], Answer], argument: Argument) -> dict[str, Answer]:
    """The answers of every node, by its address."""
    remote = ray.remote(num_cpus=0)(_called)
    calls = {}
    for node in ray.nodes():
        if node["Alive"]:
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            name = f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"
            calls[name] = remote.options(scheduling_strategy=here).remote(function, argument)
    return {name: ray.get(call) for name, call in calls.items()}


def _called(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Call a function for Ray, which itself takes plain functions alone, and no partial ones."""
    return function(*arguments)


def _answer(call: ray.ObjectRef) -> Any:
    """The result of a call, or its error; raises ClusterError if its worker was lost too often."""
    try:
        return ray.get(call)
    except LOST as error:
        raise _given_up(error) from error


def _given_up(error: RayError) -> ClusterError:
    return ClusterError(f"a call on the cluster was given up: {why_lost(error)}")


def _has_gpu() -> bool:
    return any(node.get("GPU", 0) >= 1 for node in alive_nodes())


def _gpus(config: ClusterConfig) -> float:
    """The GPUs of each call. If `auto` is not measured yet, it is one card, or 0 without GPUs."""
    return float(_has_gpu()) if config.gpus_per_trial == "auto" else config.gpus


def _aloud(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Call a function in a worker; the output of our loggers goes to its standard output."""
    logger = logging.getLogger(__name__.partition(".")[0])
    printer, level = logging.StreamHandler(sys.stdout), logger.level
    logger.addHandler(printer)
    logger.setLevel(logging.INFO)
    try:
        return function(*arguments)
    finally:  # The worker serves others too.
        logger.removeHandler(printer)
        logger.setLevel(level)


class _Actor:
    """Keeps a function, with whatever it has loaded, for all the items that reach one worker."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"index": row["index"], "answer": self._function(row["item"]), "error": None}
        except Exception as error:  # noqa: BLE001  (it is raised where the answers are read, without Ray's pages around it)
            return {"index": row["index"], "answer": None, "error": error}
