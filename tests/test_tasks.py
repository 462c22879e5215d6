"""Calls on a real local Ray and their in-process twin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cluster.connection import ClusterConfig, Connection, connected, n_slots
from cluster.tasks import run_in_process, run_on_cluster

CONFIG = ClusterConfig()


def scaled_sum(factor: int, shared: np.ndarray) -> tuple[int, bool]:
    if factor < 0:
        raise ValueError(f"factor must be >= 0, but got {factor=}")
    return factor * int(shared.sum()), bool(shared.flags.writeable)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with connected(CONFIG) as live:
        yield live


def test_the_cluster_answers_as_this_process_does(connection: Connection) -> None:
    shared = np.arange(4)
    here = dict(run_in_process(scaled_sum, [3, 1, 2], shared))
    there = dict(run_on_cluster(scaled_sum, [3, 1, 2], shared, CONFIG))
    assert {index: total for index, (total, _) in here.items()} == {0: 18, 1: 6, 2: 12}
    assert {index: total for index, (total, _) in there.items()} == {0: 18, 1: 6, 2: 12}


def test_shared_data_is_mapped_read_only(connection: Connection) -> None:
    shared = np.zeros(1_000_000)
    assert [writeable for _, (_, writeable) in run_on_cluster(scaled_sum, [1], shared, CONFIG)] == [False]


def test_an_exception_of_a_call_is_raised_here(connection: Connection) -> None:
    with pytest.raises(ValueError, match="factor must be >= 0, but got factor=-1"):
        list(run_on_cluster(scaled_sum, [1, -1], np.arange(4), CONFIG))


def test_there_is_room_for_at_least_one_trial(connection: Connection) -> None:
    assert n_slots(ClusterConfig(cpus_per_trial=1000)) == 1
    assert n_slots(ClusterConfig(cpus_per_trial=0.5)) == 2 * n_slots(CONFIG)
