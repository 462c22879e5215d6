"""The sources of a teacher's logits: a BERT, trained first if the study says so, or students that answer together."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distune._plural import n_of
from distune.cluster.runner import Runner
from distune.corpora.augment import MASK, with_mask
from distune.corpora.corpus import Corpus
from distune.corpora.kept import read_object
from distune.corpora.labelling import UNLABELLED, renumbered, unlabelled
from distune.corpora.logits_filling import Source
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers, TeacherFunction
from distune.corpora.split import Split
from distune.corpora.teacher_data import load_teacher_data
from distune.corpora.teacher_logits import has_cache
from distune.corpora.tokens import AnyTokensConfig, WordPieceConfig
from distune.models.errors import ModelError
from distune.models.logits import accuracy_of
from distune.models.teacher.config import StudentsConfig, TeacherConfig
from distune.models.teacher.hub import commit_of
from distune.tuning.metric.task import AnyMetric, task_of
from distune.tuning.study.config import StudyConfig
from distune.tuning.teachers.columns import checkpoint_columns, in_order
from distune.tuning.teachers.teachers import TeacherPlace, refuse_wrong_columns
from distune.tuning.trial.inputs import NoTeacher, RawInputs

if TYPE_CHECKING:
    from distune.models.teacher.teacher import Teacher
    from distune.models.teacher.training import TrainingTexts

_log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
"""Is told how many of how many texts are answered."""
TRAINED = "trained.json"
"""Is written last: a folder with it holds a whole teacher."""
ASKED_FIRST = 512
"""Dev texts that a checkpoint is asked before all others, to hold the order of its columns against their labels."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The study, its corpus, the places of its teachers, and the runner of their work."""

    config: StudyConfig
    corpus: Corpus
    places: tuple[TeacherPlace, ...]
    runner: Runner
    """The runner of the shards, of a teacher's training, and of the training of students that are a teacher."""
    progress: Progress


def is_to_be_trained(place: TeacherPlace) -> bool:
    """Whether a teacher learns before it can answer."""
    learns = place.settings.epochs or place.settings.students
    return bool(learns) and not has_cache(place.cache_root, place.key) and not (place.trained / TRAINED).is_file()


def source_of(asking: Asking, place: TeacherPlace) -> Source:
    """A teacher that can be asked."""
    students = place.settings.students
    return _bert(asking, place) if students is None else _students(asking, place, students)


def _bert(asking: Asking, place: TeacherPlace) -> Source:
    """A BERT that can answer; it is trained first, if the study says so."""
    # Here and below: transformers takes seconds to import, and a teacher whose logits come in a file needs none of it.
    from distune.models.teacher.teacher import teacher_logits

    config, corpus, settings = asking.config, asking.corpus, place.settings
    train_if_missing(asking, place)
    teacher = load_from(settings, place.trained, corpus.labels, corpus.is_multi_label)
    if not settings.epochs:  # Before all the corpus is asked.
        some = corpus.dev.texts[:ASKED_FIRST]
        labels = corpus.dev.labels[: len(some)]
        refuse_wrong_columns(place, teacher_logits(teacher, some), labels, corpus.labels, of_file=False)
    about = describe(config, corpus, place, teacher)
    asked = partial(_asked, settings, place.trained, corpus.labels, corpus.is_multi_label)
    return Source(asked, about, asking.runner.map)


def train_if_missing(asking: Asking, place: TeacherPlace) -> None:
    """Train a BERT, if the study says so and the storage has none of it."""
    config, corpus, settings = asking.config, asking.corpus, place.settings
    if not settings.epochs or (place.trained / TRAINED).is_file():
        return
    from distune.models.teacher.training import TrainingTexts

    data = load_teacher_data(config.teacher_data, corpus)
    first = f"pretraining on {n_of(len(data.pretraining_texts), 'text')}, " if settings.pretrain else ""
    _log.info(f"teacher: {first}training on {n_of(len(data.train), 'labelled text')}")
    head = place.head
    column = np.array([head.labels.index(label) for label in corpus.labels])
    metric = task_of(corpus.is_multi_label).metric(config.metric, corpus.labels, {})
    texts_of_training = TrainingTexts(
        texts=data.train.texts,
        labels=renumbered(data.train.labels, column, len(head.labels)),
        dev_texts=corpus.dev.texts,
        dev_labels=renumbered(corpus.dev.labels, column, len(head.labels)),
        label_names=head.labels,
        pretraining_texts=data.pretraining_texts,
        has_other_classes=head.has_other_classes,
        score=accuracy_of if config.metric.is_accuracy else partial(_score, metric, column),
        score_name=config.metric.title,
    )
    asking.runner.once(_train, settings, texts_of_training, place.trained)


def _students(asking: Asking, place: TeacherPlace, students: StudentsConfig) -> Source:
    """Students that answer together; they are trained first."""
    from distune.tuning.teachers.students import Training, load_ensemble, train_ensemble

    if not (place.trained / TRAINED).is_file():
        corpus = _with_teacher_data(asking.config, asking.corpus)
        nothing = NoTeacher(len(corpus.labels))
        pieces = partial(pieces_for, place=asking.places[0])
        metric = task_of(corpus.is_multi_label).metric(asking.config.metric, corpus.labels, {})
        material = RawInputs(corpus=corpus, teachers=nothing, pieces=pieces, seed=place.settings.seed, metric=metric)
        training = Training(
            students=students,
            space=asking.config.space_of(students),
            material=material,
            threads=asking.config.cluster.threads,
            runner=asking.runner,
        )
        made = train_ensemble(training, place.trained)
        (place.trained / TRAINED).write_text(json.dumps(made, ensure_ascii=False, indent=1))
    about = {
        **read_object(place.trained / TRAINED, "remove its folder, and the teacher is trained again"),
        "study": asking.config.name,
        "origin": "students of the study",
        "settings": place.settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
        "data": [
            f"corpus {asking.config.corpus.source_name}: {len(asking.corpus.train)} labelled texts",
            *(file.name for file in asking.config.teacher_data.labelled),
        ],
    }
    return Source(partial(load_ensemble, place.trained, asking.corpus.labels), about, asking.runner.map)


