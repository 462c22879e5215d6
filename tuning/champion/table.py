"""The table that ends a search, and the figures in it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from distune.models.decision import AnyDecision, Decision, same_answers
from distune.tuning.champion.confidence import Confidence
from distune.tuning.metric.config import ACCURACY, TITLES, MetricConfig
from distune.tuning.metric.interval import wilson_interval
from distune.tuning.metric.task import AnyMetric, task_of_metric
from distune.tuning.speed.figures import Latency
from distune.tuning.study.describe import HARD_LABEL_STUDENT
from distune.tuning.study.rule import ROUNDING

SMALL_MB = 0.1
SMALL_WAY = 0.01
Logits = NDArray[np.float32]
INTERVAL_ROW = "  95 % interval"
INTERVAL_COVERS = "over draws of the test texts; the spread between seeds is ±, and not in it"
TERMINAL_COLUMNS = 80
"""The narrowest terminal that the table and its notes are made for."""


@dataclass(frozen=True)
class Spread:
    """A mean and its sample standard deviation over seeds (0 for one value)."""

    mean: float
    sd: float

    def __str__(self) -> str:
        return f"{self.mean:.4f}" if self.sd == 0 else f"{self.mean:.4f} ± {self.sd:.4f}"


@dataclass(frozen=True, kw_only=True)
class AtThreshold:
    """The threshold of a label, which dev has chosen, and the precision and recall of that label on test."""

    label: str
    threshold: Spread
    precision: Spread
    recall: Spread


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The quality of a model over its seeds: its scores by `metric`, its accuracy and macro-F1 on test, and the part of the
    test texts on which it agrees with the teacher."""

    metric: MetricConfig = ACCURACY
    dev_score: Spread
    test_score: Spread
    test_interval: tuple[float, float] | None = None
    """The 95 % confidence interval of the score on test; None if an older Distune did not compute it."""
    test_accuracy: Spread
    """If a text has several labels, this is the part of the texts whose labels are all right."""
    macro_f1: Spread
    micro_f1: Spread | None = None
    """None if a text has one label, whose micro-F1 is the accuracy."""
    agreement: Spread | None
    answered: AtThreshold | None = None
    """The figures of the label that is answered from a threshold on; None if the likeliest label always is."""

    @property
    def is_multi_label(self) -> bool:
        """Whether a text has several labels."""
        return self.micro_f1 is not None

    @property
    def beside(self) -> dict[str, Spread]:
        """The scores on test that a table has in addition to that of the metric, by their kind."""
        if self.micro_f1 is None:
            return {"accuracy": self.test_accuracy, "macro_f1": self.macro_f1}
        return {"exact_match": self.test_accuracy, "micro_f1": self.micro_f1, "macro_f1": self.macro_f1}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The seed of a student that is kept, the best on dev: its own score on test, and the threshold by which it answers."""

    test_score: float
    threshold: float | None = None
    thresholds: dict[str, float] | None = None
    """The threshold of each label if a text has several."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One model in the table; what could not be measured is None."""

    name: str
    quality: Quality
    n_parameters: int | None
    size_mb: float | None
    latency: Latency | None
    kept: Kept | None = None
    """The seed that is served; None for the teacher, and in results of an older Distune."""
    confidence: Confidence | None = None
    """The confidence of the teacher, and of the seed that is served; None for the student alone, and in results of an older
    Distune."""


def spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)


def quality(
    metric: AnyMetric,
    dev_scores: Sequence[float],
    test_logits: Sequence[Logits],
    test_labels: NDArray[np.integer[Any]],
    teacher: NDArray[np.int64] | None,
    decisions: Sequence[AnyDecision] | None = None,
) -> Quality:
    """The figures of quality of one model, one array of test logits for each seed, each answered by its decision.

    `teacher` are the teacher's answers on test. Without decisions the answer is what nothing chosen on dev decides. The
    interval of an accuracy or an exact match is Wilson's, that of any other metric is bootstrapped.
    """
    task = task_of_metric(metric)
    decisions = [task.undecided(one.shape[1]) for one in test_logits] if decisions is None else decisions
    predictions = [by.of_logits(logits) for by, logits in zip(decisions, test_logits, strict=True)]
    agreement = None if teacher is None else spread([float(same_answers(p, teacher).mean()) for p in predictions])
    beside = {
        config.kind: spread(_scores(task.build_metric(config, metric.labels, {}), test_logits, test_labels, decisions))
        for config in task.beside
    }
    return Quality(
        metric=metric.config,
        dev_score=spread(dev_scores),
        test_score=spread(_scores(metric, test_logits, test_labels, decisions)),
        test_interval=task.interval(metric, test_logits, test_labels, decisions),
        test_accuracy=beside[task.beside[0].kind],
        macro_f1=beside["macro_f1"],
        micro_f1=beside.get("micro_f1"),
        agreement=agreement,
        answered=_at_threshold(metric.labels, predictions, test_labels, decisions),
    )


def _scores(
    metric: AnyMetric,
    logits: Sequence[Logits],
    labels: NDArray[np.integer[Any]],
    decisions: Sequence[AnyDecision],
) -> list[float]:
    return [metric.score(one, labels, by) for one, by in zip(logits, decisions, strict=True)]


def _at_threshold(
    names: Sequence[str],
    predictions: Sequence[NDArray[np.int64]],
    labels: NDArray[np.integer[Any]],
    decisions: Sequence[AnyDecision],
) -> AtThreshold | None:
    found = [
        (by.answers_from, (answers == by.index), (labels == by.index))
        for answers, by in zip(predictions, decisions, strict=True)
        if isinstance(by, Decision) and by.threshold is not None
    ]
    if not found:
        return None
    index = next(by.index for by in decisions if isinstance(by, Decision) and by.threshold is not None)
    right = [float((said & true).sum()) for _, said, true in found]
    return AtThreshold(
        label=names[index],
        threshold=spread([threshold for threshold, _, _ in found if threshold is not None]),
        precision=spread([n / max(said.sum(), 1) for n, (_, said, _) in zip(right, found, strict=True)]),
        recall=spread([n / max(true.sum(), 1) for n, (_, _, true) in zip(right, found, strict=True)]),
    )


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
    table = Table(title=f"{name}: {rule}", title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column.name, justify="right")
    for row, cells in rows_of_table(columns):
        table.add_row(row, *cells)
    stream = io.StringIO()
    Console(file=stream, width=110).print(table)
    # The file is printed as it is: on a narrow terminal, longer lines would break within words.
    notes = Console(file=stream, width=TERMINAL_COLUMNS)
    notes.print(f"distillation ratio {ratio_formula(columns[1])}, on test: {ratio_text(*columns)}", highlight=False)
    if baseline:
        notes.print(baseline, highlight=False)
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


def interval_of(quality: Quality, n_test: int | None) -> tuple[float, float] | None:
    """The 95 % confidence interval of a score over `n_test` texts. An older Distune did not keep it: then that of an accuracy
    is computed, and any other is None."""
    if quality.test_interval is None and quality.metric.is_accuracy and n_test:
        return wilson_interval(quality.test_score.mean, n_test)
    return quality.test_interval


def _interval(quality: Quality) -> str:
    return "-" if quality.test_interval is None else "{:.4f} to {:.4f}".format(*quality.test_interval)
