"""How fast a trial trains a biLSTM on the reviews, beside what people would write or use instead; on one core.

    python -m benchmarks.speed.training [--hidden 64 150 300] [--texts 2560] [--epochs 2] [--rounds 3]

The same student (dropout 0.2, mean pooling, vectors of 100) learns from the same texts and cached logits, in as many steps of 64
texts at the same learning rates: as a trial does, as a plain loop does (shuffled batches padded to their longest, Adam over the
whole table), once as most people write it, which lets the backward direction read the padding, and once with packed sequences, as
TextBrewer's GeneralDistiller does and as the Trainer of transformers does. Those two are given the unpacked network, which is
faster, and left out where they are not installed (`pip install textbrewer accelerate`, in another environment). Where the CPU
computes in bf16, in which a trial then learns, it takes a turn in float32 as well, as all others do.

Timed is training alone, in seconds of the CPU, in which other work on the machine counts little, and of the clock. Each contender
first takes three steps that are not counted. Then they take turns, every second round in the opposite order; texts/s are
medians over the rounds, ratios medians of the rounds' ratios, accuracy is of dev, the mean over the rounds, each with a seed
of its own. All have the memory that a trial keeps. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from benchmarks.speed.training_peers import BATCH, Seconds, Task, accuracy, contenders
from distune.corpora.tokens import ragged
from distune.models.training.loop import keep_freed_memory
from distune.tuning.report.lines import lines_on
from distune.tuning.search.preparation import prepare
from distune.tuning.search.reading import read_study
from distune.tuning.speed.latency import cpu_name
from distune.tuning.study.file import load_study
from distune.tuning.trial.data import TrialData


def part_of(data: TrialData, n: int) -> TrialData:
    """So many rows, drawn by a seed, with as large a part of them labelled as of all."""
    rows = np.sort(np.random.default_rng(7).permutation(len(data.train))[:n])
    return replace(
        data,
        train=ragged([data.train[row].tolist() for row in rows]),
        labels=data.labels[rows],
        iterations=data.iterations[rows],
        teacher_logits=data.teacher_logits[:, rows],
        teacher_hidden=data.teacher_hidden[rows],
    )


def measure(data: TrialData, hidden: int, epochs: int, rounds: int) -> dict[str, Any]:
    taken: dict[str, list[Seconds]] = {name: [] for name in contenders()}
    right: dict[str, list[float]] = {name: [] for name in taken}
    small = part_of(data, 3 * BATCH)
    for contender in contenders().values():
        contender(Task(small, hidden, 1, 1))
    for seed in range(1, rounds + 1):
        turns = list(contenders().items())
        for name, contender in turns if seed % 2 else reversed(turns):
            torch.manual_seed(seed)
            seconds, model = contender(Task(data, hidden, epochs, seed))
            taken[name].append(seconds)
            right[name].append(accuracy(model, data))
    figures = {}
    for name, found in taken.items():
        figures[name] = {
            "accuracy": round(float(np.mean(right[name])), 4),
            **{
                figure: value
                for kind in ("cpu", "wall")
                for figure, value in speeds(
                    epochs * len(data.train),
                    [getattr(one, kind) for one in found],
                    [getattr(one, kind) for one in taken["distune"]],
                    kind,
                ).items()
            },
        }
        print(f"hidden {hidden:3} {name:18} {figures[name]}", flush=True)
    return figures


def speeds(texts: int, taken: list[float], of_distune: list[float], kind: str) -> dict[str, float]:
    """Texts/s, how many times as long distune's seconds it took, and the smallest and largest of that."""
    times = np.divide(taken, of_distune)
    return {
        f"texts_per_{kind}_s": round(texts / float(np.median(taken))),
        f"{kind}_times_distune": round(float(np.median(times)), 2),
        f"{kind}_times_from": round(float(times.min()), 2),
        f"{kind}_times_to": round(float(times.max()), 2),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 150, 300])
    parser.add_argument("--texts", type=int, default=2560)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    with lines_on(Console()):
        prepared = prepare(read_study(load_study(Path("examples/reviews.yaml"))))
    data = part_of(next(iter(prepared.inputs.values())).data, options.texts)
    found = {str(hidden): measure(data, hidden, options.epochs, options.rounds) for hidden in options.hidden}
    load = round(os.getloadavg()[0], 1)
    settings = {"texts": len(data.train), "epochs": options.epochs, "rounds": options.rounds}
    print(json.dumps({"cpu": cpu_name(), "load": load, **settings, "hidden": found}))


if __name__ == "__main__":
    main()
