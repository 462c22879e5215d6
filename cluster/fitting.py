"""Whether a machine or a cluster can hold what a study asks of it; nothing here needs Ray, so that it is known before Ray starts."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping, Sequence

from distune._digits import is_whole
from distune.cluster.config import ClusterConfig, ClusterError

REACH_TIMEOUT_S = 10
ADDRESS = re.compile(r"local|auto|(ray://)?(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):\d{1,5}")
OF_RAY = ("CPU", "GPU", "memory", "object_store_memory", "node:", "accelerator_type:")
"""The names, or how they begin, of the resources that Ray gives a node by itself."""


def refuse_unfit(config: ClusterConfig) -> None:
    """Raise ClusterError for faults that are known before Ray starts: an address without a listener, a trial that is
    too large for this machine.

    The resources behind `auto` or an address are known only when the search is connected.
    """
    if not ADDRESS.fullmatch(config.place):
        raise ClusterError(
            f"{config.setting}: must be local, auto, HOST:PORT or ray://HOST:PORT, but got {config.place!r}"
        )
    if config.is_shared:
        check_reachable(config.place)
    elif "RAY_OVERRIDE_RESOURCES" not in os.environ:  # Ray is told there what the machine has.
        check_fits(config, [{"CPU": float(os.cpu_count() or 1), "GPU": float(_n_gpus(config))}])


def _n_gpus(config: ClusterConfig) -> int:
    if config.gpus_per_trial in {"auto", 0}:
        return 0
    import torch  # It takes seconds, and most studies ask for no GPU.

    return torch.cuda.device_count()


def check_reachable(address: str) -> None:
    """Raise ClusterError unless somebody listens at `HOST:PORT`; Ray itself would try for minutes before it said so."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not is_whole(port):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:  # A port above 65,535 is an OverflowError.
        raise ClusterError(f"cannot connect to Ray at {address}: {error}") from error


def check_latency_node(config: ClusterConfig, nodes: Sequence[Mapping[str, float]]) -> None:
    """Raise ClusterError unless one of the nodes has the resource for timing the finalists."""
    wanted = config.latency_node
    if wanted is not None and not any(node.get(wanted, 0) >= 1 for node in nodes):
        raise ClusterError(
            f"latency_node: no node of the cluster has the resource {wanted!r}; start one with "
            f"ray start --num-cpus=0 --resources='{{\"{wanted}\": 1}}'; the nodes have: {_in_words(nodes)}"
        )


def check_fits(config: ClusterConfig, nodes: Sequence[Mapping[str, float]]) -> None:
    """Raise ClusterError unless one of the nodes, given by their resources, can hold a trial."""
    gpus = 0.0 if config.gpus_per_trial == "auto" else config.gpus_per_trial
    fits = any(node.get("CPU", 0) >= config.cpus_per_trial and node.get("GPU", 0) >= gpus for node in nodes)
    if not fits:
        raise ClusterError(
            f"a trial asks for cpus_per_trial={config.cpus_per_trial:g}, "
            f"gpus_per_trial={gpus:g}, but the nodes have: {_in_words(nodes)}"
        )


def _in_words(nodes: Sequence[Mapping[str, float]]) -> str:
    """The CPUs, GPUs and custom resources of each node."""
    return "; ".join(
        ", ".join(
            [f"{node.get('CPU', 0):g} CPUs", f"{node.get('GPU', 0):g} GPUs"]
            + [f"{n:g} {name}" for name, n in sorted(node.items()) if not name.startswith(OF_RAY)]
        )
        for node in nodes
    )
