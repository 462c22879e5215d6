"""What a search costs as its trials and its corpus grow, on this machine; nothing may grow faster than they do.

    python -m benchmarks.cluster.growth [--trials 100 1000 5000] [--samplers tpe random] [--texts 10000 100000 1000000] [--at-once 4]

Trials that do nothing, by Ray Tune with the journal and MLflow (SQLite) written as ever: seconds of the driver for each, over the
first and over the last hundred, what the driver grows by, and what is on the disk. Corpora of short texts under a teacher
that answers at once: filling its cache, opening it, its first batch of 64, and what trials that read so many rows at once hold
of them together by PSS, and each of its own. An exponent says how a cost grows from the smallest size to the largest: 1 is
linear, 0 constant. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.cluster.growth_corpus import Figures, cached, memory_mb, trained, watched
from benchmarks.cluster.scheduling import do_nothing, run, study_of
from distune.cluster.config import ClusterConfig
from distune.cluster.connection import connected
from distune.tuning.search import run as search
from distune.tuning.search.preparation import prepare
from distune.tuning.search.reading import read_study
from distune.tuning.speed.latency import cpu_name

HUNDRED = 100
TRIAL_COSTS = ("driver_s", "last_s", "driver_growth_mb", "journal_mb", "mlflow_mb")
TEXT_COSTS = ("fill_s", "open_ms", "first_batch_ms", "size_mb", "actor_mb", "driver_growth_mb")
ROW_COSTS = ("store_pss_mb", "own_mb_mean", "seconds")


def without_training(n: int, sampler: str) -> Figures:
    """A search of n trials that do nothing: the driver's seconds for each, its growth, and what it leaves on the disk."""
    with tempfile.TemporaryDirectory() as scratch, patch.object(search, "trial_on_worker", do_nothing):
        study = study_of(Path(scratch), n, 1)
        searched = study.config.search.model_copy(update={"sampler": sampler})
        prepared = prepare(read_study(replace(study, config=study.config.model_copy(update={"search": searched}))))
        before_mb = memory_mb("self")["own"]
        # To look takes this process some 50 ms, which are not to be the driver's.
        with watched(lambda: memory_mb("self")["own"] - before_mb, every_s=3) as seen:
            _, ended_s, _ = run(prepared)
        journal = sum(path.stat().st_size for path in Path(scratch).glob("storage/searches/*/*/journal/*"))
        mlflow = sum(path.stat().st_size for path in Path(scratch).glob("mlflow.db*"))
    part = max(1, min(HUNDRED, len(ended_s) // 2))
    return {
        "trials": n,
        "sampler": sampler,
        "driver_s": round((ended_s[-1] - ended_s[0]) / max(1, n - 1), 4),
        "first_s": round((ended_s[part] - ended_s[0]) / part, 4),
        "last_s": round((ended_s[-1] - ended_s[-1 - part]) / part, 4),
        "driver_growth_mb": round(max(seen, default=0.0), 1),
        "journal_mb": round(journal / 1e6, 3),
        "mlflow_mb": round(mlflow / 1e6, 3),
    }


def alone(measure: Callable[..., Figures], *arguments: Any) -> Figures:
    """Measure in a process of its own: what an earlier search has freed would be memory that a later one does not grow by."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, *arguments).result()


def exponents(figures: Sequence[Mapping[str, float]], size: str, costs: Sequence[str]) -> dict[str, float]:
    """How each cost grows with the size, from the first of the figures to the last."""
    first, last = figures[0], figures[-1]
    if len(figures) < 2 or first[size] == last[size]:
        return {}
    growth = math.log(last[size] / first[size])
    return {
        cost: round(math.log(max(last[cost], 1e-9) / max(first[cost], 1e-9)) / growth, 2)
        for cost in costs
        if first[cost] > 0 and last[cost] > 0
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="*", default=[100, 1000, 5000])
    parser.add_argument("--samplers", nargs="+", choices=["tpe", "random", "nsga2"], default=["tpe", "random"])
    parser.add_argument("--texts", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--at-once", type=int, default=4, help="trials that read a corpus together; 0 leaves them out")
    options = parser.parse_args(arguments)
    growing: dict[str, dict[str, float]] = {}
    trials: list[Figures] = []
    for sampler in options.samplers:
        found = [say(alone(without_training, n, sampler)) for n in options.trials]
        growing |= {f"trials, {sampler}": exponents(found, "trials", TRIAL_COSTS)} if found else {}
        trials += found
    texts: list[Figures] = []
    if options.texts:
        with connected(ClusterConfig()):
            texts = [say(cached(n)) for n in options.texts]
        growing["texts"] = exponents(texts, "texts", TEXT_COSTS)
    rows = [say(trained(n, options.at_once)) for n in options.texts if options.at_once]
    if rows:
        growing["rows"] = exponents(rows, "rows", ROW_COSTS)
    print(
        json.dumps(
            {
                "cpu": cpu_name(),
                "load": round(os.getloadavg()[0], 1),
                "trials": trials,
                "texts": texts,
                "rows": rows,
                "exponents": growing,
            }
        )
    )


def say(figures: Figures) -> Figures:
    print(figures, flush=True)
    return figures


if __name__ == "__main__":
    main()
