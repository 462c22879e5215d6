"""The figures of a checkpoint before and after its compression, as a table and as lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.speed.figures import Latency

SLOWER = 1.05
"""A ratio of two timings that is nearer to 1 says nothing."""
MOST_DIGITS = 17
"""The decimal places in which any two scores differ."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two checkpoints that are compared; `accuracy` and `score`, by the metric of the study, are None without
    labels."""

    size_mb: float
    n_parameters: int
    accuracy: float | None
    latency: Latency
    score: float | None = None


def what_got_worse(
    before: Side, after: Side, metric: MetricConfig = ACCURACY, whole: MetricConfig = ACCURACY
) -> list[str]:
    """A line for each figure in which a compressed student is worse, by the study's metric and by that of whole answers."""
    lines = []
    was_ms, is_ms = before.latency.p50_ms, after.latency.p50_ms
    if is_ms > SLOWER * was_ms:
        now, then = told_apart(is_ms, was_ms, 3)
        lines.append(f"slower than before: p50 {now} ms against {then} ms, {is_ms / was_ms:.2f} times as long")
    if after.size_mb > before.size_mb:
        now, then = told_apart(after.size_mb, before.size_mb, 2)
        lines.append(f"larger than before: {now} MB against {then} MB")
    if before.accuracy is not None and after.accuracy is not None and after.accuracy < before.accuracy:
        worse = "less accurate" if whole.is_accuracy else f"a lower {whole.title}"
        now, then = told_apart(after.accuracy, before.accuracy, 4)
        lines.append(f"{worse} than before: {now} against {then}")
    if (
        metric.kind != whole.kind
        and before.score is not None
        and after.score is not None
        and after.score < before.score
    ):
        now, then = told_apart(after.score, before.score, 4)
        lines.append(f"a lower {metric.title} than before: {now} against {then}")
    return lines


def told_apart(one: float, other: float, n_digits: int) -> tuple[str, str]:
    """Two figures with this many decimal places, or with more if they look equal and are not."""
    enough = (n for n in range(n_digits, MOST_DIGITS) if f"{one:.{n}f}" != f"{other:.{n}f}" or one == other)
    n_shown = next(enough, MOST_DIGITS)
    return f"{one:.{n_shown}f}", f"{other:.{n_shown}f}"


def figures_table(
    sides: dict[str, Side], agreement: float, title: str, metrics: tuple[MetricConfig, MetricConfig]
) -> Table:
    metric, whole = metrics
    first, second = sides.values()
    table = Table(title=title, title_justify="left")
    for heading in ("", *sides):
        table.add_column(heading, justify="right" if heading else "left")

    def shown(figure: float | None) -> str:
        return "-" if figure is None else f"{figure:.4f}"

    scores = {} if metric.kind == whole.kind else {metric.title: [shown(side.score) for side in sides.values()]}
    rows: dict[str, list[str]] = scores | {
        whole.title: [shown(side.accuracy) for side in sides.values()],
        "agrees with before": ["", f"{agreement:.4f}"],
        "parameters": [f"{side.n_parameters:,}" for side in sides.values()],
        "MB on disk": list(told_apart(first.size_mb, second.size_mb, 2)),
        "p50 ms": [f"{side.latency.p50_ms:.3f}" for side in sides.values()],
        "p50 ms of the network": [f"{side.latency.stages_ms['network']:.3f}" for side in sides.values()],
        "texts/s": [f"{side.latency.texts_per_s:,.0f}" for side in sides.values()],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def figures_line(figures: dict[str, Any]) -> str:
    """The figures as one JSON object."""
    return json.dumps(figures, ensure_ascii=False)
