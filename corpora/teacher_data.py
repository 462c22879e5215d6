"""What a teacher may read beyond the corpus: more labelled texts and plain texts, none of them of dev or test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from corpora.corpus import Corpus, Split
from corpora.files import FileConfig, read_rows
from corpora.texts import CorpusError, content_key


class TeacherDataConfig(BaseModel, frozen=True, extra="forbid"):
    """Files that train the teacher alone; the students never see them."""

    labelled: tuple[FileConfig, ...] = ()
    """Files whose labels the teacher is fine-tuned on as well."""
    unlabelled: tuple[FileConfig, ...] = ()
    """Files that a teacher with `pretrain` reads as well; one from scratch takes its characters from them too."""


@dataclass(frozen=True)
class TeacherData:
    """The labelled texts a teacher trains on, and all texts it may be pretrained on (the labelled ones first)."""

    train: Split
    pretraining_texts: tuple[str, ...]
    n_removed: int
    """Rows left out because their content stands in the corpus' dev or test split."""


def load_teacher_data(config: TeacherDataConfig, corpus: Corpus) -> TeacherData:
    """The corpus' labelled train texts with those of the files, each content once.

    Raises CorpusError for an unreadable file and for a label that the corpus does not have.
    """
    index = {name: i for i, name in enumerate(corpus.labels)}
    held_out = {content_key(text) for split in (corpus.dev, corpus.test) for text in split.texts}
    seen = held_out | {content_key(text) for text in corpus.train.texts}
    texts, labels = list(corpus.train.texts), corpus.train.labels.tolist()
    n_removed = 0
    for file in config.labelled:
        for text, label in read_rows(file):
            if label not in index:
                raise CorpusError(f"{file.path}: unknown label {label!r}; the corpus has {', '.join(corpus.labels)}; "
                                  "`rename:` maps one to the other")  # fmt: skip
            key = content_key(text)
            n_removed += key in held_out
            if key not in seen:
                seen.add(key)
                texts.append(text)
                labels.append(index[label])
    train = Split(tuple(texts), np.array(labels, dtype=np.int64))
    plain = list(corpus.transfer.texts)
    for file in config.unlabelled:
        plain += [row.text for row in read_rows(file, labelled=False)]
    for text in plain:
        key = content_key(text)
        n_removed += key in held_out
        if key not in seen:
            seen.add(key)
            texts.append(text)
    return TeacherData(train, tuple(texts), n_removed)
