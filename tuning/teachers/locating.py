"""The places of the teachers of a study and of their answers, by the content of all that these depend on."""

from __future__ import annotations

import json
from typing import Any

from distune.corpora.columns import ColumnOrder
from distune.corpora.corpus import Corpus
from distune.corpora.logits_file import LogitsFile, read_logits_file
from distune.corpora.places import Place
from distune.corpora.split import labelled_fingerprint
from distune.corpora.teacher_logits import CacheKey
from distune.corpora.texts import CorpusError
from distune.losses.config import OF_LABELS
from distune.models.teacher.config import StudentsConfig, TeacherConfig
from distune.models.teacher.hub import commit_of
from distune.tuning.storage.paths import Layout
from distune.tuning.study.config import StudyConfig
from distune.tuning.teachers.answers import read_answers
from distune.tuning.teachers.assignment import refuse_other_assignment
from distune.tuning.teachers.columns import Head, checkpoint_columns, head_of
from distune.tuning.teachers.draws import draw_students
from distune.tuning.teachers.identity import checkpoint_identity, digest, rows_identity, trial_files
from distune.tuning.teachers.one_answer import refuse_equal_logits, refuse_softmax
from distune.tuning.teachers.teachers import TeacherPlace
from distune.tuning.teachers.turned import refuse_turned

ELSEWHERE = {
    "logits",
    "answers",
    "logits_dtype",
    "hidden_states",
    "weight",
    "temperature",
    "students",
    "checkpoint",
    "revision",
}
"""Settings that do not make it another teacher: how it is asked, and where its files lie."""


def locate(config: StudyConfig, corpus: Corpus) -> tuple[TeacherPlace, ...]:
    """Fingerprint the teachers; raises CorpusError for a logits file that does not fit the corpus or whose columns are in another
    order than its labels, and ModelError for a checkpoint that cannot be loaded."""
    places: list[TeacherPlace] = []
    for number, settings in enumerate(config.teachers):
        name = f"more_teachers.{number - 1}" if number else "teacher"
        try:
            places.append(_locate_one(config, settings, corpus, name, places[0] if places else None))
        except CorpusError as error:
            said = str(error).replace("teacher.labels", f"{name}.labels").replace("teacher.answers", f"{name}.answers")
            raise CorpusError(said) from error
    return tuple(places)


def _locate_one(
    config: StudyConfig, settings: TeacherConfig, corpus: Corpus, name: str, first: TeacherPlace | None
) -> TeacherPlace:
    columns: tuple[ColumnOrder, ...] = ()
    head = Head(labels=corpus.labels)
    if settings.checkpoint is not None:
        # Now, not when it is to be timed after the search; and all of it of one commit from here on.
        commit = commit_of(settings.checkpoint, settings.revision)
        from distune.models.teacher.teacher import check_checkpoint  # It imports transformers, which takes seconds.

        as_it_is = None if settings.epochs else corpus.labels
        check_checkpoint(settings.checkpoint, as_it_is, commit, corpus.is_multi_label)
        if not settings.epochs:
            columns = checkpoint_columns(settings.checkpoint, commit, corpus.labels, settings.labels)
        elif not settings.pretrain:  # Which keeps the body alone.
            head = head_of(settings.checkpoint, commit, corpus.labels, settings.labels, corpus.is_multi_label)
        settings = settings.model_copy(update={"revision": commit})
    logits_file = _file_of(settings, corpus)
    if logits_file is not None:
        _refuse_unfit(logits_file, corpus, name, f"{name}.answers" if settings.answers else f"{name}.labels")
    fingerprint = digest(_parts(config, settings, corpus, logits_file, first))
    in_half = settings.logits_dtype == "float16"
    as_asked = [settings.hidden_states, settings.logits_dtype] if in_half else [settings.hidden_states]
    asked = digest([fingerprint, *as_asked]) if settings.hidden_states or in_half else fingerprint
    key = CacheKey(asked, corpus.fingerprint, corpus.labels)
    places = Layout(Place(config.storage))
    return TeacherPlace(
        name=name,
        settings=settings,
        key=key,
        cache_root=places.logits,
        trained=places.trained(fingerprint),
        logits_file=logits_file,
        columns=columns,
        head=head,
    )


