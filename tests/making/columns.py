"""The columns of a table of results."""

from distune.tuning.champion.table import (
    Column,
    Quality,
    Spread,
)
from distune.tuning.speed.latency import Latency


def column(name: str, test_accuracy: float, p50_ms: float | None = None) -> Column:
    figures = Quality(Spread(0.8, 0.01), Spread(test_accuracy, 0.0), Spread(0.7, 0.0), None)
    latency = None if p50_ms is None else Latency(p50_ms, 2 * p50_ms, 3 * p50_ms, 1000.0, {})
    return Column(name, figures, 1234567, 4.9, latency)


COLUMNS = (column("teacher", 0.9, 8.0), column("student alone", 0.7, 0.25), column("distilled champion", 0.85, 0.25))
