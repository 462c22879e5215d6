"""How many trials an hour the same study makes as Distune runs it and as people would, and what its cores do meanwhile.

    python -m benchmarks.speed.search [--trials 40] [--texts 3000] [--epochs 2] [--rounds 1] [--lengths 2 10 30] [--only ...]

A biLSTM of 64 units learns the built-in reviews; learning rate, temperature and the teacher's weight are searched, nothing is stopped
early. Beside Distune (TPE, journal, MLflow and all): trials of Ray Tune that each load a BERT and ask it for every batch;
plain Optuna with cached logits in a process for each core; and `Trainer.hyperparameter_search` of transformers, in one
process by Optuna and over the cores by Ray (`pip install accelerate`, in another environment; left out without it). The BERT has
the demo teacher's shape and random weights: its answers are thrown away, and all learn from the shipped logits. Distune's
wall time has the filling of its cache in it. Then trials of Distune of some lengths, in seconds: the share of the cores' time that
trials have, in the whole search and between its first and last trials, and the share of a trial that is training steps.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import yaml
from rich.console import Console

from benchmarks.cluster.scheduling import run
from benchmarks.speed.search_peers import HIDDEN, PEERS, RATES, TEMPERATURES, WEIGHTS, Given, Search, missing
from benchmarks.speed.teacher_cache import SHAPES, fillings, teacher_of
from benchmarks.speed.training import part_of
from benchmarks.speed.training_peers import BATCH
from distune.corpora.places import Place
from distune.corpora.tokens import ragged
from distune.models.teacher.tokenizing import quiet_transformers
from distune.tuning.report.lines import lines_on
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.speed.latency import cpu_name
from distune.tuning.storage.paths import Layout
from distune.tuning.storage.records import records_in
from distune.tuning.storage.searches import searches_of
from distune.tuning.study.file import Study
from distune.tuning.study.points import midpoint
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import run_trial
from distune.tuning.trial.training import TrainingState

EPOCHS, CALIBRATED = 3, 640
"""Of trials of some length, and the rows of the one that is timed first."""
SPACE = {
    "learning_rate": {"log": list(RATES)},
    "loss": {
        "kd_weight": {"between": list(WEIGHTS)},
        "teacher_term": {"kind": "kl", "temperature": {"log": list(TEMPERATURES)}},
    },
}
Figures = dict[str, Any]


def study_of(path: Path, n_trials: int, epochs: int, root: Path) -> Study:
    """The study that all run, with Distune's own files under `root`."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    blocks = {key: document["trial"][key] for key in ("tokens", "vectors") if key in document["trial"]}
    student = {"kind": "bilstm", "hidden_size": HIDDEN, "dropout": 0.2}
    return Study(
        {
            **document,
            "storage": str(root / "storage"),
            "trial": {**blocks, **SPACE, "student": student, "epochs": epochs},
            "search": {"trials": n_trials, "objectives": ["accuracy"], "scheduler": "none", "finalists": 1, "seeds": 1},
            "cluster": {"cpus_per_trial": 1, "concurrent_trials": cores()},
            "tracking": {"uri": f"sqlite:///{root / 'mlflow.db'}"},
        }
    )


def cores() -> int:
    return len(os.sched_getaffinity(0))


