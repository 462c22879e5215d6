"""After the search: the best few are retrained with several seeds, each together with its plain twin; a rule picks
one."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from distune.cluster.runner import Runner
from distune.corpora import encoding
from distune.models.checkpoint import Checkpoint, save_checkpoint
from distune.models.network import open_session, run_network
from distune.models.students.student import student_logits
from distune.tuning.champion.decisions import scaled_decision_of
from distune.tuning.champion.dev_profile import profile_of_rows
from distune.tuning.speed.figures import Latency
from distune.tuning.storage.records import TrialRecord, pareto_front
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.rule import ChampionConfig, rank
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs
from distune.tuning.trial.run import TrialResult
from distune.tuning.trial.tasks import TrainingData, train_one

_log = logging.getLogger(__name__)
ONNX_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Finalist:
    """A trial chosen for its place on the front, with what its retrained students reached on dev, one for each seed."""

    record: TrialRecord
    distilled: tuple[TrialResult, ...]
    plain: tuple[TrialResult, ...]

    @property
    def score(self) -> float:
        """Mean score on dev over the seeds."""
        return float(np.mean([result.score for result in self.distilled]))

    @property
    def best(self) -> TrialResult:
        """The seed that is best on dev; this one is kept and timed."""
        return max(self.distilled, key=lambda result: result.score)


def select(
    records: Sequence[TrialRecord], rule: ChampionConfig, teacher_score: float, n_finalists: int
) -> list[TrialRecord]:
    """The few distilled trials that are nearest to winning by the rule. Those that meet it come before those that do
    not, and in each group the Pareto front comes first. A trial that is best by one figure alone was often lucky in it.

    Trials of the plain student are none of them, as they are what the finalists are compared with.
    """
    distilled = [record for record in records if record.state == "complete" and not record.config.loss.is_plain]
    front = {record.number for record in pareto_front(distilled)}

    def nearness(record: TrialRecord) -> tuple[bool, bool, tuple[bool, float, float]]:
        key = _rank(record, rule, teacher_score)
        fails, *_ = key
        return fails, record.number not in front, key

    return sorted(distilled, key=nearness)[:n_finalists]


def _rank(record: TrialRecord, rule: ChampionConfig, teacher_score: float) -> tuple[bool, float, float]:
    score = -math.inf if record.score is None else record.score
    latency_ms = float("inf") if record.latency_ms is None else record.latency_ms
    return rank(score, latency_ms, rule, teacher_score)


def train_finalists(
    chosen: Sequence[TrialRecord],
    records: Sequence[TrialRecord],
    config: StudyConfig,
    inputs: Mapping[str, Inputs],
    runner: Runner,
    told: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> list[Finalist]:
    """Retrain each with every seed, and once for each architecture and seed its plain twin; `records` are all trials, whose seeds
    no finalist has; `told` hears how many of how many trainings are done."""
    n_seeds, metric = config.search.seeds, config.metric.title
    taken = {record.config.seed for record in records}
    of_each = [
        (_seeded(record.config, n_seeds, taken), _seeded(record.config.plain(), n_seeds, taken)) for record in chosen
    ]  # Two finalists may have the same plain twin.
    runs = {run.model_dump_json(): run for seeded in of_each for of_kind in seeded for run in of_kind}
    keys, trials = list(runs), _trials_of(chosen, of_each)
    shared = TrainingData({key: one.data for key, one in inputs.items()}, config.cluster.threads)
    results: dict[str, TrialResult] = {}
    told(0, len(runs))
    for index, result in runner.each(train_one, runs.values(), shared):
        run, results[keys[index]] = runs[keys[index]], result
        told(len(results), len(runs))
        kind = "plain" if run.loss.is_plain else "distilled"
        _log.info(
            f"finalists: {len(results)}/{len(runs)} trained, {kind} {run.student.kind} of {trials[keys[index]]} (seed {run.seed}): "
            f"dev {metric} {result.score:.4f}"
        )
    return [
        Finalist(record, *(tuple(results[run.model_dump_json()] for run in of_kind) for of_kind in seeded))
        for record, seeded in zip(chosen, of_each, strict=True)
    ]


def _trials_of(chosen: Sequence[TrialRecord], of_each: Sequence[Sequence[Sequence[TrialConfig]]]) -> dict[str, str]:
    """The trials for which each training is done, by its key: "trial 4", or "trials 4, 7" for a plain twin of both."""
    numbers: dict[str, list[int]] = {}
    for record, seeded in zip(chosen, of_each, strict=True):
        for key in dict.fromkeys(run.model_dump_json() for of_kind in seeded for run in of_kind):
            numbers.setdefault(key, []).append(record.number)
    return {key: f"trial{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}" for key, found in numbers.items()}


def _seeded(config: TrialConfig, n_seeds: int, taken: Collection[int]) -> list[TrialConfig]:
    """A config with each of the next seeds that no trial has had: by the one it was chosen with it would look better than it is."""
    new = (seed for seed in itertools.count(config.seed + 1) if seed not in taken)
    return [config.model_copy(update={"seed": seed}) for seed in itertools.islice(new, n_seeds)]


def save_finalist(
    finalist: Finalist, study: StudyConfig, inputs: Inputs, labels: tuple[str, ...], folder: Path
) -> Path:
    """Write the checkpoint folder of a finalist's best seed, which has learnt from these inputs.

    Raises ArithmeticError when `model.onnx` answers a dev text otherwise than torch does, by more than 1e-4.
    """
    config, best = finalist.record.config, finalist.best
    by = scaled_decision_of(best, inputs.data, study.champion)
    fitted = f"temperature 1: {by.note}" if by.note else f"temperature {by.decision.temperature:g}, fitted on dev"
    _log.info(f"finalists: the probabilities of trial {finalist.record.number} have {fitted}")
    checkpoint = Checkpoint(
        trained=best.trained,
        tokens=inputs.encoder.settings,
        vocabulary=inputs.vocabulary,
        dimension=inputs.data.vectors.shape[1],
        labels=labels,
        quantized=best.quantized,
        trial=config.model_dump(mode="json"),
        decision=by.decision,
        dev_profile=profile_of_rows(by.decision, best.logits(inputs.data.dev), inputs),
    )
    card = f"# {study.name}, trial {finalist.record.number}\n"
    save_checkpoint(checkpoint, folder, card, Path(encoding.__file__))
    # A quantized graph answers otherwise by design; its score was measured as it is served.
    difference = 0.0 if best.quantized else onnx_difference(best.student, folder, inputs)
    if difference > ONNX_TOLERANCE:
        raise ArithmeticError(f"{folder / 'model.onnx'} differs from torch by {difference:.2g} on a dev text")
    return folder


def onnx_difference(student: nn.Module, folder: Path, inputs: Inputs) -> float:
    """The largest difference between a logit of ONNX Runtime and of torch, over all dev texts."""
    rows = inputs.data.dev
    session = open_session(str(folder / "model.onnx"))
    answers = [run_network(session, [r.tolist() for r in rows[i : i + 32]]) for i in range(0, len(rows), 32)]
    return float(np.abs(np.concatenate(answers) - student_logits(student, rows)).max())


def choose_champion(
    finalists: Sequence[Finalist], latencies: Sequence[Latency], rule: ChampionConfig, teacher_score: float
) -> int | None:
    """The index of the finalist that wins by the rule, on the score on dev and measured latency; None if no finalist
    meets it."""
    keys = [
        rank(finalist.score, latency.p50_ms, rule, teacher_score)
        for finalist, latency in zip(finalists, latencies, strict=True)
    ]
    best = min(range(len(keys)), key=keys.__getitem__)
    return None if keys[best][0] else best
