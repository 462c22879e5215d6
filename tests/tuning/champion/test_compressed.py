"""What is said of a compressed student that is worse than before."""

from __future__ import annotations

from dataclasses import replace

from distune.tuning.champion.compressed import Side, told_apart, what_got_worse
from distune.tuning.metric.config import MetricConfig
from distune.tuning.speed.figures import Latency


def side(p50_ms: float, size_mb: float, accuracy: float | None) -> Side:
    latency = Latency(p50_ms=p50_ms, p95_ms=9.0, p99_ms=9.0, texts_per_s=1.0, stages_ms={})
    return Side(size_mb=size_mb, n_parameters=1, accuracy=accuracy, latency=latency)


def test_a_lower_score_by_the_metric_of_the_study_is_said() -> None:
    before, after = replace(side(0.1, 1.0, 0.9), score=0.5), replace(side(0.1, 1.0, 0.9), score=0.4)
    line = "a lower F1 of spam than before: 0.4000 against 0.5000"
    assert what_got_worse(before, after, MetricConfig(kind="f1", label="spam")) == [line]
    assert what_got_worse(after, before, MetricConfig(kind="f1", label="spam")) == []


def test_a_compressed_student_that_is_worse_is_said_to_be_so() -> None:
    assert what_got_worse(side(0.1, 1.0, 0.9), side(0.15, 1.5, 0.85)) == [
        "slower than before: p50 0.150 ms against 0.100 ms, 1.50 times as long",
        "larger than before: 1.50 MB against 1.00 MB",
        "less accurate than before: 0.8500 against 0.9000",
    ]
    assert what_got_worse(side(0.1, 1.0, None), side(0.104, 0.5, None)) == []


def test_figures_that_differ_are_shown_with_digits_that_differ() -> None:
    before, after = replace(side(0.1, 0.0101, 0.90001)), replace(side(0.1, 0.0102, 0.90000))
    assert what_got_worse(before, after) == [
        "larger than before: 0.0102 MB against 0.0101 MB",
        "less accurate than before: 0.90000 against 0.90001",
    ]
    assert told_apart(0.0101, 0.0101, 2) == ("0.01", "0.01")
