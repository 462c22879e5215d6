"""The table that ends a search, and the figures in it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distune.tuning.champion.columns import AtThreshold, Column, Quality
from distune.tuning.champion.confidence import Confidence
from distune.tuning.metric.config import TITLES
from distune.tuning.study.describe import HARD_LABEL_STUDENT
from distune.tuning.study.rule import ROUNDING

SMALL_MB = 0.1
SMALL_WAY = 0.01
INTERVAL_ROW = "  95 % interval"
INTERVAL_COVERS = "over draws of the test texts; the spread between seeds is ±, and not in it"
TERMINAL_COLUMNS = 80
"""The narrowest terminal that the table and its notes are made for."""


def in_mb(size_mb: float) -> str:
    """A size in MB, of which a small one is no 0.0."""
    return f"{size_mb:.1f}" if size_mb >= SMALL_MB else f"{size_mb:.2g}"


def distillation_ratio(teacher: Column, plain: Column, distilled: Column) -> float | None:
    """How much of the way from the student alone to the teacher distillation went, on test.

    None if the teacher is no better than the student alone.
    """
    way = way_to_teacher(teacher, plain)
    return None if way <= ROUNDING else (distilled.quality.test_score.mean - plain.quality.test_score.mean) / way


def way_to_teacher(teacher: Column, plain: Column) -> float:
    """How much better on test the teacher is than the student alone."""
    return teacher.quality.test_score.mean - plain.quality.test_score.mean


def ratio_text(teacher: Column, plain: Column, distilled: Column) -> str:
    """The distillation ratio in words: it says little if the teacher is hardly better than the student alone."""
    ratio = distillation_ratio(teacher, plain, distilled)
    if ratio is None:
        return f"- (the teacher is no better than the {plain.name})"
    way = way_to_teacher(teacher, plain)
    return f"{ratio:.2f}" + (f" (the whole way is {way:.4f}, so that it says little)" if way < SMALL_WAY else "")


def ratio_formula(plain: Column) -> str:
    """The formula of the distillation ratio, with the word for its baseline."""
    word = "hard-label" if plain.name == HARD_LABEL_STUDENT else "alone"
    return f"(distilled - {word}) / (teacher - {word})"


def table_text(name: str, rule: str, columns: tuple[Column, Column, Column], timed: str, baseline: str = "") -> str:
    """The table that ends a search, as text: the teacher, the student alone, the distilled student. `timed` says how they were
    timed, and `baseline` what a linear classifier reaches."""
    table = Table(
        title=Text(f"{name}: {rule}"), title_justify="left"
    )  # A label may hold brackets, which are no markup.
    table.add_column("")
    for column in columns:
        table.add_column(column.name, justify="right")
    for row, cells in rows_of_table(columns):
        table.add_row(Text(row), *cells)
    stream = io.StringIO()
    Console(file=stream, width=110).print(table)
    # The file is printed as it is: on a narrow terminal, longer lines would break within words.
    notes = Console(file=stream, width=TERMINAL_COLUMNS)
    notes.print(f"distillation ratio {ratio_formula(columns[1])}, on test: {ratio_text(*columns)}", highlight=False)
    if baseline:
        notes.print(baseline, highlight=False, markup=False)
    if any(row == INTERVAL_ROW for row, _ in rows_of_table(columns)):
        notes.print(f"95 % interval: {INTERVAL_COVERS}", highlight=False)
    notes.print(f"timed from raw text to label on {timed}", highlight=False)
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
        *_rows_of_quality([c.quality for c in columns]),
        ("agrees with the teacher", [str(c.quality.agreement) if c.quality.agreement else "-" for c in columns]),
        *_rows_of_confidence([c.confidence for c in columns]),
        ("parameters", [cell(c.n_parameters, ",") for c in columns]),
        ("MB on disk", ["-" if c.size_mb is None else in_mb(c.size_mb) for c in columns]),
        ("p50 ms", timed("p50_ms", ".3f")),
        ("p95 ms", timed("p95_ms", ".3f")),
        ("texts/s", timed("texts_per_s", ",.0f")),
        ("times faster", [cell(value, ",.1f") for value in faster]),
    ]


def _rows_of_quality(qualities: Sequence[Quality]) -> list[tuple[str, list[str]]]:
    """The scores by the metric, then the other figures on test, each once. The table of accuracies has no interval."""
    metric = qualities[0].metric
    rows = {
        f"dev {metric.title}": [str(one.dev_score) for one in qualities],
        f"test {metric.title}": [str(one.test_score) for one in qualities],
    }
    if not metric.is_accuracy:
        rows[INTERVAL_ROW] = [_interval(one) for one in qualities]
    for kind in qualities[0].beside:
        rows[f"test {TITLES[kind]}"] = [str(one.beside[kind]) for one in qualities]
    rows |= _rows_at_threshold([one.answered for one in qualities])
    return list(rows.items())


def _rows_at_threshold(answered: Sequence[AtThreshold | None]) -> dict[str, list[str]]:
    """The threshold of a label, and what it does on test; no rows if nobody has one."""
    label = next((one.label for one in answered if one is not None), None)
    if label is None:
        return {}
    rows = {
        f"threshold of {label}": "threshold",
        "  its precision on test": "precision",
        "  its recall on test": "recall",
    }
    return {row: ["-" if one is None else str(getattr(one, field)) for one in answered] for row, field in rows.items()}


def _rows_of_confidence(confidences: Sequence[Confidence | None]) -> list[tuple[str, list[str]]]:
    """The calibration error of those who have one, as they answer and, of those with a temperature, before."""
    if not any(confidences):
        return []
    rows = [("test calibration error", ["-" if one is None else f"{one.calibration.error:.4f}" for one in confidences])]
    before = [one.uncalibrated if one else None for one in confidences]
    return [
        *rows,
        *(
            [("  before scaling", ["-" if one is None else f"{one.error:.4f}" for one in before])]
            if any(before)
            else []
        ),
    ]


def _interval(quality: Quality) -> str:
    return "-" if quality.test_interval is None else "{:.4f} to {:.4f}".format(*quality.test_interval)
