from __future__ import annotations

import gc
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from distune.models.onnx_export import export_onnx
from distune.models.students.config import AverageConfig
from distune.tuning.speed.latency import Contender, cpu_name, network_hint_ms, one_thread, time_contenders

TEXTS = [f"text {i}" for i in range(50)]


def sleeper(seconds: float, calls: list[str], name: str) -> Contender:
    def first(text: str) -> str:
        calls.append(name)
        time.sleep(seconds / 2)
        return text

    def second(text: str) -> int:
        time.sleep(seconds / 2)
        return 0

    def batch(texts: Sequence[str]) -> None:
        time.sleep(seconds)

    return Contender({"first": first, "second": second}, batch)


def test_a_slower_contender_is_measured_as_slower_by_its_stages() -> None:
    found = time_contenders({"a": sleeper(0.001, [], "a"), "b": sleeper(0.004, [], "b")}, TEXTS, seed=1, n_texts=20)
    # A sleep never ends early, so these hold on the busiest machine.
    assert found["a"].p50_ms >= 1.0
    assert found["b"].p50_ms >= 4.0
    assert found["b"].p50_ms <= found["b"].p95_ms <= found["b"].p99_ms
    assert set(found["b"].stages_ms) == {"first", "second"}
    assert min(found["b"].stages_ms.values()) >= 2.0
    assert found["b"].texts_per_s <= 32 / 0.004


def test_contenders_take_turns() -> None:
    calls: list[str] = []
    time_contenders({"a": sleeper(0.002, calls, "a"), "b": sleeper(0.002, calls, "b")}, TEXTS, seed=1, n_texts=40)
    turns = [name for i, name in enumerate(calls) if i == 0 or calls[i - 1] != name]
    # The warm-up of both, then a first chunk that a begins and a second one that b begins.
    assert turns == ["a", "b", "a", "b", "a"]


def test_each_text_is_timed_and_the_order_is_seeded() -> None:
    def orders(seed: int) -> list[str]:
        seen: list[str] = []
        contender = Contender({"all": lambda text: seen.append(text) or time.sleep(0.001)}, lambda texts: None)
        time_contenders({"a": contender}, TEXTS, seed=seed)
        return list(dict.fromkeys(seen))

    assert orders(1) == orders(1) != orders(2)
    assert sorted(orders(1)) == sorted(TEXTS)


def test_timing_runs_on_one_thread_and_leaves_things_as_they_were() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
        assert not gc.isenabled()
    assert torch.get_num_threads() == before
    assert gc.isenabled()


def test_a_hint_is_taken_before_training_and_is_a_positive_time() -> None:
    vectors = np.zeros((5, 4), np.float32)
    student = AverageConfig(kind="average").build(vectors, 2)
    weights = [parameter.clone() for parameter in student.parameters()]
    assert 0 < network_hint_ms(export_onnx(student), [np.array([1, 2, 3])]) < 1000
    assert all(torch.equal(a, b) for a, b in zip(weights, student.parameters(), strict=True))


def test_the_cpu_has_a_name() -> None:
    assert cpu_name().strip()


@pytest.mark.parametrize("n_texts", [1, 20, 21])
def test_few_texts_can_be_timed(n_texts: int) -> None:
    contender = Contender({"all": lambda text: time.sleep(0.01)}, lambda texts: time.sleep(0.01))
    assert time_contenders({"a": contender}, TEXTS[:n_texts], seed=1)["a"].p50_ms >= 10


def test_the_quantiles_run_from_the_fastest_text_to_the_slowest() -> None:
    found = time_contenders({"a": sleeper(0.001, [], "a")}, TEXTS, seed=1, n_texts=20)["a"]
    assert len(found.quantiles_ms) == 101
    assert list(found.quantiles_ms) == sorted(found.quantiles_ms)
    assert found.quantiles_ms[0] >= 1.0
    assert (found.quantiles_ms[50], found.quantiles_ms[95]) == pytest.approx((found.p50_ms, found.p95_ms), abs=1e-5)
