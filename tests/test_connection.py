from __future__ import annotations

import pytest
import ray

from cluster.connection import ClusterConfig, ClusterError, connected


def test_a_connection_ends_with_its_block_or_before() -> None:
    with connected(ClusterConfig()) as connection:
        assert ray.is_initialized()
        connection.disconnect()
        assert not ray.is_initialized()


def test_a_trial_that_fits_on_no_node_is_refused_with_what_there_is() -> None:
    message = r"asks for cpus_per_trial=1, gpus_per_trial=99, but the nodes have: \d+ CPUs"
    with pytest.raises(ClusterError, match=message), connected(ClusterConfig(gpus_per_trial=99)):
        raise AssertionError("connected")
    assert not ray.is_initialized()


def test_a_cluster_out_of_reach_is_refused_in_one_line() -> None:
    message = r"cannot connect to Ray at 127\.0\.0\.1:1"
    with pytest.raises(ClusterError, match=message) as caught, connected(ClusterConfig(address="127.0.0.1:1")):
        raise AssertionError("connected")
    assert "\n" not in str(caught.value)
