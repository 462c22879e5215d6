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
from distune.corpora.encoding import BETWEEN, RESERVED, SEPARATOR
from distune.corpora.places import Place
from distune.corpora.tokens import Tokenized, WordPieceConfig
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
    for one in wanted:
        _refuse_unusable(place, one)
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


def _refuse_unusable(place: TeacherPlace, wanted: TeacherVectorsConfig) -> None:
    from distune.models.teacher.word_states import refuse_unfit_shape, refuse_unusable_encoder

    settings, scratch = place.settings, place.settings.from_scratch
    if wanted.encoder == "pretrained" and (scratch or not settings.epochs):
        why = "is from scratch" if scratch else "is taken as it is (epochs: 0)"
        raise StudyError(
            f"trial.vectors.encoder: pretrained is the checkpoint before its training in the study, but {place.name} {why}; "
            "set encoder: fine_tuned"
        )
    if scratch:
        refuse_unfit_shape(
            f"{place.name} from scratch", scratch.layers, scratch.hidden_size, wanted.layer, wanted.dimension
        )
    else:
        refuse_unusable_encoder(str(settings.checkpoint), settings.revision, wanted.layer, wanted.dimension)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The encoder, its layer, and the words that it reads."""

    settings: TeacherConfig
    trained: Place
    encoder: str
    layer: int | None
    words: tuple[str, ...]


def teacher_vectors(
    asking: Asking, trial: TrialConfig, wanted: TeacherVectorsConfig, tokenized: Tokenized
) -> FoundVectors:
    """The vectors of the words of a vocabulary, from the storage or by the encoder, which is trained first if the study says
    so and nothing is left of it."""
    place = encoder_of(asking.places)
    if place is None:
        raise StudyError("trial.vectors: kind teacher needs a teacher with an encoder")
    words = [word for word in tokenized.vocabulary if word not in (*RESERVED, SEPARATOR) and BETWEEN not in word]
    continues = isinstance(trial.tokens, WordPieceConfig)
    read_as = tuple(_read_alone(word) if continues else word for word in words)
    key = {
        "format": FORMAT,
        "encoder": _identity(place, wanted.encoder),
        "layer": wanted.layer,
        "words": _digest_of(read_as),
    }
    folder = Layout(Place(asking.config.storage)).vectors(digest(key))
    states = _kept(folder, len(words))
    if states is None:
        if wanted.encoder == "fine_tuned":
            train_if_missing(asking, place)
        reading = _Reading(
            settings=place.settings, trained=place.trained, encoder=wanted.encoder, layer=wanted.layer, words=read_as
        )
        _log.info(f"teacher vectors: the encoder of {place.name} reads {n_of(len(words), 'word')} alone")
        states = asking.runner.once(_read, reading)
        _keep(folder, states, key)
    else:
        _log.info(f"teacher vectors: the states of {n_of(len(words), 'word')} from {folder}, the encoder is not run")
    vectors = vectors_of_states(states, wanted)
    return FoundVectors(dimension=wanted.dimension, vectors=dict(zip(words, vectors, strict=True)))


def _read_alone(piece: str) -> str:
    """A piece of WordPiece without the mark that it continues a word."""
    return piece.removeprefix(CONTINUED) or piece


def _identity(place: TeacherPlace, encoder: str) -> list[object]:
    """All that the states of a teacher depend on, by content; how many logits or hidden states it gives is none of it."""
    settings = place.settings
    if encoder == "pretrained":
        return [checkpoint_identity(settings.checkpoint, settings.revision), settings.max_length]
    return [place.trained.name]


def _digest_of(words: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()


def _read(reading: _Reading) -> NDArray[np.float32]:
    """The states of words `[words, hidden_size]`, in whichever process this is called."""
    from distune.models.teacher.word_states import load_pretrained, states_alone

    settings = reading.settings
    if reading.encoder == "pretrained":
        may_cut = "max_length" not in settings.model_fields_set
        teacher = load_pretrained(str(settings.checkpoint), settings.max_length, settings.revision, may_cut)
    else:
        teacher = load_from(settings, reading.trained)
    return states_alone(teacher, reading.words, reading.layer)


def _keep(folder: Place, states: NDArray[np.float32], key: dict[str, object]) -> None:
    stream = io.BytesIO()
    np.save(stream, states, allow_pickle=False)
    (folder / STATES).write_bytes(stream.getvalue())
    # It comes last: a folder with it is whole.
    about = {"sha256": hashlib.sha256(stream.getvalue()).hexdigest(), "shape": list(states.shape), "key": key}
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n")


def _kept(folder: Place, n_words: int) -> NDArray[np.float32] | None:
    """The states that an earlier run has kept; None if there are none, or if they are incomplete or have changed."""
    if not (folder / ABOUT).is_file():
        return None
    content = (folder / STATES).read_bytes() if (folder / STATES).is_file() else b""
    try:
        written = json.loads((folder / ABOUT).read_bytes())
    except (ValueError, RecursionError):
        written = None
    checksum = hashlib.sha256(content).hexdigest()
    if not isinstance(written, dict) or written.get("sha256") != checksum:
        _log.info(f"teacher vectors: {folder} is damaged, and is computed again")
        return None
    states: NDArray[np.float32] = np.load(io.BytesIO(content), allow_pickle=False)
    return states if len(states) == n_words else None
