"""One trial, run as every trial is, with looks at its student between two epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from distune.corpora.tokens import TokenIds
from distune.models.students.student import student_logits
from distune.models.training.loop import Batch
from distune.tuning.search.worker import WorkerInputs, hint_for, hint_of
from distune.tuning.trial import run
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import EpochReport, TrialResult, run_trial
from distune.tuning.trial.training import TrainingState

Matrix = NDArray[np.floating[Any]]


class RecordingError(Exception):
    """The recording saw another training than the trial."""


@dataclass(frozen=True, kw_only=True)
class HeldBack:
    """Transfer texts that no student learns from, as the token ids of one kind of tokens.

    `signal` are those with the teacher's logits `[texts, classes]`, which a search may rank by. `truth` are others with
    the labels `[texts]` that the study hides: they say what a student is worth, and no search sees them.
    """

    signal: TokenIds
    teacher_logits: NDArray[np.float32]
    truth: TokenIds
    truth_labels: NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Look:
    """The figures of a student after a number of steps.

    `train_s` are the core-seconds of the trial so far without its looks, `dev_s` and `held_s` those of this look at dev and at
    the held-back texts. `loss` is the mean since the look before. The truth is known at the ends of epochs alone.
    """

    step: int
    epoch: float
    train_s: float
    dev_s: float
    held_s: float
    loss: float
    score: float
    dev_ce: float
    agreement: float
    kl: float
    hard_ce: float
    truth: float | None = None
    truth_ce: float | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The looks at one trial, and what came of it: `end` is of the student that it would serve, compressed if its
    configuration says so, with the weights of its best epoch; None if the training failed.

    `after_s` are the core-seconds between the last epoch and the end, `hint_s` those of the hint of the latency, which
    a search spends before it trains an architecture for the first time.
    """

    looks: tuple[Look, ...]
    end: Look | None
    after_s: float
    hint_s: float
    latency_ms: float
    size_mb: float
    error: str | None = None


class Stopwatch:
    """Core-seconds of this process, without those of its pauses."""

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self._clock = clock
        self._started_s, self._left_out_s, self._paused_at_s = clock(), 0.0, math.nan

    @property
    def seconds(self) -> float:
        now = self._clock() if math.isnan(self._paused_at_s) else self._paused_at_s
        return now - self._started_s - self._left_out_s

    def pause(self) -> None:
        self._paused_at_s = self._clock()

    def go_on(self) -> None:
        self._left_out_s += self._clock() - self._paused_at_s
        self._paused_at_s = math.nan

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.pause()
        yield
        self.go_on()


class Recorder:
    """Looks at a student at `points` points of an epoch. It spends no random number, so the training is what it is without."""

    def __init__(self, config: TrialConfig, data: TrialData, held: HeldBack, points: int) -> None:
        self._data, self._held = data, held
        n_rows = int((data.iterations <= config.augment.n_iter).sum())
        self.steps_per_epoch = math.ceil(n_rows / config.batch_size)
        self._due = {round(point * self.steps_per_epoch / points) for point in range(1, points)}
        self.watch = Stopwatch()
        self.looks: list[Look] = []
        self._losses: list[float] = []

    def after_step(self, training: TrainingState, loss: float) -> None:
        self._losses.append(loss)
        in_epoch = training.stepper.n_steps % self.steps_per_epoch
        if in_epoch == 0:
            training.stepper.catch_up()  # As the trial does next, and what it does then is a look of its own.
            self.watch.pause()
        elif in_epoch in self._due:
            with self.watch.paused():
                training.stepper.catch_up()
                with training.averaged():
                    self._look(training)

    def after_epoch(self, training: TrainingState, score: float) -> None:
        look = self._look(training)
        if look.score != score or training.stepper.n_steps != training.epoch * self.steps_per_epoch:
            raise RecordingError(
                f"the trial scores {score} after step {training.stepper.n_steps}, and its recording {look.score} after "
                f"{training.epoch * self.steps_per_epoch} steps"
            )
        self.watch.go_on()

    def _look(self, training: TrainingState) -> Look:
        step = training.stepper.n_steps
        look = self.look_at(
            lambda rows: student_logits(training.student, rows), step, is_epoch=step % self.steps_per_epoch == 0
        )
        self._losses.clear()
        self.looks.append(look)
        return look

    def look_at(self, answer: Callable[[TokenIds], Matrix], step: int, is_epoch: bool) -> Look:
        """The figures of a student that gives logits `[texts, classes]` to token ids."""
        data, held = self._data, self._held
        began_s = time.process_time()
        on_dev = answer(data.dev)
        score = data.metric.score(on_dev, data.dev_labels)
        dev_s = time.process_time() - began_s
        on_signal = answer(held.signal)
        figures = against_teacher(on_signal, held.teacher_logits)
        held_s = time.process_time() - began_s - dev_s
        truth = answer(held.truth) if is_epoch else None
        return Look(
            step=step,
            epoch=step / self.steps_per_epoch,
            train_s=self.watch.seconds,
            dev_s=dev_s,
            held_s=held_s,
            loss=float(np.mean(self._losses)) if self._losses else math.nan,
            score=score,
            dev_ce=cross_entropy(on_dev, data.dev_labels),
            **figures,
            truth=None if truth is None else data.metric.score(truth, held.truth_labels),
            truth_ce=None if truth is None else cross_entropy(truth, held.truth_labels),
        )


