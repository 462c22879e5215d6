"""A teacher that is made of students: drawn from a space, trained on the labels alone, the best on dev answer together."""

from __future__ import annotations

import functools
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from distune._plural import n_of
from distune.cluster.runner import Runner
from distune.corpora import encoding
from distune.corpora.columns import column_order
from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers, TeacherFunction
from distune.models.checkpoint import Checkpoint, save_checkpoint
from distune.models.checkpoint_folder import check_folder
from distune.models.decision import sigmoid
from distune.models.errors import ModelError
from distune.models.logits import probabilities
from distune.models.predictor import Predictor
from distune.models.teacher.config import StudentsConfig
from distune.tuning.metric.task import task_of_metric
from distune.tuning.study.space import Space
from distune.tuning.teachers.draws import draw_students
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs, inputs_key
from distune.tuning.trial.inputs import RawInputs, all_inputs
from distune.tuning.trial.run import TrialResult
from distune.tuning.trial.tasks import TrainingData, train_if_it_converges

_log = logging.getLogger(__name__)
SMALLEST = 1e-6
"""The least that a mean probability counts as, before its logarithm."""
BATCH_TEXTS = 64


@dataclass(frozen=True)
class Member:
    """A student that answers: what it is, and its score on dev."""

    config: TrialConfig
    result: TrialResult


@dataclass(frozen=True, kw_only=True)
class Training:
    """The space, the data and the runner of the students of an ensemble."""

    students: StudentsConfig
    space: Space
    material: RawInputs
    """Without anything that a teacher says; its seed is that of the draw too."""
    threads: int
    """The threads that torch has for each student."""
    runner: Runner


def train_ensemble(training: Training, trained: Place) -> dict[str, Any]:
    """Train students and keep the best on dev, each as a checkpoint folder `member-N`; returns their description.

    Raises ModelError when fewer of them have learnt than must answer.
    """
    students, corpus = training.students, training.material.corpus
    configs = draw_students(training.space, students.trials, training.material.seed)
    distinct = list({inputs_key(config): config for config in configs}.values())
    inputs = all_inputs(distinct, training.material, whose="teacher: ")
    who_answers = "the best on dev answers" if students.members == 1 else f"the {students.members} best on dev answer"
    _log.info(
        f"teacher: training {n_of(len(configs), 'student')} on {n_of(len(corpus.train), 'labelled text')}; {who_answers}"
    )
    members = _best(configs, inputs, training)
    with trained.to_write() as folder:
        for number, member in enumerate(members):
            _save(member, inputs[inputs_key(member.config)], corpus.labels, folder / f"member-{number}")
    together = load_ensemble(trained, corpus.labels)(corpus.dev.texts).logits
    metric = training.material.metric
    title, score = metric.config.title, metric.score(together, corpus.dev.labels)
    of_members = [member.result.score for member in members]
    _log.info(
        f"teacher: dev {title} of the members {', '.join(f'{one:.4f}' for one in of_members)}; together {score:.4f}"
    )
    kinds = Counter(member.config.student.kind for member in members)
    made_of = ", ".join(f"{n} x {kind}" for kind, n in kinds.most_common())
    return {
        "description": f"{n_of(len(members), 'student')} together ({made_of}), trained on {n_of(len(corpus.train), 'label')} alone, the best on "
        f"dev of {len(configs)} drawn at random",
        f"dev_{metric.config.kind}": round(score, 4),
        "members": [
            {f"dev_{metric.config.kind}": one.result.score, "trial": one.config.model_dump(mode="json")}
            for one in members
        ],
    }


