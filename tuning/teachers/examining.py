"""The teachers of a study examined before anything expensive starts: whether they are classifiers, and of these texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distune.corpora.corpus import Corpus
from distune.corpora.teacher_logits import has_cache
from distune.models.errors import ModelError
from distune.tuning.teachers.one_answer import about_one_answer
from distune.tuning.teachers.sources import TRAINED, load_from
from distune.tuning.teachers.teachers import TeacherPlace, refuse_wrong_columns

N_ASKED, N_READ = 256, 2000
"""Dev texts that a teacher is asked for, and texts of the corpus that its tokenizer reads."""


@dataclass(frozen=True)
class Examination:
    """The texts and labels that the teachers of a study are examined with."""

    corpus: Corpus
    masks: bool
    """Whether trials read texts in which words are masked."""


def examine_teachers(examination: Examination, places: Sequence[TeacherPlace], all_of_them: bool = True) -> list[str]:
    """Raise ModelError for a teacher that cannot teach this study; returns what is assumed of those that can.

    Each is loaded and answers a few dev texts. Unless it is `all_of_them`, those are left out whose answers are cached, which
    have been examined before.
    """
    notes: list[str] = []
    for place in places:
        if place.settings.checkpoint is None and not (
            place.settings.from_scratch and (place.trained / TRAINED).is_file()
        ):
            continue
        # One that comes with its logits is loaded after the search to be timed, and must not fail then.
        if all_of_them or place.logits_file is not None or not has_cache(place.cache_root, place.key):
            notes += _examine(examination, place, all_of_them)
    return notes


def _examine(examination: Examination, place: TeacherPlace, all_of_them: bool) -> list[str]:
    # transformers takes seconds to import, and a teacher whose logits come in a file needs none of it.
    from distune.models.teacher.rehearsal import rehearse
    from distune.models.teacher.tokenizing import load_tokenizer
    from distune.models.teacher.training import check_start
    from distune.models.teacher.unknown_text import refuse_unknown

    corpus, settings = examination.corpus, place.settings
    rows = _spread(len(corpus.dev), N_ASKED)
    asked, labels = [corpus.dev.texts[row] for row in rows], corpus.dev.labels[rows]
    if settings.epochs and not (place.trained / TRAINED).is_file():
        about_start = check_start(settings, asked, corpus.labels, corpus.is_multi_label)
        tokenizer = load_tokenizer(str(settings.checkpoint), settings.revision)
        _refuse_without_mask(examination, tokenizer.mask_token, str(settings.checkpoint))
        return list(about_start)
    name = f"the teacher {settings.checkpoint or place.trained}"
    teacher = load_from(settings, place.trained, corpus.labels, corpus.is_multi_label)
    everywhere = corpus.texts()
    texts = [everywhere[i] for i in _spread(len(everywhere), N_READ)]
    notes = [*teacher.notes, *refuse_unknown(name, teacher.tokenizer, texts)]
    _refuse_without_mask(examination, teacher.tokenizer.mask_token, name)
    logits = rehearse(teacher, asked, settings.hidden_states)
    if all_of_them:
        notes += about_one_answer(place.name, logits, labels, corpus.labels)
    if not settings.epochs:
        refuse_wrong_columns(place, logits, labels, corpus.labels, of_file=False)
    return notes


def _refuse_without_mask(examination: Examination, mask: str | None, name: str) -> None:
    if examination.masks and mask is None:
        raise ModelError(
            f"trial.augment.p_mask: the tokenizer of {name} has no mask token for a word that is hidden; set p_mask: 0"
        )


def _spread(n_rows: int, most: int) -> list[int]:
    """At most this many rows, spread over all of them."""
    return [int(i) for i in np.linspace(0, n_rows - 1, min(n_rows, most))]
