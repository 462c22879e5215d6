"""From a study's teacher to its logits on the whole corpus: found in the cache, or computed once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.augment import Augmented, with_mask
from corpora.corpus import Corpus, Split, load_corpus
from corpora.files import FileConfig
from corpora.logits_file import LogitsFile, read_logits_file, write_logits_file
from corpora.teacher_data import load_teacher_data
from corpora.teacher_logits import CacheKey, ShardForm, TeacherAnswers, TeacherLogits, fill_cache, has_cache, open_cache
from corpora.texts import CorpusError
from corpora.tokens import AnyTokensConfig, WordPieceConfig
from models.teacher import (
    Teacher,
    TeacherConfig,
    ask_teacher,
    check_checkpoint,
    load_teacher,
    timing_twin,
    tokenizer_pieces,
)
from models.teacher_training import TrainingTexts, train_teacher
from tuning.faults import StudyError
from tuning.study import Study, StudyConfig

Say = Callable[[str], None]


@dataclass(frozen=True)
class TeacherPlace:
    """Where one teacher of a study and its answers are, or will be."""

    settings: TeacherConfig
    key: CacheKey
    cache_root: Path
    trained_folder: Path
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
        """Logits `[teachers, texts, classes]`."""
        return np.stack([cache.of(texts) for cache in self.caches])

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
        described = "; ".join(str(about.get("description", unknown)) for about in abouts)
        return {"description": f"{len(abouts)} teachers: {described}", "teachers": abouts}

    @property
    def key(self) -> CacheKey:
        return joint_key(self.places)


def joint_key(places: Sequence[TeacherPlace]) -> CacheKey:
    """The key of all teachers together; of one teacher its own."""
    if len(places) == 1:
        return places[0].key
    parts = [f"{place.key.teacher} {place.settings.weight}" for place in places]
    return replace(places[0].key, teacher=hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest())


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
    asking = {"logits", "logits_dtype", "hidden_states", "weight"}
    parts = {
        "teacher": settings.model_dump(mode="json", exclude=asking),
        "data": [_file_identity(file) for file in (*config.teacher_data.labelled, *config.teacher_data.unlabelled)],
        "file": logits_file.fingerprint() if logits_file else None,
        "weights": _weights_identity(settings.checkpoint),
        # A trained teacher has learnt from the labelled texts; one that is taken as it is has not seen the corpus.
        "trained_on": _labelled_identity(corpus.train) if settings.epochs else None,
    }
    fingerprint = _digest(parts)
    asked = _digest([fingerprint, settings.hidden_states]) if settings.hidden_states else fingerprint
    key = CacheKey(asked, corpus.fingerprint, corpus.labels)
    return TeacherPlace(
        settings, key, config.storage / "logits", config.storage / "teachers" / fingerprint, logits_file
    )


def _digest(parts: Any) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


def _file_identity(file: FileConfig) -> list[str]:
    if not file.path.is_file():
        raise CorpusError(f"teacher_data: no such file: {file.path}")
    return [file.model_dump_json(exclude={"path"}), file.path.name, str(file.path.stat().st_size)]


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


def logits_for(
    config: StudyConfig, corpus: Corpus, places: Sequence[TeacherPlace], say: Say, rebuild: bool = False
) -> Teachers:
    """The teachers' answers on every text of the corpus, from the caches where there are such."""
    caches = []
    for place in places:
        if rebuild:
            shutil.rmtree(place.key.folder(place.cache_root), ignore_errors=True)
            shutil.rmtree(place.trained_folder, ignore_errors=True)
        caches.append(_cached(config, corpus, place, corpus.texts(), say))
    return Teachers(tuple(places), tuple(caches))


def augmented_logits(
    config: StudyConfig, corpus: Corpus, teachers: Teachers, augmented: Augmented, name: str, say: Say
) -> Teachers:
    """The same teachers' answers on augmented texts, in caches of their own; `name` is the texts' fingerprint.

    Raises CorpusError for a teacher that is a file of logits and does not hold them.
    """
    places = [replace(place, key=replace(place.key, corpus=name)) for place in teachers.places]
    return Teachers(tuple(places), tuple(_cached(config, corpus, place, augmented.texts, say) for place in places))


def _cached(config: StudyConfig, corpus: Corpus, place: TeacherPlace, texts: Sequence[str], say: Say) -> TeacherLogits:
    """One teacher's answers on texts: opened, or asked for once."""
    if has_cache(place.cache_root, place.key):
        folder = place.key.folder(place.cache_root)
        say(f"teacher logits: {len(texts)} texts from the cache {folder}, the teacher is not run")
        return open_cache(place.cache_root, place.key)
    settings = place.settings
    form = ShardForm(
        settings.logits_dtype, progress=lambda done, total: say(f"teacher logits: {done} of {total} texts")
    )
    if place.logits_file is not None and (settings.checkpoint is None or place.logits_file.holds(texts)):
        say(f"teacher logits: from the file {place.logits_file.path}")
        return fill_cache(place.cache_root, place.key, texts, place.logits_file.of, place.logits_file.about, form)
    teacher = obtain_teacher(config, corpus, place, say)

    def ask(part: Sequence[str]) -> TeacherAnswers:
        masked = [with_mask(text, str(teacher.tokenizer.mask_token)) for text in part]
        logits, hidden = ask_teacher(teacher, masked, settings.hidden_states)
        return TeacherAnswers(logits, hidden if settings.hidden_states else None)

    return fill_cache(place.cache_root, place.key, texts, ask, describe(config, corpus, place, teacher), form)


