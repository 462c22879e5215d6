"""Calls on a real Ray of three nodes, one of them with a GPU that is none and one kept for timing, and their twin here."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.connection import alive_nodes, connected, n_slots
from distune.cluster.fitting import check_latency_node
from distune.cluster.on_ray import InProcessBesideRay, OnRay, _aloud, preparing_runner, run_on_each_node
from distune.cluster.runner import IN_PROCESS, Runner
from distune.corpora.logits_filling import ShardForm, Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.teacher_logits import CacheKey
from distune.corpora.texts import CorpusError
from tests.making.teachers import KEY, TEXTS, answer

CONFIG = ClusterConfig()


def scaled_sum(factor: int, shared: np.ndarray) -> tuple[int, bool]:
    if factor < 0:
        raise ValueError(f"factor must be >= 0, but got {factor=}")
    return factor * int(shared.sum()), bool(shared.flags.writeable)


def refused(factor: int) -> None:
    raise ValueError(f"factor must be >= 0, but got {factor=}")


def node_of(_: object = None) -> str:
    return str(ray.get_runtime_context().get_node_id())


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """The ids of the nodes by what they are for; this process is connected."""
    # A port that Ray chooses: beside another cluster its usual one is taken.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "dashboard_port": None})
    gpu = cluster.add_node(num_cpus=1, num_gpus=1)
    latency = cluster.add_node(num_cpus=1, resources={"latency": 1})
    cluster.wait_for_nodes()
    try:
        with connected(ClusterConfig(address=cluster.address, latency_node="latency")):
            yield {"head": cluster.head_node.node_id, "gpu": gpu.node_id, "latency": latency.node_id}
    finally:
        cluster.shutdown()


RUNNERS: dict[str, Runner] = {"here": IN_PROCESS, "on Ray": OnRay(CONFIG)}


@pytest.fixture(params=["here", "on Ray"])
def runner(request: pytest.FixtureRequest, nodes: dict[str, str]) -> Runner:
    """Each kind, with this process connected to a cluster."""
    return RUNNERS[request.param]


def test_each_call_is_answered_by_the_index_of_its_argument(runner: Runner) -> None:
    found = dict(runner.each(scaled_sum, [3, 1, 2], np.arange(4)))
    assert {index: total for index, (total, _) in found.items()} == {0: 18, 1: 6, 2: 12}


def test_no_arguments_have_no_answers(runner: Runner) -> None:
    assert list(runner.each(scaled_sum, [], np.arange(4))) == []
    assert list(runner.map(abs, [])) == []


def test_items_are_answered_by_their_index(runner: Runner) -> None:
    assert dict(runner.map(abs, [-3, 1, -2])) == {0: 3, 1: 1, 2: 2}


def test_one_call_takes_all_its_arguments(runner: Runner) -> None:
    assert runner.once(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize(
    "calls",
    [
        lambda runner: list(runner.each(scaled_sum, [1, -1], np.arange(4))),
        lambda runner: list(runner.map(refused, [-1])),
        lambda runner: runner.once(refused, -1),
    ],
    ids=["each", "map", "once"],
)
def test_an_exception_of_a_call_is_raised_here(runner: Runner, calls: Callable[[Runner], object]) -> None:
    with pytest.raises(ValueError, match="factor must be >= 0, but got factor=-1"):
        calls(runner)


def test_shared_data_is_mapped_read_only(nodes: dict[str, str]) -> None:
    shared = np.zeros(1_000_000)
    assert [writeable for _, (_, writeable) in OnRay(CONFIG).each(scaled_sum, [1], shared)] == [False]


def lines_of_a_worker(line: str) -> str:
    """What a worker prints when our loggers say a line, and others another one."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        _aloud(logging.getLogger("distune.models.teacher").info, line)
        _aloud(logging.getLogger("transformers.trainer").info, "not for people")
        logging.getLogger("distune.models.teacher").info("of a call that nobody reads")
    return printed.getvalue()


def test_what_is_logged_where_a_teacher_is_trained_is_printed_there(runner: Runner) -> None:
    assert runner.once(lines_of_a_worker, "teacher epoch 1/3") == "teacher epoch 1/3\n"


