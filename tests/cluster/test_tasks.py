"""Calls on a real Ray of three nodes, one of them with a GPU that is none and one kept for timing, and their twin here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.connection import alive_nodes, check_latency_node, connected, n_slots
from distune.cluster.tasks import (
    map_on_cluster,
    run_alone,
    run_in_process,
    run_on_best_node,
    run_on_cluster,
    run_on_each_node,
)
from distune.corpora.logits_filling import ShardForm, Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.teacher_logits import CacheKey
from distune.corpora.texts import CorpusError
from tests.corpora.test_teacher_logits import KEY, TEXTS, answer

CONFIG = ClusterConfig()


def scaled_sum(factor: int, shared: np.ndarray) -> tuple[int, bool]:
    if factor < 0:
        raise ValueError(f"factor must be >= 0, but got {factor=}")
    return factor * int(shared.sum()), bool(shared.flags.writeable)


def node_of(_: object = None) -> str:
    return str(ray.get_runtime_context().get_node_id())


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """The ids of the nodes by what they are for; this process is connected."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    gpu = cluster.add_node(num_cpus=1, num_gpus=1)
    latency = cluster.add_node(num_cpus=1, resources={"latency": 1})
    cluster.wait_for_nodes()
    try:
        with connected(ClusterConfig(address=cluster.address, latency_node="latency")):
            yield {"head": cluster.head_node.node_id, "gpu": gpu.node_id, "latency": latency.node_id}
    finally:
        cluster.shutdown()


def test_the_cluster_answers_as_this_process_does(nodes: dict[str, str]) -> None:
    shared = np.arange(4)
    here = dict(run_in_process(scaled_sum, [3, 1, 2], shared))
    there = dict(run_on_cluster(scaled_sum, [3, 1, 2], shared, CONFIG))
    assert {index: total for index, (total, _) in here.items()} == {0: 18, 1: 6, 2: 12}
    assert {index: total for index, (total, _) in there.items()} == {0: 18, 1: 6, 2: 12}


def test_shared_data_is_mapped_read_only(nodes: dict[str, str]) -> None:
    shared = np.zeros(1_000_000)
    assert [writeable for _, (_, writeable) in run_on_cluster(scaled_sum, [1], shared, CONFIG)] == [False]


def test_an_exception_of_a_call_is_raised_here(nodes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="factor must be >= 0, but got factor=-1"):
        list(run_on_cluster(scaled_sum, [1, -1], np.arange(4), CONFIG))


def test_there_is_room_for_as_many_trials_as_each_node_holds(nodes: dict[str, str]) -> None:
    assert n_slots(ClusterConfig(cpus_per_trial=1000)) == 1
    assert n_slots(CONFIG) == 3
    assert n_slots(ClusterConfig(cpus_per_trial=0.5)) == 6
    assert n_slots(ClusterConfig(cpus_per_trial=0.25, gpus_per_trial=0.25)) == 4
    assert n_slots(ClusterConfig(cpus_per_trial=1, gpus_per_trial=0.25)) == 1
    assert n_slots(ClusterConfig(concurrent_trials=7)) == 7


def test_what_runs_alone_runs_on_its_node(nodes: dict[str, str]) -> None:
    assert run_alone(node_of, None, "latency") == nodes["latency"]


def test_training_goes_to_a_gpu_where_there_is_one(nodes: dict[str, str]) -> None:
    assert run_on_best_node(node_of) == nodes["gpu"]


def test_each_node_answers_for_itself(nodes: dict[str, str]) -> None:
    answers = run_on_each_node(node_of, None)
    assert sorted(answers.values()) == sorted(nodes.values())
    assert all(node[:8] in name for name, node in answers.items())


def test_a_cache_is_filled_by_the_nodes_and_a_shard_that_is_there_is_kept(
    nodes: dict[str, str], tmp_path: Path
) -> None:
    root, form = Place(str(tmp_path)), ShardForm(rows=3)
    whole = fill_cache(root, KEY, TEXTS, Source(lambda: answer, {}, map_on_cluster), form)
    np.testing.assert_array_equal(whole.of(TEXTS), answer(TEXTS).logits)
    folder = KEY.folder(root)
    kept = Path(str(folder / "logits-00001.npy")).stat().st_mtime_ns
    for name in ("manifest.json", "hashes-00000.npy"):
        (folder / name).delete()
    again = fill_cache(root, KEY, TEXTS, Source(lambda: answer, {}, map_on_cluster), form)
    np.testing.assert_array_equal(again.of(TEXTS), whole.of(TEXTS))
    assert Path(str(folder / "logits-00001.npy")).stat().st_mtime_ns == kept


def test_a_teacher_that_fails_on_a_node_is_told_here(nodes: dict[str, str], tmp_path: Path) -> None:
    key = CacheKey("teacher-1", "corpus-1", ("one", "two", "three"))
    with pytest.raises(CorpusError, match="the teacher must give logits of shape"):
        fill_cache(Place(str(tmp_path)), key, TEXTS, Source(lambda: answer, {}, map_on_cluster), ShardForm(rows=3))


def test_a_latency_node_that_nobody_started_is_refused(nodes: dict[str, str]) -> None:
    with pytest.raises(
        ClusterError, match=r"no node of the cluster has the resource 'quiet'; start one with ray start"
    ):
        check_latency_node(ClusterConfig(latency_node="quiet"), alive_nodes())


def test_the_refusal_names_what_each_node_has() -> None:
    nodes = [{"CPU": 2.0, "memory": 1e9, "node:10.0.0.1": 1.0}, {"GPU": 1.0, "loud": 1.0}]
    with pytest.raises(ClusterError, match=r"the nodes have: 2 CPUs, 0 GPUs; 0 CPUs, 1 GPUs, 1 loud$"):
        check_latency_node(ClusterConfig(latency_node="quiet"), nodes)