def _refuse_unfit(file: LogitsFile, corpus: Corpus, name: str, setting: str) -> None:
    """Raise CorpusError for a file that lacks a text, or whose numbers on dev are not those of the corpus' labels.

    `setting` names the order of its columns.
    """
    file.of(corpus.texts())
    on_dev, what = file.of(corpus.dev.texts).logits, f"{name} {file.path}"
    refuse_equal_logits(what, on_dev)
    refuse_softmax(what, file, corpus.dev.labels)
    refuse_other_assignment(on_dev, corpus.dev.labels, corpus.labels, what, file.columns, setting)
    refuse_turned(what, on_dev, corpus.dev.labels)


def _file_of(settings: TeacherConfig, corpus: Corpus) -> LogitsFile | None:
    """The file that a teacher's logits come from, or its answers, of which they are made."""
    if settings.answers is not None:
        return read_answers(settings.answers, corpus).file
    return None if settings.logits is None else _read_logits(settings, corpus)


def _read_logits(settings: TeacherConfig, corpus: Corpus) -> LogitsFile:
    """A file of logits. Together with a checkpoint, `labels` are the columns of the checkpoint, and those of the
    file if these have no names."""
    path = settings.logits or ""
    if settings.checkpoint is None:
        return read_logits_file(path, corpus.labels, settings.labels, corpus.is_multi_label)
    file = read_logits_file(path, corpus.labels, None, corpus.is_multi_label)
    if file.columns.by_name:
        return file
    return read_logits_file(path, corpus.labels, settings.labels, corpus.is_multi_label)


def _parts(
    config: StudyConfig,
    settings: TeacherConfig,
    corpus: Corpus,
    logits_file: LogitsFile | None,
    first: TeacherPlace | None,
) -> dict[str, Any]:
    """All that a teacher's answers depend on, by content."""
    parts: dict[str, Any] = {
        "teacher": settings.model_dump(mode="json", exclude=ELSEWHERE),
        "file": logits_file.fingerprint() if logits_file else None,
        "weights": checkpoint_identity(settings.checkpoint, settings.revision),
    }
    # A trained teacher has learnt from labelled texts, and the best of it was chosen on dev; one that is taken as it is has not
    # seen the corpus.
    if settings.epochs or settings.students:
        more = config.teacher_data
        parts["train"] = [
            corpus.train_fingerprint,
            *(rows_identity(file, True, corpus.labels) for file in more.labelled),
        ]
        parts["chosen_on"] = labelled_fingerprint(corpus.labels, corpus.dev)
        if not config.metric.is_accuracy:  # Teachers of before it could be chosen were chosen by accuracy.
            parts["chosen_by"] = config.metric.model_dump(mode="json", exclude_none=True)
        reads_plain_texts = settings.pretrain or settings.from_scratch or settings.students
        if reads_plain_texts or more.labelled:  # Transfer texts too, and nothing that stands in dev or test.
            parts["corpus"] = corpus.fingerprint
        if reads_plain_texts and not settings.students:
            parts["plain"] = [rows_identity(file, False, corpus.labels) for file in more.unlabelled]
    if settings.students:
        drawn = draw_students(config.space_of(settings.students), settings.students.trials, settings.seed)
        parts["files"] = trial_files(drawn, first.key.teacher if first else None)
        parts["students"] = _students_identity(config, settings.students)
    return parts


def _students_identity(config: StudyConfig, students: StudentsConfig) -> list[Any]:
    """How many are drawn and kept, of a space without what plain students do not have."""
    space = dict(students.trial or config.trial)
    loss = space.pop("loss", None)
    smoothing, *others = [loss.get(name) for name in OF_LABELS] if isinstance(loss, dict) else [None]
    kept = {key: block for key, block in space.items() if key not in ("augment", "compression", "seed")}
    # As text: draws depend on the order of keys too.
    return [
        students.trials,
        students.members,
        json.dumps([kept, smoothing, *([others] if any(one is not None for one in others) else [])]),
    ]
