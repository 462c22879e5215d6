"""Word vectors from a teacher: refused early, computed once, and kept in the storage for all trials and searches."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.alignment import Occurrences, read_occurrences, shares_of
from distune.corpora.encoding import BETWEEN, RESERVED, SEPARATOR
from distune.corpora.places import Place
from distune.corpora.tokens import Tokenized, WordPieceConfig
from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.vectors.config import TeacherVectorsConfig
from distune.models.vectors.from_states import vectors_of_states
from distune.models.vectors.vector_files import FoundVectors
from distune.tuning.storage.paths import Layout
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import values_at
from distune.tuning.teachers.identity import checkpoint_identity, digest
from distune.tuning.teachers.sources import Asking, load_from, train_if_missing
from distune.tuning.teachers.teachers import TeacherPlace
from distune.tuning.trial.config import TrialConfig

_log = logging.getLogger(__name__)
FORMAT = 1
"""Rises when the same words would get other states."""
STATES, ABOUT = "states.npy", "about.json"
CONTINUED = "##"
"""Begins a piece of WordPiece within a word."""


def encoder_of(places: Sequence[TeacherPlace]) -> TeacherPlace | None:
    """The first teacher that has an encoder."""
    having = (place for place in places if place.settings.checkpoint or place.settings.from_scratch)
    return next(having, None)


def refuse_missing_encoder(
    config: StudyConfig, places: Sequence[TeacherPlace], trials: Sequence[TrialConfig]
) -> list[str]:
    """Raise StudyError or ModelError if trials start from vectors of a teacher that no teacher of the study can give, and if
    students that are a teacher do. Returns which teacher gives them, if that is not obvious."""
    _refuse_for_students(config)
    wanted = list(dict.fromkeys(one.vectors for one in trials if isinstance(one.vectors, TeacherVectorsConfig)))
    if not wanted:
        return []
    place = encoder_of(places)
    if place is None:
        first = places[0].settings
        what = "made of students" if first.students else "a file of answers" if first.answers else "a file of logits"
        raise StudyError(
            f"trial.vectors: kind teacher needs a teacher that is a checkpoint or from scratch, but it is {what}; add its checkpoint "
            "to more_teachers, or name a file of vectors by kind file"
        )
    for layer in dict.fromkeys(one.layer for one in wanted):
        _refuse_unusable(place, layer, max(one.dimension for one in wanted if one.layer == layer))
    if any(one.encoder == "pretrained" for one in wanted):
        _refuse_no_pretrained(place)
    if place is places[0] and place.settings.members == 1:
        return []
    member = "the first member of " if place.settings.members > 1 else ""
    return [f"trial.vectors: kind teacher takes them from {member}{place.name}"]


def _refuse_for_students(config: StudyConfig) -> None:
    for number, settings in enumerate(config.teachers):
        if settings.students and "teacher" in values_at(config.space_of(settings.students), "vectors.kind"):
            path = f"more_teachers.{number - 1}" if number else "teacher"
            raise StudyError(
                f"{path}.students: they learn from the labels alone and start from no vectors of kind teacher; give them a space of "
                f"their own by {path}.students.trial"
            )


def _refuse_no_pretrained(place: TeacherPlace) -> None:
    if place.settings.epochs and not place.settings.from_scratch:
        return
    why = "is from scratch" if place.settings.from_scratch else "is taken as it is (epochs: 0)"
    raise StudyError(
        f"trial.vectors.encoder: pretrained is the checkpoint before its training in the study, but {place.name} {why}; "
        "set encoder: fine_tuned"
    )


def _refuse_unusable(place: TeacherPlace, layer: int | None, dimension: int) -> None:
    from distune.models.teacher.word_states import refuse_unfit_shape, refuse_unusable_encoder

    settings, scratch = place.settings, place.settings.from_scratch
    if scratch:
        refuse_unfit_shape(f"{place.name} from scratch", scratch.layers, scratch.hidden_size, layer, dimension)
    else:
        refuse_unusable_encoder(str(settings.checkpoint), settings.revision, layer, dimension)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The encoder, its layer, the words that it reads, and the texts that it reads them in."""

    settings: TeacherConfig
    trained: Place
    encoder: str
    layer: int | None
    words: tuple[str, ...]
    """The vocabulary; one that is not read alone is empty."""
    contexts: Occurrences | None


@dataclass(frozen=True)
class _States:
    """The states of a vocabulary `[words, hidden_size]`, NaN without one; of words in context `n_alone` were read alone."""

    states: NDArray[np.float32]
    n_alone: int


