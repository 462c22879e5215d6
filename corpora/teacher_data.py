"""The texts of a teacher in addition to the corpus: more labelled texts and plain texts, none of them of dev or
test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from distune._plural import n_of
from distune.corpora.cleaning import deduplicated
from distune.corpora.corpus import Corpus
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.labelling import Labelling, labelling_of
from distune.corpora.rows import Row
from distune.corpora.split import Split
from distune.corpora.texts import CorpusError, content_key


class TeacherDataConfig(BaseModel, frozen=True, extra="forbid"):
    """Files that train the teacher alone; the students never see them."""

    labelled: tuple[FileConfig, ...] = ()
    """Files with labels for the teacher's fine-tuning."""
    unlabelled: tuple[FileConfig, ...] = ()
    """Files of texts for a teacher with `pretrain`. A teacher from scratch also takes its characters from them."""


@dataclass(frozen=True)
class TeacherData:
    """The labelled texts a teacher trains on, and all texts it may be pretrained on (the labelled ones first)."""

    train: Split
    pretraining_texts: tuple[str, ...]
    n_removed: int
    """Rows left out because their content is in the corpus' dev or test split."""
    notes: tuple[str, ...] = ()
    """How the files were read."""


def load_teacher_data(config: TeacherDataConfig, corpus: Corpus) -> TeacherData:
    """The corpus' labelled train texts with those of the files, each content once.

    Raises CorpusError for an unreadable file and for a label that the corpus does not have.
    """
    notes: list[str] = []
    labelling = labelling_of(corpus.is_multi_label)
    held_out = {content_key(text) for split in (corpus.dev, corpus.test) for text in split.texts}
    seen = held_out | {content_key(text) for text in corpus.train.texts}
    texts, more = list(corpus.train.texts), []
    labelled = _labelled_rows(config, corpus, notes)
    n_removed = sum(content_key(row.text) in held_out for row in labelled)
    for row in _in_their_order(labelled, notes, labelling):
        if content_key(row.text) not in seen:
            seen.add(content_key(row.text))
            texts.append(row.text)
            more.append(row)
    labels = np.concatenate([corpus.train.labels, labelling.numbers(more, corpus.labels)])
    train = Split(tuple(texts), labels)
    plain = list(corpus.transfer.texts)
    for file in config.unlabelled:
        plain += [row.text for row in read_rows(file, labelled=False, notes=notes)]
    for text in plain:
        key = content_key(text)
        n_removed += key in held_out
        if key not in seen:
            seen.add(key)
            texts.append(text)
    if n_removed:
        notes.append(f"teacher_data: {n_of(n_removed, 'row')} of the files left out, as dev or test has the text")
    return TeacherData(train, tuple(texts), n_removed, tuple(notes))


def _labelled_rows(config: TeacherDataConfig, corpus: Corpus, notes: list[str]) -> list[Row]:
    rows: list[Row] = []
    labelling = labelling_of(corpus.is_multi_label)
    for file in config.labelled:
        if file.multi_label != corpus.is_multi_label:
            has, lacks = ("the corpus", file.name) if corpus.is_multi_label else (file.name, "the corpus")
            raise CorpusError(
                f"{has} has several labels a text, and {lacks} has one: set multi_label for both, or for none"
            )
        found = read_rows(file, named=corpus.labels, notes=notes)
        unknown = next(
            (name for row in found for name in labelling.names(row.label) if name not in corpus.labels), None
        )
        if unknown is not None:
            raise CorpusError(
                f"{file.name}: unknown label {unknown!r}; the corpus has {', '.join(corpus.labels)}; `rename:` maps one to the "
                "other"
            )
        rows += found
    return rows


def _in_their_order(rows: Sequence[Row], notes: list[str], labelling: Labelling) -> list[Row]:
    """Each content once, as `deduplicated` has it, in the order of the files."""
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        places.setdefault(content_key(row.text), place)
    return sorted(deduplicated(rows, notes, labelling), key=lambda row: places[content_key(row.text)])
