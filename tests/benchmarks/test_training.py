"""The benchmark of a trial's training: its form, on a few texts; never its speed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed import training, training_peers
from benchmarks.speed.performance import PARTS
from distune.corpora.tokens import ragged
from distune.tuning.trial.data import TrialData


@pytest.mark.parametrize("is_fast", [False, True])
def test_every_contender_learns_and_the_page_shows_it(is_fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_peers, "has_fast_bf16", lambda device: is_fast)
    rng = np.random.default_rng(0)
    rows = [rng.integers(1, 30, rng.integers(2, 9)) for _ in range(80)]
    vectors = rng.normal(size=(30, 6)).astype(np.float32)
    vectors[0] = 0
    data = TrialData(
        train=ragged(rows),
        labels=np.arange(80) % 3 - 1,
        iterations=np.zeros(80, np.int32),
        teacher_logits=rng.normal(size=(1, 80, 2)).astype(np.float32),
        teacher_weights=np.ones(1, np.float32),
        teacher_hidden=np.zeros((80, 0), np.float16),
        dev=ragged(rows[:4]),
        dev_labels=np.zeros(4, np.int64),
        vectors=vectors,
    )
    found = training.measure(data, 4, 1, 2)
    assert {"distune", "plain loop", "plain, packed"} <= set(found)
    assert ("distune in float32" in found) == is_fast
    assert found["distune"]["cpu_times_distune"] == 1.0
    page = PARTS["training"].shown({"hidden": {"4": found}})
    assert f"| plain loop | {found['plain loop']['cpu_times_distune']} (" in page


def test_a_ratio_is_the_median_of_the_rounds_and_says_how_far_they_lie_apart() -> None:
    assert training.speeds(100, [1.0, 3.0, 4.0], [1.0, 1.0, 2.0], "cpu") == {
        "texts_per_cpu_s": 33,
        "cpu_times_distune": 2.0,
        "cpu_times_from": 1.0,
        "cpu_times_to": 3.0,
    }
