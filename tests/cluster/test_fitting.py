from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.fitting import refuse_unfit


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two CPUs and one GPU."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"cpus_per_trial": 3}, "cpus_per_trial=3, gpus_per_trial=0"),
        ({"gpus_per_trial": 2}, "cpus_per_trial=1, gpus_per_trial=2"),
    ],
)
def test_a_trial_that_this_machine_cannot_hold_is_refused_before_ray_starts(
    settings: dict[str, float], asked: str
) -> None:
    with pytest.raises(ClusterError, match=f"a trial asks for {asked}, but the nodes have: 2 CPUs, "):
        refuse_unfit(ClusterConfig(**settings))


@pytest.mark.parametrize("settings", [{"cpus_per_trial": 2, "gpus_per_trial": 1}, {"gpus_per_trial": "auto"}])
def test_a_trial_that_fits_passes(settings: dict[str, float]) -> None:
    refuse_unfit(ClusterConfig(**settings))


def test_what_ray_is_told_to_have_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"CPU": 8}')
    refuse_unfit(ClusterConfig(cpus_per_trial=8))


def test_what_a_cluster_has_is_not_asked_of_this_machine() -> None:
    refuse_unfit(ClusterConfig(address="auto", cpus_per_trial=64, gpus_per_trial=8))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_an_address_that_nobody_listens_at_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match=f"cannot connect to Ray at {address}: "):
        refuse_unfit(ClusterConfig(address=address))


@pytest.mark.parametrize(
    "address", ["nonsense", "ray://", "ray://head", "head:", "", "http://head:8265", "a b:1", "head:²"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(
        ClusterError, match=r"^cluster\.address: must be local, auto, HOST:PORT or ray://HOST:PORT, but got"
    ):
        refuse_unfit(ClusterConfig(address=address))


@pytest.mark.parametrize(
    ("address", "fault"),
    [("nonsense", "RAY_ADDRESS: must be local, auto"), ("127.0.0.1:1", "cannot connect to Ray at 127.0.0.1:1")],
)
def test_the_address_of_the_environment_is_held_to_the_same(
    monkeypatch: pytest.MonkeyPatch, address: str, fault: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ClusterError, match=fault):
        refuse_unfit(ClusterConfig())
    refuse_unfit(ClusterConfig(address="auto"))  # What the study names goes before it.


def test_neither_ray_nor_torch_is_imported_for_a_study_without_gpus() -> None:
    program = (
        "import sys; from distune.cluster.config import ClusterConfig; from distune.cluster.fitting import refuse_unfit; "
        "refuse_unfit(ClusterConfig()); print({'ray', 'torch'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout == b"set()\n"
