"""Faults that would stop a study later are found before anything starts, and its assumptions are printed."""

from __future__ import annotations

import uuid

from distune._plural import n_of
from distune.cluster.config import ClusterConfig
from distune.cluster.fitting import refuse_unfit
from distune.corpora.corpus import Corpus
from distune.corpora.place_checks import PlaceError, check_writable
from distune.corpora.places import Place
from distune.corpora.teacher_logits import has_cache, open_cache
from distune.tuning.search.plugged import plugs_in
from distune.tuning.search.reading import read_study
from distune.tuning.study.config import SearchConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers import assumed
from distune.tuning.teachers.gold import exactness
from distune.tuning.teachers.no_label import about_no_label
from distune.tuning.teachers.teachers import Teachers, refuse_wrong_columns
from distune.tuning.tracking.store import check_store
from distune.tuning.trial.plugs import plug_lines


def check(study: Study) -> str:
    """Refuse a study that would stop later. Returns a sentence about what it will do, and lines about the classes, the
    reading of the files and the assumptions.

    Nothing is written, except a probe in a storage behind a URI, which is removed.

    Raises StudyError, CorpusError, ModelError or CheckpointError.
    """
    check_surroundings(study)
    refuse_few_trials(study.config.search)
    read = read_study(study, all_teachers=True)
    corpus, places = read.corpus, read.places
    kept = [place for place in places if has_cache(place.cache_root, place.key)]
    caches = tuple(open_cache(place.cache_root, place.key) for place in kept)
    for place, cache in zip(kept, caches, strict=True):
        refuse_wrong_columns(place, cache.of(corpus.dev.texts), corpus.dev.labels, corpus.labels, of_file=True)
    cached, of_answers = "not in the cache yet", []
    if len(kept) == len(places):
        teachers = Teachers(places, caches)
        each = teachers.each(corpus.dev.texts)
        cached, of_answers = "in the cache", assumed.of_answers(study, teachers, each, corpus.dev.labels, read.metric)
    elif len(places) == 1 and (file := places[0].logits_file) is not None:
        on_dev = file.of(corpus.dev.texts).logits
        of_answers = about_no_label(study.config.champion, corpus.dev.labels, on_dev, read.metric)
    sentence = f"no fault; {read.sizes}; {n_of(study.config.search.trials, 'trial')}; teacher logits {cached}"
    assumptions = (
        *read.of_columns,
        *read.of_teachers,
        *_of_counts(study.config.search),
        *read.of_settings,
        *assumed.of_files(corpus.dev, corpus.labels, places),
        *of_answers,
        *_of_cluster(study.config.cluster),
    )
    run = plug_lines(read.study.plugs, [(kinds, kind) for kinds, kind, _ in plugs_in(read.study)])
    return "\n  ".join(
        [
            sentence,
            *run,
            *class_lines(corpus),
            *exactness(corpus, places[0].logits_file, read.metric),
            *corpus.notes,
            *read.of_vectors,
            *read.of_teacher_data,
            *dict.fromkeys(assumptions),
        ]
    )


def _of_cluster(cluster: ClusterConfig) -> list[str]:
    if cluster.latency_node is None or cluster.is_shared:
        return []
    return [
        f"cluster.latency_node: {cluster.latency_node!r} is a node of a cluster, and the address is local: this machine times the finalists"
    ]


def class_lines(corpus: Corpus) -> list[str]:
    """Each class with the number of its texts in each split."""
    return [
        f"{label}: {', '.join(f'{n:,} {split}' for split, n in counts.items())}"
        for label, counts in corpus.class_counts().items()
    ]


def refuse_few_trials(search: SearchConfig) -> None:
    """Raise StudyError if the search would try no distilled student, or not each first point."""
    if search.trials == 1:
        raise StudyError(
            "search.trials: must be at least 2, as the first trial is the student that learns from labels alone, but got 1"
        )
    if search.trials < 1 + len(search.first):
        raise StudyError(
            f"search.trials: must be at least {1 + len(search.first)}, for the student that learns from labels alone and the "
            f"{len(search.first)} points of search.first, but got {search.trials}"
        )


def _of_counts(search: SearchConfig) -> list[str]:
    n_distilled = search.trials - 1
    if search.finalists <= n_distilled:
        return []
    return [
        f"search.finalists: {search.finalists} are asked for, but of {n_of(search.trials, 'trial')} {n_of(n_distilled, 'is a distilled student', 'are distilled students')}, "
        f"so there can be no more than {n_distilled}"
    ]


def check_surroundings(study: Study) -> None:
    """Raise StudyError or ClusterError unless the storage, the MLflow store and the machines can be used as the study says."""
    refuse_unfit(study.config.cluster)
    try:
        check_writable(Place(study.config.storage))
    except PlaceError as error:
        raise StudyError(f"storage: {error}") from error
    check_store(study.config)


def check_shared(storage: Place) -> None:
    """Raise StudyError unless every node of the cluster sees the storage."""
    from distune.cluster.on_ray import run_on_each_node  # Ray takes a second to import, and `check` needs none of it.

    probe = storage / f"probe-{uuid.uuid4().hex}"
    probe.write_text("")
    try:
        blind = [node for node, sees in run_on_each_node(Place.exists, probe).items() if not sees]
    finally:
        probe.delete()
    if blind:
        raise StudyError(
            f"storage: {storage} is not the same folder on every node: {', '.join(blind)} do not see what is "
            "written there; name one that they share, or a URI such as s3://"
        )
