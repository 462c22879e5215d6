"""What the trainings of a recording share: the inputs of trials, and the texts that are held back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.search.recording import HeldBack, log_probabilities
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.split import Split
from distune.corpora.texts import CorpusError
from distune.tuning.search.reading import ReadStudy
from distune.tuning.search.worker import WorkerInputs
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import upper_bound
from distune.tuning.teachers.logits import logits_for
from distune.tuning.teachers.sources import pieces_for
from distune.tuning.teachers.teachers import Teachers
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import inputs_key
from distune.tuning.trial.inputs import RawInputs, all_inputs, encode_texts


@dataclass(frozen=True)
class HeldTexts:
    """The texts of `HeldBack`, before any kind of tokens."""

    signal: tuple[str, ...]
    truth: Split


def held_back(corpus: Corpus, labels: dict[str, int], n_signal: int, n_truth: int) -> tuple[Corpus, HeldTexts]:
    """The corpus without the texts that are held back of its transfer set, and these; `labels` are the hidden ones.

    Raises CorpusError if fewer transfer texts than that have a hidden label.
    """
    places = [place for place, text in enumerate(corpus.transfer.texts) if labels.get(text, -1) >= 0]
    if len(places) < n_signal + n_truth:
        raise CorpusError(
            f"{n_signal} + {n_truth} texts are to be held back, but only {len(places)} transfer texts have a label that the "
            "study hides; set corpus.labelled, or --signal and --truth"
        )
    drawn = np.random.default_rng(7).permutation(places)[: n_signal + n_truth]
    texts = corpus.transfer.texts
    truth = tuple(texts[place] for place in drawn[n_signal:])
    numbers = np.array([labels[text] for text in truth])
    left = np.setdiff1d(np.arange(len(texts)), drawn)
    transfer = Split(tuple(texts[place] for place in left), corpus.transfer.labels[left])
    held = HeldTexts(tuple(texts[place] for place in drawn[:n_signal]), Split(truth, numbers))
    return replace(corpus, transfer=transfer), held


class Bench:
    """What all trainings of a recording share: the inputs of each kind of tokens and vectors, and the texts held back."""

    def __init__(self, read: ReadStudy, n_signal: int, n_truth: int) -> None:
        config = read.study.config
        if read.corpus.is_multi_label:
            raise StudyError("corpus.multi_label: a recording is of texts with one label")
        if upper_bound(read.study.space, "augment.n_iter") > 0:
            raise StudyError("trial.augment.n_iter: a recording is without augmented texts; set it to 0")
        every = load_corpus(config.corpus.model_copy(update={"labelled": None, "transfer": None}))
        hidden = dict(zip(every.train.texts, every.train.labels.tolist(), strict=True))
        self.corpus, self.held = held_back(read.corpus, hidden, n_signal, n_truth)
        self.teachers = logits_for(config, read.corpus, read.places)
        self.metric = read.metric
        material = RawInputs(
            corpus=self.corpus,
            teachers=self.teachers,
            pieces=lambda tokens: pieces_for(tokens, place=read.places[0]),
            seed=config.search.seed,
            metric=read.metric,
        )
        self._inputs = all_inputs(read.configs, material)
        self._held: dict[str, HeldBack] = {}

    def of(self, config: TrialConfig) -> tuple[WorkerInputs, HeldBack]:
        inputs, kind = self._inputs[inputs_key(config)], config.tokens.model_dump_json()
        if kind not in self._held:
            self._held[kind] = HeldBack(
                signal=encode_texts(inputs.encoder, self.held.signal),
                teacher_logits=self.teachers.of(self.held.signal),
                truth=encode_texts(inputs.encoder, self.held.truth.texts),
                truth_labels=self.held.truth.labels,
            )
        return WorkerInputs.of(inputs), self._held[kind]

    def about(self) -> dict[str, Any]:
        """Sizes, and the teacher's own figures on what students are held against."""
        return {
            "corpus": self.corpus.fingerprint,
            "answers": self.corpus.answers_fingerprint,
            "teacher": self.teachers.key.teacher,
            "texts": {name: len(split) for name, split in self.corpus.splits.items()},
            "held_back": {"signal": len(self.held.signal), "truth": len(self.held.truth)},
            "teacher_score": teacher_scores(self.teachers, self.metric, self.corpus.dev, self.held.truth),
            "teacher_entropy": entropy(self.teachers.of(self.held.signal)),
        }


def teacher_scores(teachers: Teachers, metric: Any, dev: Split, truth: Split) -> dict[str, float]:
    parts = {"dev": dev, "truth": truth}
    return {name: metric.score(teachers.of(part.texts), part.labels) for name, part in parts.items()}


def entropy(logits: Any) -> float:
    """The mean entropy of the softmax of `[texts, classes]`: their cross-entropy with themselves."""
    logs = log_probabilities(logits)
    return float(-(np.exp(logs) * logs).sum(axis=1).mean())
