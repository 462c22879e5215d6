"""What would stop a study later is found before anything starts, and what it takes for granted is said."""

from __future__ import annotations

import uuid

from distune.cluster.tasks import run_on_each_node
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.encoding import segmenter
from distune.corpora.places import Place, PlaceError, check_writable
from distune.corpora.teacher_data import load_teacher_data
from distune.corpora.teacher_logits import has_cache, open_cache
from distune.corpora.tokens import encoder_settings
from distune.tuning.search.preparation import (
    distinct_inputs,
    masks_words,
    plugs_in,
    refuse_what_teachers_lack,
    vector_notes,
)
from distune.tuning.search.run import earlier_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, runnable
from distune.tuning.teachers import assumed
from distune.tuning.teachers.examining import Examination, examine_teachers
from distune.tuning.teachers.sources import pieces_for
from distune.tuning.teachers.teachers import Teachers, assumptions, locate, refuse_wrong_columns
from distune.tuning.tracking.runs import check_store
from distune.tuning.trial.plugs import plug_lines, refuse_installed_clashes


def check(study: Study) -> str:
    """Refuse whatever would stop the study later; returns what the study will do, in a sentence, and in a line each the classes, how
    the files were read and what was assumed.

    Nothing is written, but for a probe in a storage behind a URI, which is removed.

    Raises StudyError, CorpusError, ModelError or CheckpointError.
    """
    study = runnable(study)
    refuse_installed_clashes()
    check_stores(study)
    corpus = load_corpus(study.config.corpus)
    places = locate(study.config, corpus)
    refuse_what_teachers_lack(study, corpus, places)
    found_of_teachers: list[str] = []
    examine_teachers(Examination(corpus, masks_words(study), found_of_teachers.append), places)
    if study.config.search.warm_start:
        earlier_folder(study.config, corpus)
    kept = [place for place in places if has_cache(place.cache_root, place.key)]
    for place in kept:
        on_dev = open_cache(place.cache_root, place.key).of(corpus.dev.texts)
        refuse_wrong_columns(place, on_dev, corpus.dev, corpus.labels, of_file=True)
    cached, of_answers = "not in the cache yet", []
    if len(kept) == len(places):
        caches = tuple(open_cache(place.cache_root, place.key) for place in places)
        cached, of_answers = "in the cache", assumed.of_answers(study, corpus, Teachers(places, caches))
    for config in distinct_inputs(study):
        segmenter(encoder_settings(config.tokens), pieces_for(config.tokens, places[0]))
    notes = vector_notes(study)
    if study.config.teacher_data.labelled or study.config.teacher_data.unlabelled:
        notes += load_teacher_data(study.config.teacher_data, corpus).notes
    sizes = ", ".join(f"{len(split)} {name}" for name, split in corpus.splits.items())
    sentence = f"no fault; {sizes}; {study.config.search.trials} trials; teacher logits {cached}"
    assumptions_made = [
        *assumptions(places),
        *found_of_teachers,
        *assumed.of_settings(study, corpus, places),
        *assumed.of_files(corpus, places),
        *of_answers,
    ]
    run = plug_lines(study.plugs, [(kinds, kind) for kinds, kind, _ in plugs_in(study)])
    return "\n  ".join([sentence, *run, *class_lines(corpus), *corpus.notes, *notes, *dict.fromkeys(assumptions_made)])


def class_lines(corpus: Corpus) -> list[str]:
    """Each class with the number of its texts in each split."""
    return [
        f"{label}: {', '.join(f'{n} {split}' for split, n in counts.items())}"
        for label, counts in corpus.class_counts().items()
    ]


def check_stores(study: Study) -> None:
    try:
        check_writable(Place(study.config.storage))
    except PlaceError as error:
        raise StudyError(f"storage: {error}") from error
    check_store(study.config.tracking)


def check_shared(storage: Place) -> None:
    """Raise StudyError unless every node of the cluster sees the storage."""
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
