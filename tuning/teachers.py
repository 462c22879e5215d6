"""The teachers of a study: which they are, where their answers lie, and what they say together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.corpus import Corpus, Split
from corpora.files import FileConfig
from corpora.logits_file import LogitsFile, read_logits_file
from corpora.places import Place
from corpora.teacher_logits import CacheKey, TeacherLogits
from corpora.texts import CorpusError
from models.teacher import check_checkpoint
from models.teacher_config import StudentsConfig, TeacherConfig
from tuning.folder import Layout
from tuning.study import StudyConfig


@dataclass(frozen=True)
class TeacherPlace:
    """Where one teacher of a study and its answers are, or will be."""

    settings: TeacherConfig
    key: CacheKey
    cache_root: Place
    trained: Place
    logits_file: LogitsFile | None


@dataclass(frozen=True)
class Teachers:
    """What the teachers of a study say of its texts; `weights` is `[teachers]`."""

    places: tuple[TeacherPlace, ...]
    caches: tuple[TeacherLogits, ...]

    @property
    def weights(self) -> NDArray[np.float32]:
        return np.array([place.settings.weight for place in self.places], dtype=np.float32)

    def each(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits `[teachers, texts, classes]`, each teacher's divided by its `temperature`."""
        return np.stack([
            cache.of(texts) / np.float32(place.settings.temperature)
            for place, cache in zip(self.places, self.caches, strict=True)
        ])  # fmt: skip

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What they say together: the weighted mean of their logits, `[texts, classes]`."""
        return np.average(self.each(texts), axis=0, weights=self.weights).astype(np.float32)

    def hidden_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """The hidden states of all of them side by side, `[texts, width]`; of no width where there are none."""
        return np.concatenate([cache.hidden_of(texts) for cache in self.caches], axis=1)

    @property
    def about(self) -> dict[str, Any]:
        """What is known of them; of one teacher its manifest's own words."""
        abouts = [cache.manifest.about for cache in self.caches]
        if len(abouts) == 1:
            return abouts[0]
        unknown = "its logits came as a file that says no more"
        described = "; ".join(
            str(about.get("description", unknown)) + _as_heard(place.settings)
            for place, about in zip(self.places, abouts, strict=True)
        )
        return {"description": f"{len(abouts)} teachers: {described}", "teachers": abouts}

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
    """How a teacher is heard among several; what joint keys were made of is older than temperatures."""
    return [str(settings.weight), *([str(settings.temperature)] if settings.temperature != 1 else [])]


def _as_heard(settings: TeacherConfig) -> str:
    """The same in words, where it is not as by default."""
    softened = [f"logits divided by {settings.temperature:g}"] if settings.temperature != 1 else []
    weighed = [f"weight {settings.weight:g}"] if settings.weight != 1 else []
    return f" ({', '.join([*softened, *weighed])})" if softened or weighed else ""


def locate(config: StudyConfig, corpus: Corpus) -> tuple[TeacherPlace, ...]:
    """Fingerprint the teachers; raises CorpusError for a logits file that does not fit the corpus, and
    ModelError for a checkpoint that cannot be loaded."""
    return tuple(_locate_one(config, settings, corpus) for settings in config.teachers)


def _locate_one(config: StudyConfig, settings: TeacherConfig, corpus: Corpus) -> TeacherPlace:
    if settings.checkpoint is not None:
        # Now, not when it is to be timed after the search.
        check_checkpoint(settings.checkpoint, None if settings.epochs else corpus.labels)
    logits_file = None
    if settings.logits is not None:
        logits_file = read_logits_file(settings.logits, corpus.labels)
        logits_file.of(corpus.texts())
    # How it is asked does not make it another teacher.
    asking = {"logits", "logits_dtype", "hidden_states", "weight", "temperature"}
    # What a teacher without them is known by is older than these settings; what students are known by is below.
    asking |= {"students"} if settings.pretrain else {"students", "pretrain"}
    parts = {
        "teacher": settings.model_dump(mode="json", exclude=asking),
        "data": [_file_identity(file) for file in (*config.teacher_data.labelled, *config.teacher_data.unlabelled)],
        "file": logits_file.fingerprint() if logits_file else None,
        "weights": _weights_identity(settings.checkpoint),
        # A trained teacher has learnt from the labelled texts; one that is taken as it is has not seen the corpus.
        "trained_on": _labelled_identity(corpus.train) if settings.epochs else None,
    }
    if settings.pretrain:  # It has read transfer texts too, and none that stands in dev or test now.
        parts["pretrained_on"] = corpus.fingerprint
    if settings.students:  # They learn from what of `teacher_data` is labelled.
        labelled = [_file_identity(file) for file in config.teacher_data.labelled]
        parts |= {"data": labelled, "students": _students_identity(config, settings.students, corpus)}
    fingerprint = _digest(parts)
    asked = _digest([fingerprint, settings.hidden_states]) if settings.hidden_states else fingerprint
    key = CacheKey(asked, corpus.fingerprint, corpus.labels)
    places = Layout(Place(config.storage))
    return TeacherPlace(settings, key, places.logits, places.trained(fingerprint), logits_file)


def _digest(parts: Any) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


def _file_identity(file: FileConfig) -> list[str]:
    if not file.path.is_file():
        raise CorpusError(f"teacher_data: no such file: {file.path}")
    return [file.model_dump_json(exclude={"path"}), file.path.name, str(file.path.stat().st_size)]


def _students_identity(config: StudyConfig, students: StudentsConfig, corpus: Corpus) -> list[Any]:
    """How many are drawn and kept, of a space without what plain students do not have, and what they learn from."""
    space = dict(students.trial or config.trial)
    loss = space.pop("loss", None)
    smoothing = loss.get("label_smoothing") if isinstance(loss, dict) else None
    kept = {key: block for key, block in space.items() if key not in ("augment", "compression", "seed")}
    # As text: draws depend on the order of keys too.
    space_text = json.dumps([kept, smoothing])
    return [students.trials, students.members, space_text, corpus.fingerprint, _labelled_identity(corpus.train)]


def _weights_identity(checkpoint: str | None) -> str | None:
    """The content of a local checkpoint's weights; for a hub id its name must do."""
    if checkpoint is None or not Path(checkpoint).is_dir():
        return checkpoint
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(checkpoint).rglob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _labelled_identity(train: Split) -> str:
    digest = hashlib.blake2b(train.labels.tobytes(), digest_size=8)
    digest.update("\n".join(train.texts).encode())
    return digest.hexdigest()
