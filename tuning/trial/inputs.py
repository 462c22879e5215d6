"""From a corpus and the teachers' answers to the inputs of trials: token ids, word vectors, labels and logits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distune.corpora.augment import AugmentConfig, Augmented
from distune.corpora.corpus import Corpus
from distune.corpora.encoding import Encoder
from distune.corpora.labelling import unlabelled
from distune.corpora.tokens import AnyTokensConfig, TokenIds, Tokenized, ragged, tokenize
from distune.models.errors import ModelError
from distune.models.vectors.config import TeacherVectorsConfig
from distune.models.vectors.vector_files import FoundVectors
from distune.models.vectors.word_vectors import WordVectors, build_vectors, completed, reduced
from distune.tuning.metric.metric import BY_ACCURACY
from distune.tuning.metric.task import AnyMetric
from distune.tuning.speed.figures import TIMED_TEXTS
from distune.tuning.speed.latency import encode_ms
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs, TrialData, inputs_key

_log = logging.getLogger(__name__)


class LogitsSource(Protocol):
    """The teachers' answers to texts."""

    @property
    def weights(self) -> NDArray[np.float32]:
        """`[teachers]`."""

    def each(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits `[teachers, texts, classes]`."""

    def hidden_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Hidden states `[texts, width]`."""


@dataclass(frozen=True)
class NoTeacher:
    """The source of students that learn from labels alone: one teacher whose logits are zero, which they do not use."""

    n_classes: int

    @property
    def weights(self) -> NDArray[np.float32]:
        return np.ones(1, dtype=np.float32)

    def each(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((1, len(texts), self.n_classes), dtype=np.float32)

    def hidden_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        return np.zeros((len(texts), 0), dtype=np.float16)


@dataclass(frozen=True, kw_only=True)
class RawInputs:
    """The corpus, the teachers and the texts that inputs are made from.

    `pieces` is the vocabulary of a teacher's tokenizer, for tokens that are taken from it; `augmented` makes the texts of a
    setting, once, and has the teachers' answers on them.
    """

    corpus: Corpus
    teachers: LogitsSource
    pieces: Callable[[AnyTokensConfig], Sequence[str]]
    seed: int
    """The seed of the trained word vectors."""
    metric: AnyMetric = BY_ACCURACY
    """The metric by which students are compared on dev."""
    augmented: Callable[[AugmentConfig], tuple[Augmented, LogitsSource]] | None = None
    teacher_vectors: Callable[[TrialConfig, TeacherVectorsConfig, Tokenized], FoundVectors] | None = None
    """The vectors of a vocabulary by a teacher; there is none for students that are a teacher themselves."""


def all_inputs(configs: Sequence[TrialConfig], material: RawInputs, whose: str = "") -> dict[str, Inputs]:
    """The inputs of trials by their key; texts are read once for each kind of tokens, vectors trained once for each
    of their reductions. Log lines about them begin with `whose`."""
    read: dict[str, tuple[Tokenized, TrialData, float]] = {}
    vectors: dict[str, WordVectors] = {}
    inputs = {}
    for config in configs:
        of_texts = config.tokens.model_dump_json() + config.augment.model_dump_json()
        if of_texts not in read:
            read[of_texts] = _read(config, material)
        tokenized, data, encode = read[of_texts]
        unreduced = config.vectors.model_copy(update={"reduce_to": None})
        of_vectors = config.tokens.model_dump_json() + unreduced.model_dump_json()
        if of_vectors not in vectors:
            vectors[of_vectors] = _vectors(config, tokenized, material)
        found = reduced(vectors[of_vectors], config.vectors.reduce_to)
        respelt = f", {100 * found.respelt:.0f} % in another width or case alone" if found.respelt else ""
        _log.info(
            f"{whose}{config.tokens.kind}: {len(tokenized.vocabulary):,} in the vocabulary; {config.vectors.kind} vectors of "
            f"dimension {found.matrix.shape[1]} for {100 * found.coverage:.0f} % of it{respelt}"
        )
        for note in found.notes:
            _log.info(f"{whose}{config.vectors.kind} vectors: {note}")
        inputs[inputs_key(config)] = Inputs(
            replace(data, vectors=found.matrix), tokenized.encoder, tokenized.vocabulary, encode
        )
    return inputs


def _vectors(config: TrialConfig, tokenized: Tokenized, material: RawInputs) -> WordVectors:
    """The unreduced vectors of a vocabulary. Like the vocabulary they see train and transfer texts alone."""
    unreduced, vocabulary = config.vectors.model_copy(update={"reduce_to": None}), tokenized.vocabulary
    if not isinstance(unreduced, TeacherVectorsConfig):
        return build_vectors(unreduced, vocabulary, tokenized.segmented, material.seed)
    if material.teacher_vectors is None:
        raise ModelError("vectors of kind teacher: these students have no teacher with an encoder")
    found = material.teacher_vectors(config, unreduced, tokenized)
    return completed(unreduced, vocabulary, found, material.seed)


def _read(config: TrialConfig, material: RawInputs) -> tuple[Tokenized, TrialData, float]:
    """The texts as token ids with all that is known of them, but no vectors yet, and what encoding a text costs in ms."""
    corpus, teachers = material.corpus, material.teachers
    train_texts = (*corpus.train.texts, *corpus.transfer.texts)
    tokenized = tokenize(config.tokens, train_texts, material.pieces(config.tokens))
    encoder = tokenized.encoder
    rows = [encoder.look_up(tokens) for tokens in tokenized.segmented]
    labels = np.concatenate([corpus.train.labels, corpus.transfer.labels])
    iterations = np.zeros(len(rows), dtype=np.int32)
    logits, hidden = teachers.each(train_texts), teachers.hidden_of(train_texts)
    if config.augment.n_iter and material.augmented is not None:
        augmented, answers = material.augmented(config.augment)
        rows += [encoder(text) for text in augmented.texts]
        labels = np.concatenate([labels, unlabelled(labels, len(augmented.texts))])
        iterations = np.concatenate([iterations, augmented.iterations])
        logits = np.concatenate([logits, answers.each(augmented.texts)], axis=1)
        hidden = np.concatenate([hidden, answers.hidden_of(augmented.texts)])
    data = TrialData(
        train=ragged(rows),
        labels=labels,
        iterations=iterations,
        teacher_logits=logits,
        teacher_weights=teachers.weights,
        teacher_hidden=hidden,
        dev=encode_texts(encoder, corpus.dev.texts),
        dev_labels=corpus.dev.labels,
        vectors=np.zeros((0, 0), dtype=np.float32),
        metric=material.metric,
    )
    return tokenized, data, encode_ms(encoder, corpus.dev.texts[:TIMED_TEXTS])


def encode_texts(encoder: Encoder, texts: tuple[str, ...]) -> TokenIds:
    """Texts as token ids."""
    return ragged(encoder(text) for text in texts)