def cut(prepared: Prepared, n_rows: int) -> Prepared:
    """The same, with so many rows to learn from, and a quarter as many of dev."""
    inputs = {}
    for key, one in prepared.inputs.items():
        data = part_of(one.data, n_rows)
        dev = ragged([row.tolist() for row in itertools.islice(iter(data.dev), max(1, n_rows // 4))])
        inputs[key] = replace(one, data=replace(data, dev=dev, dev_labels=data.dev_labels[: len(dev)]))
    return replace(prepared, inputs=inputs)


def distune(given: Given, prepared: Prepared) -> list[float]:
    """The cache filled, and the whole search; what its trials reached on dev."""
    fillings(given.teacher, given.texts)["distune"]()
    run(prepared)
    config = prepared.study.config
    folder = searches_of(Layout(Place(config.storage)), config.name)[-1]
    return [record.score or 0.0 for record in records_in(config, folder)]


def compare(prepared: Prepared, options: argparse.Namespace, scratch: Path) -> Figures:
    """Each contender's search: its seconds, trials an hour, and how many times as long it took as Distune's."""
    corpus, data = prepared.corpus, next(iter(prepared.inputs.values())).data
    every = (*corpus.train.texts, *corpus.transfer.texts)
    texts = [every[i] for i in np.sort(np.random.default_rng(7).permutation(len(every))[: options.texts])]
    quiet_transformers()
    teacher = teacher_of(options.shape, texts)
    teacher.models[0].save_pretrained(scratch / "teacher")
    teacher.tokenizer.save_pretrained(scratch / "teacher")
    given = Given(data, texts, teacher, scratch / "teacher", options.epochs, options.trials, cores())
    searches: dict[str, Search] = {"distune": partial(distune, prepared=prepared)}
    searches |= {name: search for name, search in PEERS.items() if name not in missing()}
    wanted = [name for name in searches if name in (options.only or searches)]
    rounds: list[dict[str, Attempt]] = []
    for _ in range(options.rounds):
        rounds.append({name: attempt(name, searches[name], given) for name in wanted})
    return {name: summary(name, rounds) for name in wanted}


@dataclass(frozen=True)
class Attempt:
    """One run of a search: the seconds for each of its trials, and what they reached on dev; or why it failed."""

    trial_s: float
    reached: list[float]
    failed: str = ""


def attempt(name: str, search: Search, given: Given) -> Attempt:
    start = time.perf_counter()
    try:
        reached = search(given)
    except Exception as error:
        if name == "distune":
            raise
        # Other versions of other people's packages: the rest is worth its figures.
        return Attempt(math.nan, [], f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
    seconds = time.perf_counter() - start
    print(f"{name:30} {len(reached)} trials in {seconds:.1f} s", flush=True)
    return Attempt(seconds / len(reached), reached)


def summary(name: str, rounds: Sequence[Mapping[str, Attempt]]) -> Figures:
    """Medians over the rounds; `distune_times` is the median of the rounds' ratios."""
    own = [one[name] for one in rounds]
    if failed := [one.failed for one in own if one.failed]:
        print(f"{name:30} failed: {failed[0]}")
        return {"failed": failed[0]}
    trial_s = statistics.median(one.trial_s for one in own)
    figures: Figures = {
        "trials": len(own[0].reached),
        "trial_s": float(f"{trial_s:.3g}"),
        "trials_per_hour": round(3600 / trial_s),
        "best": round(statistics.median(max(one.reached) for one in own), 4),
    }
    if "distune" in rounds[0]:
        figures["distune_times"] = round(
            statistics.median(one[name].trial_s / one["distune"].trial_s for one in rounds), 2
        )
    print(f"{name:30} {figures}")
    return figures


def steps_share(config: TrialConfig, data: TrialData) -> tuple[float, float]:
    """Seconds of a whole trial in this process, and the share of them that are training steps."""
    spent, step = 0.0, TrainingState.step

    def timed(*arguments: Any) -> Any:
        nonlocal spent
        start = time.perf_counter()
        found = step(*arguments)
        spent += time.perf_counter() - start
        return found

    with patch.object(TrainingState, "step", timed):
        start = time.perf_counter()
        run_trial(config, data, lambda report: None)
        whole = time.perf_counter() - start
    return whole, spent / whole


def shares(
    wall_s: float, ended_s: Sequence[float], trained_s: Sequence[float], n_cores: int
) -> tuple[float, float | None]:
    """The share of the cores' time that trials have: of the whole search, and from when each core has ended one until each
    begins its last."""
    whole = sum(trained_s) / (n_cores * wall_s)
    if len(ended_s) <= 2 * n_cores:
        return whole, None
    between_s = ended_s[-1 - n_cores] - ended_s[n_cores - 1]
    return whole, sum(trained_s[n_cores:-n_cores]) / (n_cores * between_s)


def lengths(prepared: Prepared, options: argparse.Namespace, scratch: Path) -> list[Figures]:
    """The shares of the cores' time, and of a trial's, that go into training, for trials of several lengths in seconds."""
    config = TrialConfig.model_validate({**midpoint(prepared.study.space), "epochs": EPOCHS})
    n_all = len(next(iter(prepared.inputs.values())).data.train)
    small = cut(prepared, CALIBRATED)
    whole_s, _ = steps_share(config, next(iter(small.inputs.values())).data)
    found = []
    for seconds in options.lengths:
        n_epochs_rows = seconds * EPOCHS * CALIBRATED / whole_s
        n_rows = int(min(n_all, max(BATCH, n_epochs_rows / EPOCHS)))
        epochs = max(EPOCHS, round(n_epochs_rows / n_rows))
        study = study_of(options.study, options.trials_of_lengths * cores(), epochs, scratch / f"{seconds:g}")
        there = cut(replace(prepared, study=study), n_rows)
        whole_s_here, steps = steps_share(
            config.model_copy(update={"epochs": epochs}), next(iter(there.inputs.values())).data
        )
        wall_s, ended_s, trained_s = run(there)
        busy, steady = shares(wall_s, ended_s, trained_s, cores())
        found.append(
            {
                "wanted_s": seconds,
                "rows": n_rows,
                "epochs": epochs,
                "trials": len(trained_s),
                "trial_s": float(f"{statistics.median(trained_s):.3g}"),
                "alone_s": round(whole_s_here, 2),
                "wall_s": round(wall_s, 1),
                "trials_share": round(busy, 3),
                "steady_share": steady and round(steady, 3),
                "steps_share": round(steps, 3),
            }
        )
        print(found[-1], flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("examples/reviews.yaml"))
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="in each of which all take turns")
    parser.add_argument("--shape", choices=list(SHAPES), default="small", help="of the teacher")
    parser.add_argument("--only", nargs="*", choices=["distune", *PEERS])
    parser.add_argument("--lengths", type=float, nargs="*", default=[2, 10, 30], help="seconds; none leaves them out")
    parser.add_argument("--trials-of-lengths", type=int, default=8, help="for each core")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name, package in missing().items():
        print(f"{name} is left out: the package {package} is not installed")
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        with lines_on(Console()):
            prepared = prepare(read_study(study_of(options.study, options.trials, options.epochs, scratch)))
        # First, so that what other people's packages leave in this process cannot cost them.
        of_lengths = lengths(prepared, options, scratch) if options.lengths else []
        searches = compare(cut(prepared, options.texts), options, scratch)
    settings = {name: getattr(options, name) for name in ("trials", "texts", "epochs", "shape", "rounds")}
    print(
        json.dumps(
            {
                "cpu": cpu_name(),
                "cores": cores(),
                "load": round(os.getloadavg()[0], 1),
                **settings,
                "left_out": missing(),
                "searches": searches,
                "lengths": of_lengths,
            }
        )
    )


if __name__ == "__main__":
    main()
