from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from distune.tuning.champion.columns import Column, Spread
from distune.tuning.speed.figures import Latency
from distune.tuning.tracking.entries import _metrics_of_finalists
from tests.making.columns import quality_of

TIMED = Latency(p50_ms=2.0, p95_ms=3.0, p99_ms=4.0, texts_per_s=500.0, stages_ms={})


def verdict(teacher_score: float) -> Any:
    """As much of a verdict as the figures of finalists are made of: one finalist of trial 3, right on 72 % of dev."""
    quality = quality_of(Spread(teacher_score, 0.0), Spread(0.0, 0.0), Spread(0.0, 0.0))
    return SimpleNamespace(
        columns=(Column(name="teacher", quality=quality, n_parameters=None, size_mb=None, latency=TIMED),),
        finalists=(SimpleNamespace(record=SimpleNamespace(number=3), score=0.72),),
        latencies={"3": Latency(p50_ms=0.5, p95_ms=0.6, p99_ms=0.7, texts_per_s=2000.0, stages_ms={})},
        sizes_mb={3: 0.1},
    )


def test_finalists_are_held_against_the_teacher() -> None:
    found = _metrics_of_finalists(verdict(0.8))[3]
    assert (found["teacher_ratio"], found["speedup"]) == (pytest.approx(0.9), 4.0)


def test_against_a_teacher_that_is_never_right_there_is_no_ratio() -> None:
    found = _metrics_of_finalists(verdict(0.0))[3]
    assert "teacher_ratio" not in found
    assert found["final/dev_accuracy"] == 0.72
