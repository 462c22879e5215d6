"""What a search of several labels a text may have found, small enough to be counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from distune.models.decision import EachLabel, even
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.columns import Column, Kept, Quality, Spread
from distune.tuning.champion.results import parse_results
from distune.tuning.metric.config import MICRO_F1
from distune.tuning.report.findings import Findings
from distune.tuning.study.file import Study
from tests.making.columns import column
from tests.making.findings import EVIL, results

NAMES = ("late", "broken", "<b>好</b>")


def logits(*rows: tuple[float, ...]) -> np.ndarray:
    """Logits by the probability of each label."""
    found = np.array(rows)
    return np.log(found / (1 - found)).astype(np.float32)


# The teacher answers late 好, broken, late broken, nothing; the student late, broken, nothing, 好.
TEXTS_OF_SETS = ("学生少一个", "都错", EVIL, "没有人知道")
ANSWERS_OF_SETS = Answers(
    trial=1,
    names=NAMES,
    labels=np.array([[1, 0, 1], [0, 0, 0], [1, -1, 0], [0, 1, 0]], dtype=np.int8),
    teacher=logits((0.9, 0.2, 0.8), (0.1, 0.7, 0.1), (0.9, 0.9, 0.1), (0.2, 0.2, 0.1)),
    student=logits((0.65, 0.15, 0.35), (0.25, 0.55, 0.15), (0.35, 0.35, 0.25), (0.15, 0.35, 0.85)),
    by_teacher=even(3),
    by_student=EachLabel((0.5, 0.4, 0.5)),
)


def many_answers(n_labels: int) -> Answers:
    """Answers to one text for each of so many labels, whose names are long; the last label is of no text."""
    has = np.eye(n_labels, dtype=np.int8)
    has[-1] = has[0]
    sure = np.where(has == 1, 2.0, -2.0).astype(np.float32)
    return replace(
        ANSWERS_OF_SETS,
        names=tuple(f"label {number} of a long list of labels" for number in range(n_labels)),
        labels=has,
        teacher=sure,
        student=np.roll(sure, 1, axis=0),
        by_teacher=even(n_labels),
        by_student=even(n_labels),
    )


def many_texts(n_labels: int) -> list[str]:
    """The texts of `many_answers`."""
    return [f"text {number}" for number in range(n_labels)]


def quality_of_sets(micro_f1: float) -> Quality:
    return Quality(
        metric=MICRO_F1,
        dev_score=Spread(0.8, 0.0),
        test_score=Spread(micro_f1, 0.0),
        test_interval=(micro_f1 - 0.1, micro_f1 + 0.1),
        test_accuracy=Spread(0.4, 0.0),
        macro_f1=Spread(0.6, 0.0),
        micro_f1=Spread(micro_f1, 0.0),
        agreement=None,
    )


def columns_of_sets(thresholds: dict[str, float]) -> tuple[Column, Column, Column]:
    """Teacher, student alone and champion, which answers by these thresholds."""
    teacher, alone, distilled = (
        replace(column(name, 0.5, p50_ms), quality=quality_of_sets(micro_f1))
        for name, micro_f1, p50_ms in (("teacher", 0.9, 8.0), ("student alone", 0.7, 0.25), ("champion", 0.85, 0.25))
    )
    return teacher, alone, replace(distilled, kept=Kept(test_score=0.86, thresholds=thresholds))


def results_of_sets() -> dict[str, Any]:
    """A parsed `results.json`."""
    raw = results()
    raw["metric"] = {"kind": "micro_f1", "threshold": "on_dev"}
    for one in raw["finalists"]:
        one["dev_micro_f1"], one["plain_dev_micro_f1"] = one.pop("dev_accuracy"), one.pop("plain_dev_accuracy")
    for one in raw["columns"]:
        score = one["quality"].pop("dev_accuracy")
        one["quality"] |= {"dev_micro_f1": score, "test_micro_f1": score, "micro_f1": score, "answered": None}
    raw["columns"][-1]["kept"] = {"test_score": 0.83, "threshold": None, "thresholds": {"late": 0.5, "broken": 0.4}}
    return raw


def of_sets(findings: Findings) -> Findings:
    """The findings of a search of several labels a text."""
    document = findings.study.document
    study = Study({**document, "corpus": {**document["corpus"], "multi_label": True}})
    return replace(findings, study=study, answers=ANSWERS_OF_SETS, results=parse_results(results_of_sets()))
