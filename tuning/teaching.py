"""From a study's teacher to its logits on the whole corpus: found in the cache, or computed once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.augment import Augmented, with_mask
from corpora.corpus import Corpus, load_corpus
from corpora.logits_file import write_logits_file
from corpora.teacher_data import load_teacher_data
from corpora.teacher_logits import ShardForm, TeacherAnswers, TeacherLogits, fill_cache, has_cache, open_cache
from corpora.tokens import AnyTokensConfig, WordPieceConfig
from models.teacher import (
    Teacher,
    ask_teacher,
    load_teacher,
    timing_twin,
    tokenizer_pieces,
)
from models.teacher_training import TrainingTexts, train_teacher
from tuning.faults import StudyError
from tuning.study import Study, StudyConfig
from tuning.teachers import TeacherPlace, Teachers, locate

Say = Callable[[str], None]


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
