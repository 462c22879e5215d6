"""The teachers of a study: their identity, and their common answer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.columns import ColumnOrder
from distune.corpora.logits_file import LogitsFile
from distune.corpora.places import Place
from distune.corpora.teacher_logits import CacheKey, TeacherLogits
from distune.models.teacher.config import TeacherConfig
from distune.tuning.teachers.assignment import refuse_other_assignment
from distune.tuning.teachers.columns import Head
from distune.tuning.teachers.one_answer import refuse_equal_logits
from distune.tuning.teachers.turned import refuse_turned


@dataclass(frozen=True, kw_only=True)
class TeacherPlace:
    """The places of one teacher of a study and of its answers, now or later.

    `name` is its key in the study; the revision in its settings is a commit. `columns` says how the columns of each
    member of its checkpoint become the labels of the corpus; there are none of a teacher that is trained here, which starts
    from `head`.
    """

    name: str
    settings: TeacherConfig
    key: CacheKey
    cache_root: Place
    trained: Place
    logits_file: LogitsFile | None
    columns: tuple[ColumnOrder, ...]
    head: Head


@dataclass(frozen=True)
class Teachers:
    """The answers of the teachers of a study to its texts; `weights` is `[teachers]`."""

    places: tuple[TeacherPlace, ...]
    caches: tuple[TeacherLogits, ...]

    @property
    def weights(self) -> NDArray[np.float32]:
        return np.array([place.settings.weight for place in self.places], dtype=np.float32)

    def each(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits `[teachers, texts, classes]`, each teacher's divided by its `temperature`."""
        return np.stack(
            [
                cache.of(texts) / np.float32(place.settings.temperature)
                for place, cache in zip(self.places, self.caches, strict=True)
            ]
        )

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Their common answer: the weighted mean of their logits, `[texts, classes]`."""
        return self.combined(self.each(texts))

    def combined(self, each: NDArray[np.float32]) -> NDArray[np.float32]:
        """The common answer of their logits `[teachers, texts, classes]`."""
        return np.average(each, axis=0, weights=self.weights).astype(np.float32)

    def hidden_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """The hidden states of all of them side by side, `[texts, width]`; of width 0 without hidden states."""
        return np.concatenate([cache.hidden_of(texts) for cache in self.caches], axis=1)

    @property
    def about(self) -> dict[str, Any]:
        """Their description; for one teacher, its manifest's own words."""
        abouts = [cache.manifest.about for cache in self.caches]
        if len(abouts) == 1:
            return abouts[0]
        unknown = "its logits came as a file that says no more"
        described = "; ".join(
            str(about.get("description", unknown)) + _as_heard(place.settings)
            for place, about in zip(self.places, abouts, strict=True)
        )
        return {"description": f"{n_of(len(abouts), 'teacher')}: {described}", "teachers": abouts}

    @property
    def key(self) -> CacheKey:
        return joint_key(self.places)


def joint_key(places: Sequence[TeacherPlace]) -> CacheKey:
    """The key of all teachers together; of one teacher its own."""
    if len(places) == 1:
        return places[0].key
    parts = [" ".join([place.key.teacher, *_hearing(place.settings)]) for place in places]
    return replace(places[0].key, teacher=hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest())


def _hearing(settings: TeacherConfig) -> list[str]:
    """How a teacher is heard among several."""
    return [str(settings.weight), *([str(settings.temperature)] if settings.temperature != 1 else [])]


def _as_heard(settings: TeacherConfig) -> str:
    """The same in words, if it is not the default."""
    softened = [f"logits divided by {settings.temperature:g}"] if settings.temperature != 1 else []
    weighed = [f"weight {settings.weight:g}"] if settings.weight != 1 else []
    return f" ({', '.join([*softened, *weighed])})" if softened or weighed else ""


def assumptions(places: Sequence[TeacherPlace]) -> list[str]:
    """The assumptions about the columns of the teachers, a sentence for each."""
    found: list[tuple[str, str]] = []
    for place in places:
        of_file = [place.logits_file.columns] if place.logits_file else []
        found += [(place.name, one.assumed) for one in (*of_file, *place.columns)]
        found.append((place.name, place.head.assumed))
    return list(dict.fromkeys(f"{name}: {assumed}" for name, assumed in found if assumed))


def refuse_wrong_columns(
    place: TeacherPlace,
    logits: NDArray[np.float32],
    labels: NDArray[np.integer[Any]],
    names: Sequence[str],
    of_file: bool,
) -> None:
    """Raise CorpusError if a teacher's logits `[dev texts, classes]`, those `of_file` or of its checkpoint, are all
    one number, or fit the labels of these texts far better with its columns in another order."""
    refuse_equal_logits(place.name, logits)
    columns = [place.logits_file.columns] if of_file and place.logits_file else place.columns
    one_order = columns[0] if len({one.order for one in columns}) == 1 else None
    setting = f"{place.name}.labels" if columns else None
    if place.settings.answers:
        setting = f"{place.name}.answers"
    refuse_other_assignment(logits, labels, names, place.name, one_order, setting)
    refuse_turned(place.name, logits, labels)
