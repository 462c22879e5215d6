"""The columns of a table of results."""

from distune.tuning.champion.columns import Column, Quality, Spread
from distune.tuning.speed.figures import Latency


def quality_of(dev: Spread, test: Spread, macro_f1: Spread) -> Quality:
    """The figures of a model whose metric is accuracy."""
    return Quality(dev_score=dev, test_score=test, test_accuracy=test, macro_f1=macro_f1, agreement=None)


def column(name: str, test_accuracy: float, p50_ms: float | None = None) -> Column:
    figures = quality_of(Spread(0.8, 0.01), Spread(test_accuracy, 0.0), Spread(0.7, 0.0))
    latency = (
        None
        if p50_ms is None
        else Latency(p50_ms=p50_ms, p95_ms=2 * p50_ms, p99_ms=3 * p50_ms, texts_per_s=1000.0, stages_ms={})
    )
    return Column(name=name, quality=figures, n_parameters=1234567, size_mb=4.9, latency=latency)


COLUMNS = (column("teacher", 0.9, 8.0), column("student alone", 0.7, 0.25), column("distilled champion", 0.85, 0.25))