def obtain_teacher(config: StudyConfig, corpus: Corpus, place: TeacherPlace, say: Say) -> Teacher:
    """The teacher itself: loaded as it is, or trained once and kept in the storage."""
    settings = place.settings
    if not settings.epochs:
        return load_teacher(str(settings.checkpoint), settings.max_length, corpus.labels)
    folder = place.trained_folder
    if not (folder / "trained.json").is_file():
        data = load_teacher_data(config.teacher_data, corpus)
        say(f"teacher: training on {len(data.train)} labelled texts, pretraining on {len(data.pretraining_texts)}; "
            f"{data.n_removed} rows that stand in dev or test were removed")  # fmt: skip
        texts = TrainingTexts(
            data.train.texts, data.train.labels, corpus.dev.texts, corpus.dev.labels, corpus.labels,
            data.pretraining_texts,
        )  # fmt: skip
        train_teacher(settings, texts, folder, say)
        (folder / "trained.json").write_text(settings.model_dump_json(indent=1), encoding="utf-8")
    return load_teacher(folder, settings.max_length, corpus.labels)


def pieces_for(tokens: AnyTokensConfig, place: TeacherPlace) -> list[str]:
    """The vocabulary that a student's tokens are taken from, where they are those of a teacher; else nothing.

    Raises ModelError when its tokenizer cannot be loaded.
    """
    if not isinstance(tokens, WordPieceConfig):
        return []
    trained = place.trained_folder if (place.trained_folder / "trained.json").is_file() else None
    source = tokens.checkpoint or trained or place.settings.checkpoint
    return tokenizer_pieces(source) if source else []


def describe(config: StudyConfig, corpus: Corpus, place: TeacherPlace, teacher: Teacher) -> dict[str, Any]:
    """What a manifest says of the teacher: what it is, what it saw, and its architecture (for timing)."""
    settings = place.settings
    seen = [str(file.path) for file in (*config.teacher_data.labelled, *config.teacher_data.unlabelled)]
    scratch = settings.from_scratch
    kind = f"BERT from scratch, {scratch.layers} layers of {scratch.hidden_size}" if scratch else settings.checkpoint
    if settings.members > 1:
        kind = f"{settings.members} x {kind}"
    return {
        "description": f"{kind}, {teacher.n_parameters:,} parameters, at most {teacher.max_length} tokens",
        "study": config.name,
        "origin": settings.checkpoint or "from scratch",
        "settings": settings.model_dump(mode="json", exclude_none=True),
        "data": [f"corpus {config.corpus.source}: {len(corpus.train)} labelled texts", *seen],
        "architecture": teacher.description(),
    }


def cache_teacher(study: Study, rebuild: bool, export: Path | None, command: str, say: Say) -> None:
    """Fill the cache of a study, say how good the teacher is, and write the logits as one file where asked."""
    config = study.config
    if export is not None and config.more_teachers:
        raise StudyError(f"--export writes the logits of one teacher, but the study has {len(config.teachers)}")
    corpus = load_corpus(config.corpus)
    teachers = logits_for(config, corpus, locate(config, corpus), say, rebuild)
    figures = {name: accuracy_of(teachers.of(split.texts), split.labels)
               for name, split in (("dev", corpus.dev), ("test", corpus.test))}  # fmt: skip
    folders = ", ".join(str(place.key.folder(place.cache_root)) for place in teachers.places)
    say(f"teacher: dev accuracy {figures['dev']:.4f}, test accuracy {figures['test']:.4f}; the cache is {folders}")
    if export is not None:
        accuracies = {f"{name}_accuracy": round(value, 4) for name, value in figures.items()}
        about = {**teachers.about, **accuracies, "command": f"{command} --export {export}"}
        seen = (*corpus.train.texts, *corpus.transfer.texts)
        write_logits_file(export, teachers.caches[0], corpus.texts(), about, seen)
        say(f"exported to {export}, {export.stat().st_size / 1e3:.0f} kB")


def accuracy_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float((logits.argmax(1) == labels).mean())


def timing_teachers(teachers: Teachers, texts: Sequence[str]) -> list[Teacher]:
    """The teachers to be timed: the real ones where they can be had, a twin of an architecture with random weights where
    only its logits can; none where of one of them nothing is known."""
    found = [
        _timing_teacher(place, cache.manifest.about, texts)
        for place, cache in zip(teachers.places, teachers.caches, strict=True)
    ]
    known = [teacher for teacher in found if teacher is not None]
    return known if len(known) == len(found) else []


def _timing_teacher(place: TeacherPlace, about: dict[str, Any], texts: Sequence[str]) -> Teacher | None:
    settings = place.settings
    if settings.epochs and (place.trained_folder / "trained.json").is_file():
        return load_teacher(place.trained_folder, settings.max_length)
    if settings.checkpoint and not settings.epochs:
        return load_teacher(settings.checkpoint, settings.max_length)
    if "architecture" in about:
        return timing_twin(about["architecture"], texts)
    return None