def _best(configs: Sequence[TrialConfig], inputs: dict[str, Inputs], training: Training) -> list[Member]:
    """The best on dev of all that were trained; of two equal ones the one that was drawn first."""
    shared = TrainingData({key: one.data for key, one in inputs.items()}, training.threads)
    kept: list[tuple[float, int, Member]] = []
    n_done, n_failed, threads = 0, 0, torch.get_num_threads()
    try:
        for index, outcome in training.runner.each(train_if_it_converges, configs, shared):
            config, n_done = configs[index], n_done + 1
            if isinstance(outcome, str):
                n_failed, ended = n_failed + 1, outcome
            else:
                # No more students are in memory than may answer.
                ranked = sorted([*kept, (-outcome.score, index, Member(config, outcome))], key=lambda one: one[:2])
                kept = ranked[: training.students.members]
                ended = f"dev {training.material.metric.config.title} {outcome.score:.4f}"
            _log.info(f"teacher: {n_done}/{len(configs)} trained, {config.student.kind} (seed {config.seed}): {ended}")
    finally:
        torch.set_num_threads(threads)  # Where they were trained in this process.
    if len(kept) < training.students.members:
        raise ModelError(
            f"teacher.students: {n_failed} of {n_of(len(configs), 'student')} did not learn, which leaves {len(kept)} for "
            f"members={training.students.members}; lower the space's learning_rate, or draw more trials"
        )
    return [member for _, _, member in kept]


def _save(member: Member, inputs: Inputs, labels: Sequence[str], folder: Path) -> None:
    checkpoint = Checkpoint(
        trained=member.result.trained,
        tokens=inputs.encoder.settings,
        vocabulary=inputs.vocabulary,
        dimension=inputs.data.vectors.shape[1],
        labels=labels,
        trial=member.config.model_dump(mode="json"),
        decision=task_of_metric(inputs.data.metric).undecided(len(labels)),
    )
    card = f"# {folder.name} of a teacher\n\nDev {inputs.data.metric.config.title} {member.result.score:.4f}.\n"
    save_checkpoint(checkpoint, folder, card, Path(encoding.__file__))


def load_ensemble(trained: Place, labels: Sequence[str]) -> TeacherFunction:
    """The ensemble as a function of texts, in whichever process this is called, its answers in the order of `labels`; a
    text is encoded once for all members that read it in the same way.

    Raises CorpusError for a member that has other labels.
    """
    encoders: dict[str, Callable[[str], list[int]]] = {}
    members: list[tuple[Predictor, tuple[int, ...]]] = []
    with trained.to_read() as folder:
        for path in sorted(folder.glob("member-*")):
            check_folder(path)
            settings = json.loads((path / "config.json").read_text(encoding="utf-8"))["tokens"]
            reads = json.dumps(settings) + (path / "vocabulary.txt").read_text(encoding="utf-8")
            if reads not in encoders:
                encoders[reads] = functools.lru_cache(BATCH_TEXTS)(load_encoder(path))
            member = Predictor(path, encoders[reads])
            members.append((member, column_order(member.labels, labels, str(path)).order))

    is_multi_label = any(member.is_multi_label for member, _ in members)
    mean = logit_of_mean_probability if is_multi_label else log_mean_probability

    def ask(texts: Sequence[str]) -> TeacherAnswers:
        batches = [texts[start : start + BATCH_TEXTS] for start in range(0, len(texts), BATCH_TEXTS)]
        return TeacherAnswers(
            np.concatenate(
                [mean(np.stack([member.logits(batch)[:, order] for member, order in members])) for batch in batches]
            )
        )

    return ask


def log_mean_probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[texts, classes]` of `[members, texts, classes]`: the logarithm of the mean of the members' probabilities."""
    mean: NDArray[np.float64] = probabilities(logits).mean(axis=0)
    return np.log(np.clip(mean, SMALLEST, 1.0)).astype(np.float32)


def logit_of_mean_probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """`[texts, labels]` of `[members, texts, labels]`, each label by itself: the logit of the mean of the members' probabilities."""
    mean = np.clip(sigmoid(logits.astype(np.float64)).mean(axis=0), SMALLEST, 1 - SMALLEST)
    together: NDArray[np.float32] = np.log(mean / (1 - mean)).astype(np.float32)
    return together
