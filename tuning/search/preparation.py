"""The preparation of a search: the corpus, the teacher's logits, and the data of every kind of trial, made once."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from functools import partial

from distune._plural import n_of
from distune.cluster.runner import IN_PROCESS, Runner
from distune.corpora.augment import AugmentConfig, Augmented, augment, fingerprint, load_augmented, save_augmented
from distune.corpora.corpus import Corpus
from distune.corpora.places import Place
from distune.models.decision import AnyDecision
from distune.tuning.metric.task import AnyMetric
from distune.tuning.search.plugged import plugs_in
from distune.tuning.search.reading import ReadStudy
from distune.tuning.storage.paths import Layout
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.file import Study
from distune.tuning.teachers import assumed
from distune.tuning.teachers.identity import digest, trial_files
from distune.tuning.teachers.logits import augmented_logits, logits_for, unseen
from distune.tuning.teachers.sources import Asking, Progress, pieces_for
from distune.tuning.teachers.teachers import Teachers
from distune.tuning.teachers.vectors import teacher_vectors
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs, inputs_key
from distune.tuning.trial.inputs import RawInputs, all_inputs
from distune.tuning.trial.plugs import plug_identity

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A study with its corpus, what its teachers say, and the inputs of its trials by `inputs_key`."""

    study: Study
    corpus: Corpus
    metric: AnyMetric
    teachers: Teachers
    inputs: dict[str, Inputs]
    configs: tuple[TrialConfig, ...]
    """One trial config for each kind of inputs in the space."""

    @property
    def teacher_score(self) -> float:
        """The teachers' score on dev, by the metric."""
        return self.metric.score(self.teachers.of(self.corpus.dev.texts), self.corpus.dev.labels)

    @functools.cached_property
    def teacher_decision(self) -> AnyDecision:
        """The rule by which the teachers' answers score best on dev."""
        return self.metric.decision(self.teachers.of(self.corpus.dev.texts), self.corpus.dev.labels)

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprints that bind a search: `Folder.claim` takes them."""
        files = trial_files(self.configs, self.teachers.places[0].key.teacher)
        files |= {f"{kinds.part}={kind}": plug_identity(model) for kinds, kind, model in plugs_in(self.study)}
        return {
            "corpus": self.corpus.fingerprint,
            "answers": self.corpus.answers_fingerprint,
            "train": self.corpus.train_fingerprint,
            "files": digest(files),
            "teacher": self.teachers.key.teacher,
        }

    def of(self, config: TrialConfig) -> Inputs:
        return self.inputs[inputs_key(config)]


def prepare(read: ReadStudy, runner: Runner = IN_PROCESS, progress: Progress = unseen) -> Prepared:
    """Read the teachers' logits, or let the runner compute missing ones, and make the inputs of every trial.

    Raises CorpusError and ModelError for unusable input.
    """
    study, corpus = read.study, read.corpus
    _log.info(f"corpus {study.config.corpus.source_name}: {read.sizes}; labels {', '.join(corpus.labels)}")
    for line in (*corpus.notes, *read.of_teacher_data, *read.of_columns, *read.of_settings):
        _log.info(f"  {line}")
    for line in read.of_teachers:
        _log.info(line)
    teachers = logits_for(study.config, corpus, read.places, runner, progress)
    each = teachers.each(corpus.dev.texts)
    for line in assumed.of_answers(study, teachers, each, corpus.dev.labels, read.metric):
        _log.info(f"  {line}")

    def augmented(config: AugmentConfig) -> tuple[Augmented, Teachers]:
        texts = _augmented(config, study.config, corpus)
        return texts, augmented_logits(study.config, corpus, teachers, texts, runner, progress)

    pieces = partial(pieces_for, place=read.places[0])
    asking = Asking(config=study.config, corpus=corpus, places=read.places, runner=runner, progress=progress)
    material = RawInputs(
        corpus=corpus,
        teachers=teachers,
        pieces=pieces,
        seed=study.config.search.seed,
        metric=read.metric,
        augmented=augmented,
        teacher_vectors=partial(teacher_vectors, asking),
    )
    inputs = all_inputs([read.only] if read.only else read.configs, material)
    return Prepared(
        study=study, corpus=corpus, metric=read.metric, teachers=teachers, inputs=inputs, configs=read.configs
    )


def _augmented(config: AugmentConfig, study: StudyConfig, corpus: Corpus) -> Augmented:
    """The augmented texts, made once and kept in the storage."""
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    held_out = (*corpus.dev.texts, *corpus.test.texts)
    name = fingerprint(config, texts, held_out)
    place = Layout(Place(study.storage)).augmented(name)
    if not place.is_file():
        _log.info(f"augmenting {n_of(len(texts), 'text')} {n_of(config.n_iter, 'time')}")
        save_augmented(place, augment(config, texts, held_out))
    augmented = load_augmented(place)
    _log.info(f"augmented texts: {len(augmented.texts)} from {place}")
    return augmented
