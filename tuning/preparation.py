"""What is made once, before the search: the corpus, the teacher's logits, and the data of every kind of trial."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from corpora.corpus import Corpus, load_corpus
from corpora.encoding import Encoder
from corpora.teacher_logits import TeacherLogits
from corpora.tokens import TokenIds, ragged, tokenize
from models.word_vectors import build_vectors
from tuning.latency import encode_ms
from tuning.space import every, middle
from tuning.study import Study
from tuning.teaching import TeacherPlace, locate, logits_for, pieces_for
from tuning.trial import TrialConfig, TrialData

Say = Callable[[str], None]
TIMED_TEXTS = 200


@dataclass(frozen=True)
class Inputs:
    """All that trials of one `tokens` and `vectors` share; `data` is what travels to them."""

    data: TrialData
    encoder: Encoder
    vocabulary: tuple[str, ...]
    encode_ms: float
    """From raw text to token ids, which a trial adds to its network's milliseconds."""


@dataclass(frozen=True)
class Prepared:
    """A study with its corpus, its teacher's logits, and the inputs of its trials by `inputs_key`."""

    study: Study
    corpus: Corpus
    place: TeacherPlace
    logits: TeacherLogits
    inputs: dict[str, Inputs]

    def of(self, config: TrialConfig) -> Inputs:
        return self.inputs[inputs_key(config)]


def inputs_key(config: TrialConfig) -> str:
    """16 hex digits over what the data of a trial depends on."""
    text = config.tokens.model_dump_json() + config.vectors.model_dump_json()
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def prepare(study: Study, say: Say, only: TrialConfig | None = None) -> Prepared:
    """Read the corpus, have the teacher's logits, and make the inputs of every trial (or of `only` one).

    Raises CorpusError and ModelError for what cannot be used.
    """
    corpus = load_corpus(study.config.corpus)
    sizes = ", ".join(f"{len(split)} {name}" for name, split in corpus.splits.items())
    say(f"corpus {study.config.corpus.source}: {sizes}; labels {', '.join(corpus.labels)}")
    for note in corpus.notes:
        say(f"  {note}")
    place = locate(study.config, corpus)
    logits = logits_for(study.config, corpus, place, say)
    configs = [only] if only else distinct_inputs(study)
    inputs = {}
    for config in configs:
        pieces = pieces_for(config.tokens, study.config, place)
        inputs[inputs_key(config)] = _inputs(config, corpus, logits, pieces, study.config.search.seed, say)
    return Prepared(study, corpus, place, logits, inputs)


def distinct_inputs(study: Study) -> list[TrialConfig]:
    """One trial config for each combination of tokens and vectors in the space."""
    base = middle(study.space)
    return [TrialConfig.model_validate({**base, **chosen}) for chosen in every(study.space, "tokens", "vectors")]


def _inputs(
    config: TrialConfig, corpus: Corpus, logits: TeacherLogits, pieces: Sequence[str], seed: int, say: Say
) -> Inputs:
    train_texts = (*corpus.train.texts, *corpus.transfer.texts)
    # Vocabulary and vectors see train and transfer texts alone.
    tokenized = tokenize(config.tokens, train_texts, pieces)
    segmented, vocabulary, encoder = tokenized.segmented, tokenized.vocabulary, tokenized.encoder
    vectors = build_vectors(config.vectors, vocabulary, segmented, seed)
    say(f"{config.tokens.kind}: {len(vocabulary)} in the vocabulary; {config.vectors.kind} vectors of dimension "
        f"{config.vectors.dimension} for {vectors.coverage:.0%} of it")  # fmt: skip
    data = TrialData(
        train=ragged(encoder.look_up(tokens) for tokens in segmented),
        labels=np.concatenate([corpus.train.labels, corpus.transfer.labels]),
        teacher_logits=logits.of(train_texts),
        dev=encode_texts(encoder, corpus.dev.texts),
        dev_labels=corpus.dev.labels,
        vectors=vectors.matrix,
    )
    return Inputs(data, encoder, vocabulary, encode_ms(encoder, corpus.dev.texts[:TIMED_TEXTS]))


def encode_texts(encoder: Encoder, texts: tuple[str, ...]) -> TokenIds:
    """Texts as token ids."""
    return ragged(encoder(text) for text in texts)