@dataclass(kw_only=True)
class RecordedTraining(TrainingState):
    """The training of a trial, with a recorder that is told of each step and each epoch."""

    recorder: Recorder = field(repr=False)

    def step(self, loss_of: Callable[[Batch], Any], batch: Batch) -> float:
        loss = super().step(loss_of, batch)
        self.recorder.after_step(self, loss)
        return loss

    def end_epoch(self, score: float) -> None:
        super().end_epoch(score)
        self.recorder.after_epoch(self, score)


def record(config: TrialConfig, shipped: WorkerInputs, held: HeldBack, points: int) -> Recording:
    """Run a trial to its end, and look at it on its way. A failure is recorded; raises RecordingError if looks and trial differ."""
    began_s = time.process_time()
    hint = hint_for(config, shipped)
    hint_s = time.process_time() - began_s
    recorder = Recorder(config, shipped.data, held, points)

    def recorded(**parts: Any) -> RecordedTraining:
        return RecordedTraining(recorder=recorder, **parts)

    last: list[EpochReport] = []
    result: TrialResult | None = None
    error = None
    try:
        with patch.object(run, "TrainingState", recorded):
            result = run_trial(config, shipped.data, last.append)
    except RecordingError:
        raise
    except Exception as fault:  # noqa: BLE001  (as in a search: whatever it is, it is this trial's failure and no other's)
        error = f"{type(fault).__name__}: {fault}"
    after_s = recorder.watch.seconds - (recorder.looks[-1].train_s if recorder.looks else 0.0)
    end = None
    if result is not None:
        recorder.watch.pause()
        end = recorder.look_at(result.logits, recorder.looks[-1].step, is_epoch=True)
        if end.score != result.score:
            raise RecordingError(f"the trial ends with the score {result.score}, and its recording with {end.score}")
        if last[-1].graph is not None:
            hint = hint_of(last[-1].graph, shipped)
    return Recording(
        looks=tuple(recorder.looks),
        end=end,
        after_s=after_s,
        hint_s=hint_s,
        latency_ms=hint["latency_ms"],
        size_mb=hint["size_mb"],
        error=error,
    )


def log_probabilities(logits: Matrix) -> NDArray[np.float64]:
    """The logarithm of the softmax of `[texts, classes]`."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def cross_entropy(logits: Matrix, labels: NDArray[np.integer[Any]]) -> float:
    """The mean of `-log p(label)` of logits `[texts, classes]`."""
    return float(-log_probabilities(logits)[np.arange(len(labels)), labels].mean())


def against_teacher(logits: Matrix, teacher: Matrix) -> dict[str, float]:
    """The signals that compare logits `[texts, classes]` with a teacher's.

    They are the `agreement` of their answers, the `kl` from the teacher's probabilities to theirs, and `hard_ce`, the
    cross-entropy with the teacher's answers as labels.

    The cross-entropy with the teacher's probabilities is `kl` and the teacher's own entropy, the same for all students.
    """
    ours, theirs = log_probabilities(logits), log_probabilities(teacher)
    answers = teacher.argmax(axis=1)
    return {
        "agreement": float((logits.argmax(axis=1) == answers).mean()),
        "kl": float((np.exp(theirs) * (theirs - ours)).sum(axis=1).mean()),
        "hard_ce": cross_entropy(logits, answers),
    }


def rows_of(recording: Recording) -> list[dict[str, Any]]:
    """A row for each look, the one at the end marked."""
    rows = [{**asdict(look), "is_end": False} for look in recording.looks]
    return rows + ([{**asdict(recording.end), "is_end": True}] if recording.end else [])
