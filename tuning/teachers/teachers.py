"""The teachers of a study: their identity, the places of their answers, and their common answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.corpora.columns import ColumnOrder
from distune.corpora.corpus import Corpus, labelled_fingerprint
from distune.corpora.logits_file import LogitsFile, read_logits_file
from distune.corpora.places import Place
from distune.corpora.teacher_logits import CacheKey, TeacherLogits
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
        logits_file.of(corpus.texts())
        on_dev = logits_file.of(corpus.dev.texts).logits
        refuse_equal_logits(f"{name} {logits_file.path}", on_dev)
        refuse_softmax(f"{name} {logits_file.path}", logits_file, corpus.dev.labels)
        refuse_other_assignment(
            on_dev,
            corpus.dev.labels,
            corpus.labels,
            f"{name} {logits_file.path}",
            logits_file.columns,
            f"{name}.answers" if settings.answers else f"{name}.labels",
        )
        refuse_turned(f"{name} {logits_file.path}", on_dev, corpus.dev.labels)
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
    # How it is asked does not make it another teacher, nor does where its checkpoint lies.
    elsewhere = {
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
    parts: dict[str, Any] = {
        "teacher": settings.model_dump(mode="json", exclude=elsewhere),
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