def _with_teacher_data(config: StudyConfig, corpus: Corpus) -> Corpus:
    """The corpus with all labels that a teacher may learn from in its train split."""
    train = load_teacher_data(config.teacher_data, corpus).train
    labelled = set(train.texts)
    transfer = tuple(text for text in corpus.transfer.texts if text not in labelled)
    return replace(corpus, train=train, transfer=Split(transfer, unlabelled(corpus.train.labels, len(transfer))))


def _score(
    metric: AnyMetric, column: NDArray[np.int64], logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]
) -> float:
    """The score of a head, of whose columns `column` `[classes]` are those of the corpus's labels in their order."""
    if labels.ndim == 2:
        return metric.score(logits[:, column], labels[:, column])
    position = np.full(logits.shape[1], UNLABELLED)
    position[column] = np.arange(len(column))
    return metric.score(logits[:, column], position[labels])


def _train(settings: TeacherConfig, texts: TrainingTexts, trained: Place) -> None:
    from distune.models.teacher.training import train_teacher

    with trained.to_write() as folder:
        train_teacher(settings, texts, folder)
    (trained / TRAINED).write_text(settings.model_dump_json(indent=1))


def _asked(settings: TeacherConfig, trained: Place, labels: Sequence[str], is_multi_label: bool) -> TeacherFunction:
    """The teacher as a function of texts, in whichever process this is called."""
    from distune.models.teacher.teacher import ask_teacher

    teacher = load_from(settings, trained, labels, is_multi_label)
    mask = teacher.tokenizer.mask_token

    def ask(part: Sequence[str]) -> TeacherAnswers:
        if mask is None and any(MASK in text for text in part):
            raise ModelError(
                "trial.augment.p_mask: the teacher's tokenizer has no mask token for a word that is hidden; set p_mask: 0"
            )
        masked = [with_mask(text, mask) for text in part] if mask else part
        logits, hidden = ask_teacher(teacher, masked, settings.hidden_states, bf16_on_cpu=True)
        return TeacherAnswers(logits, hidden if settings.hidden_states else None)

    return ask


def load_from(
    settings: TeacherConfig, trained: Place, labels: Sequence[str] | None = None, is_multi_label: bool | None = None
) -> Teacher:
    """The teacher itself, as it is or as it was trained; with `labels`, answering in their order.

    `is_multi_label` says whether a text has several labels; None takes a teacher of either task.
    """
    from distune.models.teacher.teacher import load_teacher

    may_cut = "max_length" not in settings.model_fields_set
    if not settings.epochs:
        checkpoint = str(settings.checkpoint)
        teacher = load_teacher(checkpoint, settings.max_length, labels, settings.revision, may_cut, is_multi_label)
        if labels is None:
            return teacher
        return in_order(teacher, checkpoint_columns(checkpoint, settings.revision, labels, settings.labels))
    with trained.to_read() as folder:
        teacher = load_teacher(folder, settings.max_length, labels, may_cut=may_cut, is_multi_label=is_multi_label)
        return teacher if labels is None else in_order(teacher, checkpoint_columns(str(folder), None, labels))


def pieces_for(tokens: AnyTokensConfig, place: TeacherPlace) -> list[str]:
    """The vocabulary that a student's tokens come from, if they are those of a teacher; else nothing.

    Raises ModelError when its tokenizer cannot be loaded.
    """
    if not isinstance(tokens, WordPieceConfig):
        return []
    from distune.models.teacher.tokenizing import tokenizer_pieces

    if tokens.checkpoint is None and place.settings.epochs and (place.trained / TRAINED).is_file():
        with place.trained.to_read() as folder:
            return tokenizer_pieces(folder)
    if tokens.checkpoint is not None:
        return tokenizer_pieces(tokens.checkpoint, commit_of(tokens.checkpoint, tokens.revision, "the tokenizer of"))
    source = place.settings.checkpoint
    return tokenizer_pieces(source, place.settings.revision) if source else []


def describe(config: StudyConfig, corpus: Corpus, place: TeacherPlace, teacher: Teacher) -> dict[str, Any]:
    """The teacher in a manifest: its source, its data, and its architecture (for timing)."""
    settings = place.settings
    seen = [file.name for file in (*config.teacher_data.labelled, *config.teacher_data.unlabelled)]
    scratch = settings.from_scratch
    kind = (
        f"BERT from scratch, {n_of(scratch.layers, 'layer')} of {scratch.hidden_size}"
        if scratch
        else settings.checkpoint
    )
    if settings.members > 1:
        kind = f"{settings.members} x {kind}"
    return {
        "description": f"{kind}, {teacher.n_parameters:,} parameters, at most {n_of(teacher.max_length, 'token')}",
        "study": config.name,
        "origin": settings.checkpoint or "from scratch",
        "settings": settings.model_dump(mode="json", exclude_none=True),
        "data": [f"corpus {config.corpus.source_name}: {len(corpus.train)} labelled texts", *seen],
        "architecture": teacher.description(),
    }
