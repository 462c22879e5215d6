"""From a study's teacher to its logits on the whole corpus: found in the cache, or computed once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distune._plural import n_of
from distune.cluster.runner import IN_PROCESS, Runner
from distune.corpora.augment import Augmented
from distune.corpora.corpus import Corpus
from distune.corpora.logits_export import write_logits_file
from distune.corpora.logits_filling import ShardForm, Source, fill_cache, rows_of_shard
from distune.corpora.narrowing import LARGEST_IN_HALF
from distune.corpora.teacher_logits import TeacherLogits, has_cache, open_cache
from distune.models.teacher.teacher import Teacher
from distune.tuning.metric.task import task_of
from distune.tuning.study.against_corpus import refuse_what_corpus_lacks
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, runnable
from distune.tuning.teachers.answers import answered_corpus
from distune.tuning.teachers.examining import Examination, examine_teachers
from distune.tuning.teachers.identity import digest
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.sources import TRAINED, Asking, Progress, load_from, source_of
from distune.tuning.teachers.teachers import TeacherPlace, Teachers, assumptions, refuse_wrong_columns

if TYPE_CHECKING:
    from distune.models.teacher.teacher import Teacher

_log = logging.getLogger(__name__)


def unseen(n_done: int, n_texts: int) -> None:
    """Nobody watches."""


def logits_for(
    config: StudyConfig,
    corpus: Corpus,
    places: Sequence[TeacherPlace],
    runner: Runner = IN_PROCESS,
    progress: Progress = unseen,
    rebuild: bool = False,
) -> Teachers:
    """The teachers' answers on every text of the corpus, from the caches if they exist.

    Raises CorpusError if the columns of one are in another order than the labels, by its answers on dev.
    """
    asking = Asking(config=config, corpus=corpus, places=tuple(places), runner=runner, progress=progress)
    caches = []
    for place in places:
        if rebuild:
            place.key.folder(place.cache_root).delete()
            place.trained.delete()
        cache = _cached(asking, place, corpus.texts())
        refuse_wrong_columns(place, cache.of(corpus.dev.texts), corpus.dev.labels, corpus.labels, of_file=True)
        caches.append(cache)
    return Teachers(asking.places, tuple(caches))


def augmented_logits(
    config: StudyConfig,
    corpus: Corpus,
    teachers: Teachers,
    augmented: Augmented,
    runner: Runner,
    progress: Progress,
) -> Teachers:
    """The same teachers' answers on augmented texts, in caches of their own.

    Raises CorpusError for a teacher that is a file of logits and does not hold them.
    """
    name = digest([augmented.fingerprint, corpus.labels])
    places = tuple(replace(place, key=replace(place.key, corpus=name)) for place in teachers.places)
    asking = Asking(config=config, corpus=corpus, places=places, runner=runner, progress=progress)
    return Teachers(places, tuple(_cached(asking, place, augmented.texts) for place in places))


def _cached(asking: Asking, place: TeacherPlace, texts: Sequence[str]) -> TeacherLogits:
    """One teacher's answers on texts: opened, or asked for once."""
    if has_cache(place.cache_root, place.key):
        folder = place.key.folder(place.cache_root)
        _log.info(f"teacher logits: {n_of(len(texts), 'text')} from the cache {folder}, the teacher is not run")
        return open_cache(place.cache_root, place.key)
    settings, file = place.settings, place.logits_file
    form = ShardForm(settings.logits_dtype, rows_of_shard(len(texts)), asking.progress)
    if file is not None and (settings.checkpoint is None or file.holds(texts)):
        _log.info(f"teacher logits: from the file {file.path}")
        source = Source(lambda: file.of, file.about)
    else:
        source = source_of(asking, place)
    cache = fill_cache(place.cache_root, place.key, texts, source, form)
    if cache.n_wider:
        _log.info(
            f"teacher logits: {cache.n_wider} of {n_of(len(cache.shards), 'shard is', 'shards are')} kept in float32, as their logits reach "
            f"{LARGEST_IN_HALF:g} and more, which logits_dtype={settings.logits_dtype} would change"
        )
    return cache


def cache_teacher(
    study: Study, rebuild: bool, export: Path | None, command: str, runner: Runner, progress: Progress
) -> None:
    """Fill the cache of a study, print the accuracy of the teacher, and write the logits as one file on request."""
    study = runnable(study)
    config = study.config
    if export is not None and config.more_teachers:
        raise StudyError(f"--export writes the logits of one teacher, but the study has {len(config.teachers)}")
    corpus = answered_corpus(config)
    task = task_of(corpus.is_multi_label)
    held_out = {"dev": corpus.dev.labels, "test": corpus.test.labels}
    kinds = {one.kind: one for one in (task.beside[0], config.metric)}
    metrics = [task.metric(one, corpus.labels, held_out) for one in kinds.values()]
    refuse_what_corpus_lacks(study, corpus.labels)
    places = locate(config, corpus)
    for line in (*assumptions(places), *examine_teachers(Examination(corpus, False), places, all_of_them=rebuild)):
        _log.info(line)
    teachers = logits_for(config, corpus, places, runner, progress, rebuild)
    on_dev, on_test = (teachers.of(of.texts) for of in (corpus.dev, corpus.test))
    decision = metrics[-1].decision(on_dev, corpus.dev.labels)  # One rule for all figures, as in the table of a search.
    figures = {}
    for one in metrics:
        figures[f"dev {one.config.title}"] = one.score(on_dev, corpus.dev.labels, decision)
        figures[f"test {one.config.title}"] = one.score(on_test, corpus.test.labels, decision)
    folders = ", ".join(str(place.key.folder(place.cache_root)) for place in teachers.places)
    _log.info(f"teacher: {', '.join(f'{name} {value:.4f}' for name, value in figures.items())}; the cache is {folders}")
    if export is not None:
        accuracies = {name.replace(" ", "_"): round(value, 4) for name, value in figures.items()}
        about = {**teachers.about, **accuracies, "command": f"{command} --export {export}"}
        if corpus.is_multi_label:
            about["multi_label"] = True
        seen = (*corpus.train.texts, *corpus.transfer.texts)
        dtype = write_logits_file(export, teachers.caches[0], corpus.texts(), about, seen)
        why = "" if dtype == "float16" else f", as logits of {LARGEST_IN_HALF:g} and more are changed by float16"
        _log.info(f"exported to {export}, {export.stat().st_size / 1e3:.0f} kB, logits in {dtype}{why}")


def timing_teachers(teachers: Teachers, texts: Sequence[str]) -> list[Teacher]:
    """The teachers for timing: the real ones if they are available, or a twin of an architecture with random weights
    if only the logits are. There are none if nothing is known of one of them."""
    found = [
        _timing_teacher(place, cache.manifest.about, texts)
        for place, cache in zip(teachers.places, teachers.caches, strict=True)
    ]
    known = [teacher for teacher in found if teacher is not None]
    return known if len(known) == len(found) else []


def _timing_teacher(place: TeacherPlace, about: dict[str, Any], texts: Sequence[str]) -> Teacher | None:
    settings = place.settings
    if (settings.checkpoint and not settings.epochs) or (settings.epochs and (place.trained / TRAINED).is_file()):
        return load_from(settings, place.trained)
    if "architecture" in about:
        from distune.models.teacher.teacher import timing_twin

        return timing_twin(about["architecture"], texts)
    return None
