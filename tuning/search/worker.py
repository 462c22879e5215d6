"""One trial in a worker of the cluster: its savepoint, the request to skip it, and what it reports.

Workers import this file. It imports no transformers, gensim or mlflow, because each worker would need seconds for that.
"""

from __future__ import annotations

import contextlib
import math
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from distune._plug_files import PlugFile
from distune.corpora.away import AwayError
from distune.corpora.disk import disk_error
from distune.models.compression.apply import compress
from distune.models.compression.trained import CalibrationData, Trained
from distune.tuning.search.attempt import deadline, logged
from distune.tuning.speed.latency import network_hint_ms
from distune.tuning.storage.paths import Folder, TrialPlace
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs, TrialData, inputs_key
from distune.tuning.trial.plugs import plug_in
from distune.tuning.trial.run import EpochReport, run_trial
from distune.tuning.trial.training import Savepoint, Tensors

FAR_OVER_BUDGET = 2.0
"""A hint shares its cores with other trials: only a hint beyond this multiple of the budget counts."""
SAVING_SHARE = 0.1
CHEAP_SAVING_S = 0.1
LOOKED_FOR_EVERY_S = 1.0
"""The seconds between a worker's requests to a storage that is not a path, to see whether it must skip its trial."""
LOOKING_SHARE = 0.1
"""How much of a training these requests may take: one to a storage that says nothing takes half a minute."""
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The arguments of a trial's worker in addition to the trial itself."""

    folder: Folder
    threads: int
    budget_ms: float | None
    """The champion rule's `max_latency_ms`."""
    timeout_s: float | None
    plugs: tuple[PlugFile, ...] = ()
    """The study's own files, by their content."""


@dataclass(frozen=True)
class WorkerInputs:
    """The part of an `Inputs` that goes to the workers: the data, without the encoder."""

    data: TrialData
    encode_ms: float

    @classmethod
    def of(cls, inputs: Inputs) -> WorkerInputs:
        return cls(inputs.data, inputs.encode_ms)


def trial_on_worker(proposal: dict[str, Any], inputs: dict[str, WorkerInputs], assignment: Assignment) -> None:
    """The function that Ray Tune calls."""
    from ray import tune

    work(proposal, inputs, assignment, tune.report)


def work(proposal: dict[str, Any], inputs: dict[str, WorkerInputs], assignment: Assignment, report: Report) -> None:
    """Run the trial of a proposal. A failure is reported and not raised, so that the worker serves the next trial."""
    torch.set_num_threads(assignment.threads)
    place = assignment.folder.trial(proposal["number"])
    try:
        with logged(place) as log:
            if place.timed_out.is_file():
                report({"failed": place.timed_out.read_text()})
                return
            with deadline(assignment.timeout_s, place, log):
                _train(proposal, inputs, assignment, report, place)
    except SkippedError as skipped:
        report({"skipped": str(skipped)})
    except AwayError as away:
        report({"away": f"{away} (on {socket.gethostname()})"})  # No fault of the trial either.
    except Exception as error:  # noqa: BLE001  (whatever it is, it is this trial's failure and no other's)
        if (full := disk_error(error, place.log.path or Path(tempfile.gettempdir()))) is not None:
            report({"disk": f"{full} (on {socket.gethostname()})"})  # No fault of the trial: it is to go on later.
        else:
            report({"failed": traceback.format_exc()})


class SkippedError(Exception):
    """There is a request to end the trial."""


def skips_at(place: TrialPlace) -> Callable[[], None]:
    """Raises SkippedError when it is called after a request to skip the trial."""
    looked_s, every_s = -math.inf, LOOKED_FOR_EVERY_S if place.skip.path is None else 0.0
    request = replace(place.skip, patience_s=0.0)

    def look() -> None:
        nonlocal looked_s, every_s
        start = time.monotonic()
        if start - looked_s < every_s:
            return
        with contextlib.suppress(AwayError):  # A training waits for no storage that it does not need.
            if request.is_file():
                raise SkippedError(request.read_text())
        looked_s = time.monotonic()
        if request.path is None:
            every_s = max(LOOKED_FOR_EVERY_S, (looked_s - start) / LOOKING_SHARE)

    return look


def _train(
    proposal: dict[str, Any], inputs: dict[str, WorkerInputs], assignment: Assignment, report: Report, place: TrialPlace
) -> None:
    look = skips_at(place)
    look()
    plug_in(assignment.plugs)
    config = TrialConfig.model_validate(proposal["trial"])
    shipped, budget_ms = inputs[inputs_key(config)], assignment.budget_ms
    hint = proposal["hint"] or hint_for(config, shipped)
    if budget_ms is not None and hint["latency_ms"] > FAR_OVER_BUDGET * budget_ms:
        report({"infeasible": True, "over_budget_ms": hint["latency_ms"] - budget_ms, **hint})
        return

    def tell(epoch: EpochReport) -> None:
        metrics = {
            "epoch": epoch.epoch,
            "loss": epoch.loss,
            "score": epoch.score,
            "best_score": epoch.best_score,
            **hint,
        }
        if epoch.graph is not None:
            metrics["compressed_score"] = float(epoch.compressed_score or 0.0)
            metrics |= hint_of(epoch.graph, shipped)
        report(metrics)
        if epoch.epoch < config.epochs:
            look()

    savepoint = savepoint_at(place)

    def load_aloud() -> Tensors | None:
        if (kept := savepoint.load()) is not None:
            print(f"goes on after epoch {int(kept['figures/epoch'])}")
        return kept

    start = time.monotonic()
    run_trial(config, shipped.data, tell, replace(savepoint, load=load_aloud))
    print(f"trained for {time.monotonic() - start:.2f} s")


def hint_for(config: TrialConfig, shipped: WorkerInputs) -> dict[str, float]:
    """The hint about the student of a configuration before its training, as `hint_of` gives it."""
    data = shipped.data
    untrained = Trained(config.student.build(data.vectors, data.n_classes).eval(), config.student)
    return hint_of(compress(untrained, [config.compression], CalibrationData(data.train)).graph, shipped)


def hint_of(graph: bytes, shipped: WorkerInputs) -> dict[str, float]:
    """`latency_ms` from raw text to label, timed while other work runs, and `size_mb` of a graph."""
    latency_ms = shipped.encode_ms + network_hint_ms(graph, shipped.data.dev)
    return {"latency_ms": latency_ms, "size_mb": len(graph) / 1e6}


def savepoint_at(place: TrialPlace) -> Savepoint:
    """Keeps a training in the storage after each epoch, but spends no more than a tenth of the time on it."""
    saved_s, cost_s = time.monotonic(), 0.0

    def read() -> Tensors | None:
        try:
            return dict(load(place.training.read_bytes()))
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError) as error:
            print(f"{place.training} is damaged ({error}); the training begins again", file=sys.stderr)
            return None

    def write(state: Callable[[], Tensors]) -> None:
        nonlocal saved_s, cost_s
        start = time.monotonic()
        if cost_s > max(CHEAP_SAVING_S, SAVING_SHARE * (start - saved_s)):
            return
        try:
            replace(place.training, patience_s=0.0).write_bytes(save(state()), durable=False)
        except OSError as error:  # Whoever cannot keep this epoch may keep the next.
            print(f"the training could not be kept: {error}", file=sys.stderr)
        saved_s = time.monotonic()
        cost_s = saved_s - start

    return Savepoint(read, write)
