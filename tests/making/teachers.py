"""A teacher that answers at once, and caches of its answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from distune.corpora.logits_filling import ShardForm, Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers, TeacherFunction
from distune.corpora.teacher_logits import CacheKey, TeacherLogits, open_cache

KEY = CacheKey("teacher-1", "corpus-1", ("bad", "good"))

TEXTS = [f"text {i}" for i in range(7)]


def answer(texts: Sequence[str]) -> TeacherAnswers:
    """Logits [-i, i] for "text i"."""
    numbers = np.array([float(text.split()[1]) for text in texts], dtype=np.float32)
    return TeacherAnswers(np.stack([-numbers, numbers], axis=1))


def answer_with_hidden(texts: Sequence[str]) -> TeacherAnswers:
    """And the hidden state [i, 0, -i]."""
    logits = answer(texts).logits
    return TeacherAnswers(logits, np.stack([logits[:, 1], 0 * logits[:, 0], logits[:, 0]], axis=1))


THREE_ROWS = ShardForm(rows=3)


def fill(root: Path, form: ShardForm = THREE_ROWS, teacher: TeacherFunction = answer) -> TeacherLogits:
    return fill_cache(Place(str(root)), KEY, TEXTS, Source(lambda: teacher, {"description": "a rule"}), form)


def opened(root: Path) -> TeacherLogits:
    return open_cache(Place(str(root)), KEY)


def folder(root: Path) -> Path:
    path = KEY.folder(Place(str(root))).path
    assert path is not None
    return path
