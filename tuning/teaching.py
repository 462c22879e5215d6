"""From a study's teacher to its logits on the whole corpus: found in the cache, or computed once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.corpus import Corpus, Split, load_corpus
from corpora.files import FileConfig
from corpora.logits_file import LogitsFile, read_logits_file, write_logits_file
from corpora.teacher_data import load_teacher_data
from corpora.teacher_logits import CacheKey, ShardForm, TeacherLogits, fill_cache, has_cache, open_cache
from corpora.texts import CorpusError
from corpora.tokens import AnyTokensConfig, WordPieceConfig
from models.teacher import Teacher, check_checkpoint, load_teacher, teacher_logits, timing_twin, tokenizer_pieces
from models.teacher_training import TrainingTexts, train_teacher
from tuning.study import Study, StudyConfig

Say = Callable[[str], None]


@dataclass(frozen=True)
class TeacherPlace:
    """Where a study's teacher and its logits are, or will be."""

    key: CacheKey
    cache_root: Path
    trained_folder: Path
    logits_file: LogitsFile | None


def locate(config: StudyConfig, corpus: Corpus) -> TeacherPlace:
    """Fingerprint the teacher; raises CorpusError for a logits file that does not fit the corpus, and
    ModelError for a checkpoint that cannot be loaded."""
    if config.teacher.checkpoint is not None:
        # Now, not when it is to be timed after the search.
        check_checkpoint(config.teacher.checkpoint, None if config.teacher.epochs else corpus.labels)
    logits_file = None
    if config.teacher.logits is not None:
        logits_file = read_logits_file(config.teacher.logits, corpus.labels)
        logits_file.of(corpus.texts())
    parts = {
        "teacher": config.teacher.model_dump(mode="json", exclude={"logits", "logits_dtype"}),
        "data": [_file_identity(file) for file in (*config.teacher_data.labelled, *config.teacher_data.unlabelled)],
        "file": logits_file.fingerprint() if logits_file else None,
        "weights": _weights_identity(config.teacher.checkpoint),
        # A trained teacher has learnt from the labelled texts; one that is taken as it is has not seen the corpus.
        "trained_on": _labelled_identity(corpus.train) if config.teacher.epochs else None,
    }
    fingerprint = hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()
    key = CacheKey(fingerprint, corpus.fingerprint, corpus.labels)
    return TeacherPlace(key, config.storage / "logits", config.storage / "teachers" / fingerprint, logits_file)


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
    config: StudyConfig, corpus: Corpus, place: TeacherPlace, say: Say, rebuild: bool = False
) -> TeacherLogits:
    """The teacher's logits on every text of the corpus, from the cache where there is one."""
    folder = place.key.folder(place.cache_root)
    if rebuild:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(place.trained_folder, ignore_errors=True)
    if has_cache(place.cache_root, place.key):
        say(f"teacher logits: {len(corpus.texts())} texts from the cache {folder}, the teacher is not run")
        return open_cache(place.cache_root, place.key)
    form = ShardForm(
        config.teacher.logits_dtype, progress=lambda done, total: say(f"teacher logits: {done} of {total} texts")
    )
    if place.logits_file is not None:
        say(f"teacher logits: from the file {place.logits_file.path}")
        return fill_cache(
            place.cache_root, place.key, corpus.texts(), place.logits_file.of, place.logits_file.about, form
        )
    teacher = obtain_teacher(config, corpus, place, say)
    about = describe(config, corpus, teacher)
    return fill_cache(place.cache_root, place.key, corpus.texts(), partial(teacher_logits, teacher), about, form)


def obtain_teacher(config: StudyConfig, corpus: Corpus, place: TeacherPlace, say: Say) -> Teacher:
    """The teacher itself: loaded as it is, or trained once and kept in the storage."""
    settings = config.teacher
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


def pieces_for(tokens: AnyTokensConfig, config: StudyConfig, place: TeacherPlace) -> list[str]:
    """The vocabulary that a student's tokens are taken from, where they are those of a teacher; else nothing.

    Raises ModelError when its tokenizer cannot be loaded.
    """
    if not isinstance(tokens, WordPieceConfig):
        return []
    trained = place.trained_folder if (place.trained_folder / "trained.json").is_file() else None
    source = tokens.checkpoint or trained or config.teacher.checkpoint
    return tokenizer_pieces(source) if source else []


def describe(config: StudyConfig, corpus: Corpus, teacher: Teacher) -> dict[str, Any]:
    """What a manifest says of the teacher: what it is, what it saw, and its architecture (for timing)."""
    settings = config.teacher
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
    corpus = load_corpus(config.corpus)
    place = locate(config, corpus)
    logits = logits_for(config, corpus, place, say, rebuild)
    figures = {name: accuracy_of(logits.of(split.texts), split.labels)
               for name, split in (("dev", corpus.dev), ("test", corpus.test))}  # fmt: skip
    say(f"teacher: dev accuracy {figures['dev']:.4f}, test accuracy {figures['test']:.4f}; "
        f"the cache is {place.key.folder(place.cache_root)}")  # fmt: skip
    if export is not None:
        accuracies = {f"{name}_accuracy": round(value, 4) for name, value in figures.items()}
        about = {**logits.manifest.about, **accuracies, "command": f"{command} --export {export}"}
        write_logits_file(export, logits, corpus.texts(), about)
        say(f"exported to {export}, {export.stat().st_size / 1e3:.0f} kB")


def accuracy_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float((logits.argmax(1) == labels).mean())


def timing_teacher(
    config: StudyConfig, about: dict[str, Any], place: TeacherPlace, texts: Sequence[str]
) -> Teacher | None:
    """A teacher to be timed: the real one where it can be had, a twin of its architecture with random weights where
    only its logits can, and None where nothing is known of it."""
    settings = config.teacher
    if settings.epochs and (place.trained_folder / "trained.json").is_file():
        return load_teacher(place.trained_folder, settings.max_length)
    if settings.checkpoint and not settings.epochs:
        return load_teacher(settings.checkpoint, settings.max_length)
    if "architecture" in about:
        return timing_twin(about["architecture"], texts)
    return None
