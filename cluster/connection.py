"""Connecting to Ray: a local instance for this process, or a cluster that is already there."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import auto_init_hook, ray_constants, worker
from ray._private.state import state

from distune.cluster.config import JOB, ClusterConfig, ClusterError
from distune.cluster.fitting import check_fits, check_latency_node, check_reachable

SHUTDOWN_S = 30.0
WATCHED_EVERY_S = 0.5
ENDED_AFTER_S = 20.0
SHUTTING_DOWN_S = 3.0
_log = logging.getLogger(__name__)
_disconnected = threading.Event()
ASKED_TO_END = threading.Event()
"""Set after this process got a SIGTERM."""
IS_A_COMMAND = threading.Event()
"""Set if this process is a command of ours, which may end with Ray's. A program of somebody else is interrupted
instead."""
INTERRUPTED = 130


def first_line(error: Exception) -> str:
    """The useful part of Ray's pages."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def connected(config: ClusterConfig, packages: Sequence[Path] = ()) -> Iterator[None]:
    """A Ray connection for the length of a `with`, or until `ray.shutdown`; `packages` are folders of code for the
    other nodes.

    Raises ClusterError when the cluster is out of reach, or has no node that one trial fits on.
    """
    # Ray's own progress tables and warnings about them would scroll the live line away.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    check_reachable(config.place)
    options: dict[str, Any] = {}
    if config.place == "local":
        options = {"include_dashboard": False}
    elif packages and JOB not in os.environ:  # A job's nodes have its folder already.
        options = {"runtime_env": {"py_modules": [str(package) for package in packages], "excludes": ["__pycache__"]}}
    # An instance for this machine alone listens on loopback alone, as Ray does by itself on other systems than Linux.
    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, config.is_shared
    try:
        with _sigterm_kept():
            _init(config.place, options)
    except (ConnectionError, RuntimeError) as error:
        raise ClusterError(f"cannot connect to Ray at {config.place}: {first_line(error)}") from error
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
    # A call that comes when this connection has ended must not go to whatever cluster the machine has.
    joins, auto_init_hook.enable_auto_connect = auto_init_hook.enable_auto_connect, False
    try:
        check_fits(config, [*alive_nodes(), *startable_nodes()])
        if config.is_shared:
            check_latency_node(config, [*alive_nodes(), *startable_nodes()])
        _disconnected.clear()
        threading.Thread(target=_watch, args=(_processes_of_ray(),), daemon=True).start()
        yield
    finally:
        disconnect()
        auto_init_hook.enable_auto_connect = joins


def disconnect() -> None:
    """End the connection. If the processes of Ray were killed, this waits for their end for 30 s at most; their data
    are written by then."""
    _disconnected.set()
    ending = threading.Thread(target=ray.shutdown, daemon=True)
    ending.start()
    ending.join(SHUTDOWN_S)


def _processes_of_ray() -> dict[str, subprocess.Popen[bytes]]:
    """Those without which Ray ends this process without a word that helps, or waits for ever; none of a cluster that was there."""
    node = worker._global_node
    kinds = (ray_constants.PROCESS_TYPE_RAYLET, ray_constants.PROCESS_TYPE_GCS_SERVER)
    started = node.all_processes if node is not None else {}
    return {kind: started[kind][0].process for kind in kinds if started.get(kind)}


def _watch(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Print that a process of Ray has died, while there is time, and end this process if Ray does not."""
    while not _disconnected.wait(WATCHED_EVERY_S):
        for name, process in processes.items():
            if process.poll() is not None:
                # Or somebody else has called `ray.shutdown`, or does at this moment.
                if _disconnected.wait(SHUTTING_DOWN_S) or not ray.is_initialized():
                    return
                if ASKED_TO_END.is_set():  # Slurm, systemd and `timeout` ask all processes of a group, Ray's too.
                    _log.info("interrupted; what is kept is whole: a search goes on with --resume")
                    sys.stdout.flush()
                    os._exit(INTERRUPTED)
                _log.info(
                    f"Ray's process {name} has died: it was killed, or the machine ran out of memory. This ends what runs on it; "
                    "what is kept is whole: a search goes on with --resume, a cache with the same command"
                )
                if _disconnected.wait(ENDED_AFTER_S):
                    return
                if IS_A_COMMAND.is_set():  # Without its raylet Ray may wait for ever.
                    sys.stdout.flush()
                    os._exit(1)
                # A shell lets what it starts in the background ignore SIGINT.
                is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
                os.kill(os.getpid(), signal.SIGTERM if is_ignored else signal.SIGINT)
                return


def _init(address: str, options: dict[str, Any]) -> None:
    """Start Ray, or connect to it; on a busy machine it gives up after 30 s and starts again."""
    for is_last in (False, False, True):
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **options)
        except Exception as error:
            if "timed out during startup" not in str(error):  # Ray has no class of its own for it.
                raise
            if is_last:
                raise ClusterError(
                    f"Ray did not start at {address} in three tries of 30 s; the machine is too busy, or has "
                    "too little memory: try again when less runs on it"
                ) from error
        else:
            return


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Puts back a program's own handler of SIGTERM. `ray.init` replaces it by Ray's handlers, which end the process
    at once or abort it 3 s later, even if it still has to write."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if callable(before) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


def alive_nodes() -> list[Mapping[str, float]]:
    """The resources of each node of the connected cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def startable_nodes() -> list[Mapping[str, float]]:
    """The resources of each further node that the cluster's autoscaler may start; none without one."""
    settings = state.get_cluster_config()
    if settings is None:
        return []
    alive = alive_nodes()
    found: list[Mapping[str, float]] = []
    for group in settings.node_group_configs:
        resources = dict(group.resources)
        there = sum(all(node.get(name, 0) >= n for name, n in resources.items()) for node in alive)
        found += [resources] * max(0, int(group.max_count) - there)
    return found


def n_slots(config: ClusterConfig) -> int:
    """How many trials run at a time on the connected cluster and what its autoscaler may add to it, at least one."""
    if config.concurrent_trials is not None:
        return config.concurrent_trials
    slots = 0
    for node in [*alive_nodes(), *startable_nodes()]:
        of_cpus = int(node.get("CPU", 0) // config.cpus_per_trial)
        slots += min(of_cpus, int(node.get("GPU", 0) / config.gpus + 1e-9)) if config.gpus else of_cpus
    return max(1, slots)
