"""The part of a page about errors: the test texts that are worth reading, and of several labels a text the F1 of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distune._pairs import in_words
from distune._plural import n_of
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.cases import Case, both_wrong, disagreements
from distune.tuning.champion.confusions import confused_pairs
from distune.tuning.champion.label_scores import label_scores
from distune.tuning.report.deciding import Decided, words_of_texts
from distune.tuning.report.pictures_model import has_many_classes
from distune.tuning.storage.paths import Folder

N_CASES = 12
LONGEST_TEXT = 400
SHOWN_LABELS = 12
"""The largest number of labels of an answer that are shown."""
OPEN_LABELS = 12
"""More labels than this are a table that is folded."""


def mistakes_of(answers: Answers | None, texts: Sequence[str], folder: Folder) -> dict[str, Any]:
    """The fields of the page about errors in the answers to these test texts, by the search in this folder."""
    apart = disagreements(answers, N_CASES) if answers else []
    wrong = both_wrong(answers, N_CASES) if answers else []
    words = words_of_texts(folder, [texts[case.row] for case in (*apart, *wrong)])
    return {
        "has_answers": answers is not None,
        "is_multi_label": answers is not None and answers.is_multi_label,
        "apart": [_shown(case, texts[case.row], words) for case in apart],
        "wrong": [_shown(case, texts[case.row], words) for case in wrong],
        "has_words": any(words.values()),
        "nothing_confused": _nothing_confused(answers),
        "labels": _labels(answers),
        "open_labels": OPEN_LABELS,
    }


def _nothing_confused(answers: Answers | None) -> str:
    """The words in place of a picture of confused pairs, if there are none."""
    if answers is None or answers.is_multi_label or not has_many_classes(answers) or confused_pairs(answers, 1):
        return ""
    return f"On {n_of(len(answers.labels), 'test text')} the student takes none of the {len(answers.names)} labels for another."


def _labels(answers: Answers | None) -> list[dict[str, str]]:
    """The rows of the table of labels; empty if a text has one."""
    if answers is None or not answers.is_multi_label:
        return []

    def cell(f1: float | None) -> str:
        return "-" if f1 is None else f"{f1:.3f}"

    return [
        {
            "label": one.label,
            "n_texts": f"{one.n_texts:,}",
            "threshold": f"{one.threshold_of_student:.3f}",
            "teacher": cell(one.f1_of_teacher),
            "student": cell(one.f1_of_student),
        }
        for one in label_scores(answers)
    ]


def _shown(case: Case, text: str, words: Mapping[str, Sequence[Decided]]) -> dict[str, Any]:
    shown = in_words(text)
    return {
        "text": shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]}…",
        "labels": _first(case.labels),
        "n_unknown": case.n_unknown,
        "teacher": _first(case.teacher),
        "student": _first(case.student),
        "decided": words.get(text, []),
    }


def _first(every: Sequence[Any]) -> dict[str, Any]:
    """The first labels, and how many more there are."""
    return {"first": every[:SHOWN_LABELS], "n_more": max(0, len(every) - SHOWN_LABELS)}
