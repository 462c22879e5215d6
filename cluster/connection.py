"""Connecting to Ray: a local instance for this process, or a cluster that is already there."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import ray
from pydantic import BaseModel, Field

REACH_TIMEOUT_S = 10


class ClusterError(ValueError):
    """A cluster that cannot be reached or cannot hold what is asked of it; the message says what to do."""


class ClusterConfig(BaseModel, frozen=True, extra="forbid"):
    """Where trials run, and what each is given."""

    address: str = "local"
    """`local`, `auto` (the cluster this machine belongs to) or `ray://HOST:PORT`."""
    cpus_per_trial: float = Field(default=1, gt=0)
    gpus_per_trial: float = Field(default=0, ge=0)


@dataclass(frozen=True)
class Connection:
    """A live connection to Ray; it can be ended before its `with` ends."""

    def disconnect(self) -> None:
        ray.shutdown()


@contextmanager
def connected(config: ClusterConfig) -> Iterator[Connection]:
    """A Ray connection for the length of a `with`.

    Raises ClusterError when the cluster is out of reach, or has no node that one trial fits on.
    """
    # Ray's own progress tables and warnings about them would scroll the live line away.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    check_reachable(config.address)
    local = {"include_dashboard": False} if config.address == "local" else {}
    try:
        ray.init(address=config.address, logging_level=logging.ERROR, log_to_driver=False, **local)
    except (ConnectionError, RuntimeError) as error:
        raise ClusterError(f"cannot connect to Ray at {config.address}: {str(error).splitlines()[0]}") from error
    try:
        check_fits(config, [node["Resources"] for node in ray.nodes() if node["Alive"]])
        yield Connection()
    finally:
        ray.shutdown()


def check_reachable(address: str) -> None:
    """Raise ClusterError unless somebody listens at `HOST:PORT`; Ray itself would try for minutes before it said so."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_TIMEOUT_S).close()
    except OSError as error:
        raise ClusterError(f"cannot connect to Ray at {address}: {error}") from error


def check_fits(config: ClusterConfig, nodes: Sequence[Mapping[str, float]]) -> None:
    """Raise ClusterError unless one of the nodes, given by their resources, can hold a trial."""
    fits = any(
        node.get("CPU", 0) >= config.cpus_per_trial and node.get("GPU", 0) >= config.gpus_per_trial for node in nodes
    )
    if not fits:
        there = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise ClusterError(f"a trial asks for cpus_per_trial={config.cpus_per_trial:g}, "
                           f"gpus_per_trial={config.gpus_per_trial:g}, but the nodes have: {there}")  # fmt: skip


def n_slots(config: ClusterConfig) -> int:
    """How many trials run at a time on the connected cluster, at least one."""
    there = ray.cluster_resources()
    slots = int(there.get("CPU", 1) // config.cpus_per_trial)
    if config.gpus_per_trial:
        slots = min(slots, int(there.get("GPU", 0) // config.gpus_per_trial))
    return max(1, slots)