def teacher_vectors(
    asking: Asking, trial: TrialConfig, wanted: TeacherVectorsConfig, tokenized: Tokenized
) -> FoundVectors:
    """The vectors of the words of a vocabulary, from the storage or by the encoder, which is trained first if the study says
    so and nothing is left of it."""
    place = encoder_of(asking.places)
    if place is None:
        raise StudyError("trial.vectors: kind teacher needs a teacher with an encoder")
    words = _read_alone(tokenized.vocabulary, continues=isinstance(trial.tokens, WordPieceConfig))
    key: dict[str, object] = {
        "format": FORMAT,
        "encoder": _identity(place, wanted.encoder),
        "layer": wanted.layer,
        "words": _digest_of([tokenized.vocabulary, words]),
    }
    texts = (*asking.corpus.train.texts, *asking.corpus.transfer.texts)
    if wanted.source == "in_context":
        key["occurrences"] = wanted.occurrences
        key["texts"] = _digest_of([trial.tokens.kind, *zip(texts, tokenized.segmented, strict=True)])
    folder = Layout(Place(asking.config.storage)).vectors(digest(key))
    found = _kept(folder, len(words))
    if found is None:
        in_context = wanted.source == "in_context"
        contexts = read_occurrences(tokenized, texts, wanted.occurrences) if in_context else None
        found = _computed(asking, place, wanted, words, contexts)
        _keep(folder, found, key)
    else:
        _log.info(f"teacher vectors: the states of {n_of(len(words), 'word')} from {folder}, the encoder is not run")
    vectors = vectors_of_states(found.states, wanted, shares_of(tokenized))
    known = {
        word: vector for word, vector in zip(tokenized.vocabulary, vectors, strict=True) if np.isfinite(vector).all()
    }
    notes = [f"{n_of(found.n_alone, 'word')} alone, as the encoder reads them in no text"] if found.n_alone else []
    return FoundVectors(dimension=wanted.dimension, vectors=known, notes=tuple(notes))


def _computed(
    asking: Asking,
    place: TeacherPlace,
    wanted: TeacherVectorsConfig,
    words: tuple[str, ...],
    contexts: Occurrences | None,
) -> _States:
    """The states by the encoder, which is trained first if it must be."""
    if wanted.encoder == "fine_tuned":
        train_if_missing(asking, place)
    reading = _Reading(
        settings=place.settings,
        trained=place.trained,
        encoder=wanted.encoder,
        layer=wanted.layer,
        words=words,
        contexts=contexts,
    )
    where = f"in {n_of(len(contexts.texts), 'text')}" if contexts else "alone"
    _log.info(f"teacher vectors: the encoder of {place.name} reads {n_of(len(words), 'word')} {where}")
    return asking.runner.once(_read, reading)


def _read_alone(vocabulary: Sequence[str], continues: bool) -> tuple[str, ...]:
    """The words of a vocabulary as the encoder reads them alone, with nothing for n-grams and reserved tokens. A piece of
    WordPiece (`continues`) loses the mark that it continues a word."""
    left_out = (*RESERVED, SEPARATOR)
    words = ["" if word in left_out or BETWEEN in word else word for word in vocabulary]
    return tuple(word.removeprefix(CONTINUED) or word if continues else word for word in words)


def _identity(place: TeacherPlace, encoder: str) -> list[object]:
    """All that the states of a teacher depend on, by content; how many logits or hidden states it gives is none of it."""
    settings = place.settings
    if encoder == "pretrained":
        return [checkpoint_identity(settings.checkpoint, settings.revision), settings.max_length]
    return [place.trained.name]


def _digest_of(parts: Sequence[object]) -> str:
    content = hashlib.blake2b(digest_size=16)
    for part in parts:
        content.update(json.dumps(part).encode() + b"\n")
    return content.hexdigest()


def _read(reading: _Reading) -> _States:
    """The states of a vocabulary, in whichever process this is called."""
    from distune.models.teacher.word_states import load_pretrained, mean_states, states_alone

    settings, words, contexts = reading.settings, reading.words, reading.contexts
    if reading.encoder == "pretrained":
        may_cut = "max_length" not in settings.model_fields_set
        teacher = load_pretrained(str(settings.checkpoint), settings.max_length, settings.revision, may_cut)
    else:
        teacher = load_from(settings, reading.trained)
    if contexts is None:
        states, n_alone = states_alone(teacher, words, reading.layer), 0
    else:
        states = mean_states(teacher, contexts.texts, contexts.places, len(words), reading.layer)
        missing = [row for row, word in enumerate(words) if word and np.isnan(states[row]).any()]
        if missing:
            states[missing] = states_alone(teacher, [words[row] for row in missing], reading.layer)
        n_alone = int(np.isfinite(states[missing]).all(axis=1).sum())
    if np.isnan(states).all():
        raise ModelError(
            "trial.vectors: kind teacher: its tokenizer has a piece for no word of the vocabulary; name another kind"
        )
    return _States(states, n_alone)


def _keep(folder: Place, found: _States, key: dict[str, object]) -> None:
    stream = io.BytesIO()
    np.save(stream, found.states, allow_pickle=False)
    (folder / STATES).write_bytes(stream.getvalue())
    # It comes last: a folder with it is whole.
    checksum = hashlib.sha256(stream.getvalue()).hexdigest()
    about = {"sha256": checksum, "shape": list(found.states.shape), "n_alone": found.n_alone, "key": key}
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n")


def _kept(folder: Place, n_words: int) -> _States | None:
    """The states that an earlier run has kept; None if there are none, or if they are incomplete or have changed."""
    if not (folder / ABOUT).is_file():
        return None
    content = (folder / STATES).read_bytes() if (folder / STATES).is_file() else b""
    try:
        written = json.loads((folder / ABOUT).read_bytes())
    except (ValueError, RecursionError):
        written = None
    checksum = hashlib.sha256(content).hexdigest()
    whole = isinstance(written, dict) and written.get("sha256") == checksum and isinstance(written.get("n_alone"), int)
    if not whole:
        _log.info(f"teacher vectors: {folder} is damaged, and is computed again")
        return None
    states: NDArray[np.float32] = np.load(io.BytesIO(content), allow_pickle=False)
    return _States(states, written["n_alone"]) if len(states) == n_words else None