def test_a_search_on_this_machine_prepares_here_and_one_on_a_cluster_there() -> None:
    assert preparing_runner(CONFIG) == InProcessBesideRay(CONFIG)
    shared = ClusterConfig(address="auto")
    assert preparing_runner(shared) == OnRay(shared)


def test_there_is_room_for_as_many_trials_as_each_node_holds(nodes: dict[str, str]) -> None:
    assert n_slots(ClusterConfig(cpus_per_trial=1000)) == 1
    assert n_slots(CONFIG) == 3
    assert n_slots(ClusterConfig(cpus_per_trial=0.5)) == 6
    assert n_slots(ClusterConfig(cpus_per_trial=0.25, gpus_per_trial=0.25)) == 4
    assert n_slots(ClusterConfig(cpus_per_trial=1, gpus_per_trial=0.25)) == 1
    assert n_slots(ClusterConfig(concurrent_trials=7)) == 7


def test_any_callable_may_be_run(runner: Runner) -> None:
    assert dict(runner.each(partial(scaled_sum), [2], np.arange(4)))[0][0] == 12
    assert dict(runner.map(partial(pow, 2), [3])) == {0: 8}
    assert runner.once(partial(pow, 2), 4) == 16


def test_a_callable_that_is_no_function_runs_alone(nodes: dict[str, str]) -> None:
    assert OnRay(ClusterConfig(address="auto", latency_node="latency")).alone(partial(pow, 2), 5) == 32
    assert set(run_on_each_node(partial(pow, 2), 3).values()) == {8}


def test_what_runs_alone_runs_on_its_node(nodes: dict[str, str]) -> None:
    assert OnRay(ClusterConfig(address="auto", latency_node="latency")).alone(node_of, None) == nodes["latency"]


def test_training_goes_to_a_gpu_where_there_is_one(nodes: dict[str, str]) -> None:
    assert OnRay(CONFIG).once(node_of) == nodes["gpu"]


def test_each_node_answers_for_itself(nodes: dict[str, str]) -> None:
    answers = run_on_each_node(node_of, None)
    assert sorted(answers.values()) == sorted(nodes.values())
    assert all(node[:8] in name for name, node in answers.items())


def test_a_cache_is_filled_by_the_nodes_and_a_shard_that_is_there_is_kept(
    nodes: dict[str, str], tmp_path: Path
) -> None:
    root, form = Place(str(tmp_path)), ShardForm(rows=3)
    whole = fill_cache(root, KEY, TEXTS, Source(lambda: answer, {}, OnRay(CONFIG).map), form)
    np.testing.assert_array_equal(whole.of(TEXTS), answer(TEXTS).logits)
    folder = KEY.folder(root)
    kept = Path(str(folder / "logits-00001.npy")).stat().st_mtime_ns
    for name in ("manifest.json", "hashes-00000.npy"):
        (folder / name).delete()
    again = fill_cache(root, KEY, TEXTS, Source(lambda: answer, {}, OnRay(CONFIG).map), form)
    np.testing.assert_array_equal(again.of(TEXTS), whole.of(TEXTS))
    assert Path(str(folder / "logits-00001.npy")).stat().st_mtime_ns == kept


def test_a_teacher_that_fails_on_a_node_is_told_here(nodes: dict[str, str], tmp_path: Path) -> None:
    key = CacheKey("teacher-1", "corpus-1", ("one", "two", "three"))
    with pytest.raises(CorpusError, match="the teacher must give logits of shape"):
        fill_cache(Place(str(tmp_path)), key, TEXTS, Source(lambda: answer, {}, OnRay(CONFIG).map), ShardForm(rows=3))


def test_a_latency_node_that_nobody_started_is_refused(nodes: dict[str, str]) -> None:
    with pytest.raises(
        ClusterError, match=r"no node of the cluster has the resource 'quiet'; start one with ray start"
    ):
        check_latency_node(ClusterConfig(latency_node="quiet"), alive_nodes())


def test_the_refusal_names_what_each_node_has() -> None:
    nodes = [{"CPU": 2.0, "memory": 1e9, "node:10.0.0.1": 1.0}, {"GPU": 1.0, "loud": 1.0}]
    with pytest.raises(ClusterError, match=r"the nodes have: 2 CPUs, 0 GPUs; 0 CPUs, 1 GPUs, 1 loud$"):
        check_latency_node(ClusterConfig(latency_node="quiet"), nodes)
