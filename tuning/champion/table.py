"""The table that ends a search, and the figures in it."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from distune.tuning.speed.figures import Latency
from distune.tuning.study.rule import ROUNDING

SMALL_WAY = 0.01


@dataclass(frozen=True)
class Spread:
    """A mean and its sample standard deviation over seeds (0 for one value)."""

    mean: float
    sd: float

    def __str__(self) -> str:
        return f"{self.mean:.4f}" if self.sd == 0 else f"{self.mean:.4f} ± {self.sd:.4f}"


@dataclass(frozen=True)
class Quality:
    """How good a model is, over its seeds; `agreement` is the part of the test texts on which it says what the
    teacher says."""

    dev_accuracy: Spread
    test_accuracy: Spread
    macro_f1: Spread
    agreement: Spread | None


@dataclass(frozen=True, kw_only=True)
class Column:
    """One model in the table; what could not be measured is None."""

    name: str
    quality: Quality
    n_parameters: int | None
    size_mb: float | None
    latency: Latency | None


def spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)


def quality(
    dev_accuracies: Sequence[float],
    test_logits: Sequence[NDArray[np.float32]],
    test_labels: NDArray[np.int64],
    teacher_logits: NDArray[np.float32] | None,
) -> Quality:
    """The figures of quality of one model, one array of test logits for each seed."""
    predictions = [logits.argmax(1) for logits in test_logits]
    agreement = None
    if teacher_logits is not None:
        agreement = spread([float((p == teacher_logits.argmax(1)).mean()) for p in predictions])
    return Quality(
        spread(dev_accuracies),
        spread([float((p == test_labels).mean()) for p in predictions]),
        spread([macro_f1(test_labels, logits.argmax(1), logits.shape[1]) for logits in test_logits]),
        agreement,
    )


def macro_f1(labels: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> float:
    """The mean over all classes of a corpus, always the same ones, of F1 = 2 tp / (2 tp + fp + fn), from `[texts]` each.

    A class that no text has and that is said of none counts as 0, as in every other column of its table.
    """
    right = np.bincount(labels[labels == predicted], minlength=n_classes)
    # 2 tp + fp + fn: how often a class is the label, and how often it is the answer.
    seen = np.bincount(labels, minlength=n_classes) + np.bincount(predicted, minlength=n_classes)
    return float((2 * right / np.maximum(seen, 1)).mean())


def distillation_ratio(teacher: Column, plain: Column, distilled: Column) -> float | None:
    """How much of the way from the student alone to the teacher distillation went, on test.

    None where the teacher is no better than the student alone.
    """
    way = way_to_teacher(teacher, plain)
    return None if way <= ROUNDING else (distilled.quality.test_accuracy.mean - plain.quality.test_accuracy.mean) / way


def way_to_teacher(teacher: Column, plain: Column) -> float:
    """How much better on test the teacher is than the student alone."""
    return teacher.quality.test_accuracy.mean - plain.quality.test_accuracy.mean


def ratio_text(teacher: Column, plain: Column, distilled: Column) -> str:
    """The distillation ratio in words: it says little if the teacher is hardly better than the student alone."""
    ratio = distillation_ratio(teacher, plain, distilled)
    if ratio is None:
        return "- (the teacher is no better than the student alone)"
    way = way_to_teacher(teacher, plain)
    return f"{ratio:.2f}" + (f" (the whole way is {way:.4f}, so that it says little)" if way < SMALL_WAY else "")


def table_text(name: str, rule: str, columns: tuple[Column, Column, Column], timed: str) -> str:
    """The table that ends a search, as text: the teacher, the student alone, the distilled student; `timed` says how they were."""
    table = Table(title=f"{name}: {rule}", title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column.name, justify="right")
    for row, cells in rows_of_table(columns):
        table.add_row(row, *cells)
    stream = io.StringIO()
    console = Console(file=stream, width=110)
    console.print(table)
    console.print(
        f"distillation ratio (distilled - alone) / (teacher - alone), on test: {ratio_text(*columns)}", highlight=False
    )
    console.print(f"timed from raw text to label on {timed}", highlight=False)
    return stream.getvalue()


def rows_of_table(columns: Sequence[Column]) -> list[tuple[str, list[str]]]:
    """The rows of the table: a name, and a cell for each model."""
    teacher = columns[0].latency

    def cell(value: Any, form: str) -> str:
        return "-" if value is None else format(value, form)

    def timed(attribute: str, form: str) -> list[str]:
        return [cell(getattr(c.latency, attribute) if c.latency else None, form) for c in columns]

    faster = [teacher.p50_ms / c.latency.p50_ms if teacher and c.latency else None for c in columns]
    return [
        ("dev accuracy", [str(c.quality.dev_accuracy) for c in columns]),
        ("test accuracy", [str(c.quality.test_accuracy) for c in columns]),
        ("test macro-F1", [str(c.quality.macro_f1) for c in columns]),
        ("agrees with the teacher", [str(c.quality.agreement) if c.quality.agreement else "-" for c in columns]),
        ("parameters", [cell(c.n_parameters, ",") for c in columns]),
        ("MB on disk", [cell(c.size_mb, ".1f") for c in columns]),
        ("p50 ms", timed("p50_ms", ".3f")),
        ("p95 ms", timed("p95_ms", ".3f")),
        ("texts/s", timed("texts_per_s", ",.0f")),
        ("times faster", [cell(value, ",.1f") for value in faster]),
    ]


def wilson_interval(accuracy: float, n_texts: int) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy over `n_texts` texts (Wilson 1927); from 0 to 1 over none."""
    if n_texts == 0:
        return 0.0, 1.0
    z = 1.959964
    centre = accuracy + z * z / (2 * n_texts)
    half = z * math.sqrt(accuracy * (1 - accuracy) / n_texts + z * z / (4 * n_texts**2))
    whole = 1 + z * z / n_texts
    return max(0.0, (centre - half) / whole), min(1.0, (centre + half) / whole)
