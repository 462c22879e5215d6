"""Teachers that are files of answers: read by their settings, and the texts that they do not answer left out of the study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._pairs import MARK, in_words
from distune._plural import n_of
from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import AnswersFile, read_answers_file
from distune.corpora.corpus import Corpus, load_corpus, with_labels_of, without_texts
from distune.corpora.table_config import in_words as named
from distune.corpora.texts import CorpusError, text_hash
from distune.models.decision import even
from distune.models.teacher.answers_config import AnswersConfig
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.describe import HARD_LABEL_STUDENT

TIE = 1e-6
"""Logits in float32 that are closer are of two labels that are equally likely."""


def read_answers(answers: AnswersConfig, corpus: Corpus) -> AnswersFile:
    """The answers in a file to texts of a corpus, by their settings; raises CorpusError for one that cannot be read rightly."""
    rule = AnswerRule(prior_strength=answers.prior_strength, abstentions=answers.abstentions)
    return read_answers_file(answers.path, corpus.labels, rule, corpus.is_multi_label)


def answered_corpus(config: StudyConfig) -> Corpus:
    """The corpus of a study without the texts that one of its teachers of answers does not answer.

    If the study keeps no label of train, its labels are the likeliest of the first such teacher. If a text may have several labels, they
    are those with a probability of 0.5 or more. Raises CorpusError as `load_corpus` does, and for a file that lacks texts of the corpus where its
    settings do not say that these are left out.
    """
    corpus = load_corpus(config.corpus)
    for number, settings in enumerate(config.teachers):
        if settings.answers is not None:
            name = f"more_teachers.{number - 1}" if number else "teacher"
            corpus = _with_answers(corpus, settings.answers, name)
    if len(corpus.train):
        return corpus
    answers = next((one.answers for one in config.teachers if one.answers is not None), None)
    if answers is None:
        raise CorpusError(
            "corpus.labelled: 0 leaves students without a label, which only a study with teacher.answers can do"
        )
    return _labelled(corpus, answers)


def _labelled(corpus: Corpus, answers: AnswersConfig) -> Corpus:
    """The corpus with the likeliest label of each answer as the labels of train; a text with a tie gets none."""
    logits = read_answers(answers, corpus).file.of(corpus.transfer.texts).logits
    if corpus.is_multi_label:
        return _labelled_by_sets(corpus, named(answers.path), logits)
    largest = np.sort(logits, axis=1)[:, -2:]
    is_clear = largest[:, 1] - largest[:, 0] > TIE
    labels = {
        text: int(row.argmax())
        for text, row, clear in zip(corpus.transfer.texts, logits, is_clear, strict=True)
        if clear
    }
    if not labels:
        raise CorpusError(
            f"{named(answers.path)}: gives no text of the transfer set a likeliest label, and train has no labels of its own"
        )
    note = (
        f"train has no labels of its own: {n_of(len(labels), 'text has', 'texts have')} the likeliest label of {named(answers.path)} instead. The cross-entropy "
        f"learns from these, and so does the {HARD_LABEL_STUDENT}, which stands in place of the student alone"
    )
    return with_labels_of(corpus, named(answers.path), labels, note)


def _labelled_by_sets(corpus: Corpus, source: str, logits: NDArray[np.floating[Any]]) -> Corpus:
    """The corpus with each label whose probability is 0.5 or more as the labels of train."""
    has = even(len(corpus.labels)).of_logits(logits)
    if not has.any():
        raise CorpusError(
            f"{source}: gives no text of the transfer set a label with a probability of 0.5 or more, and train has no labels of its own"
        )
    n_none = int((~has.any(axis=1)).sum())
    note = (
        f"train has no labels of its own: {n_of(len(has), 'text has', 'texts have')} the labels to which {source} gives a probability of 0.5 or more "
        f"instead, {n_none:,} of them none. The cross-entropy learns from these, and so does the {HARD_LABEL_STUDENT}, which stands in place of the student alone"
    )
    return with_labels_of(corpus, source, dict(zip(corpus.transfer.texts, has, strict=True)), note)


def _with_answers(corpus: Corpus, answers: AnswersConfig, name: str) -> Corpus:
    try:
        found = read_answers(answers, corpus)
    except CorpusError as error:
        raise CorpusError(str(error).replace("teacher.answers", f"{name}.answers")) from error
    known = found.file.rows
    lacking = [text for text in corpus.texts() if text_hash(text) not in known]
    if len(lacking) == len(corpus.texts()):
        raise CorpusError(
            f"{named(answers.path)}: has an answer to none of the {len(lacking):,} texts of the corpus, such as {in_words(lacking[0])[:20]!r}"
            f"{'; a pair is found by both columns, text and text_b' if MARK in lacking[0] else ''}"
        )
    unknown = [text for text in lacking if text_hash(text) not in found.abstained]
    if unknown and answers.unanswered == "refuse":
        shown = ", ".join(repr(in_words(text)[:20]) for text in unknown[:3])
        raise CorpusError(
            f"{named(answers.path)} lacks {len(unknown):,} of {n_of(len(corpus.texts()), 'text')} of the corpus ({_by_split(corpus, unknown)}): {shown}"
            f"{', ...' if unknown[3:] else ''}; `distune prompt STUDY` writes the requests for them, or set {name}.answers.unanswered: leave_out"
        )
    if not lacking:
        return corpus
    left_out = frozenset(lacking)
    held_out = {*corpus.dev.texts, *corpus.test.texts} & left_out
    measured = "; what is measured on dev and test is of the texts that are left" if held_out else ""
    note = (
        f"{named(answers.path)}: {n_of(len(lacking), 'text has', 'texts have')} no answer and {'is' if len(lacking) == 1 else 'are'} left out of the "
        f"study ({_by_split(corpus, lacking)}; {n_of(len(lacking) - len(unknown), 'abstention')}){measured}"
    )
    return without_texts(corpus, left_out.__contains__, [note])


def _by_split(corpus: Corpus, texts: Sequence[str]) -> str:
    """How many of some texts each split has."""
    chosen = frozenset(texts)
    counts = {name: sum(text in chosen for text in split.texts) for name, split in corpus.splits.items()}
    return ", ".join(f"{n:,} of {len(corpus.splits[name]):,} {name}" for name, n in counts.items() if n)
