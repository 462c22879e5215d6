"""What an answer costs on one thread, from raw text: our students beside what people serve instead.

    taskset -c 1 python -m benchmarks.speed.inference [--timed-texts 200] [--processes 3] [--shapes BERT-base TinyBERT]

Students of three families learn the reviews by the teacher's logits, and are compressed. TF-IDF, fastText and model2vec learn the
same texts by their labels, or where there is none by the teacher's class; the last two are left out where they are not
installed (`pip install fasttext-wheel model2vec`, in another environment). BERT's shapes have random weights, and no
accuracy. All answer in one run, taking turns: one text at a time, and batches of 32 and of 256. What loading costs, and the
memory, are of fresh processes (see `benchmarks/speed/peers.py`); accuracy is of dev. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.speed import peers_made
from benchmarks.speed.peers import Answer, Classes, opened
from benchmarks.speed.peers_made import lesson, missing, save_berts
from benchmarks.tables.families import LOSSES, save
from distune.models.compression.apply import compress
from distune.models.compression.config import (
    AnyCompressionConfig,
    EmbeddingInt8Config,
    Int8Config,
    LowRankConfig,
    PruneUnitsConfig,
)
from distune.models.compression.trained import CalibrationData
from distune.tuning.report.lines import lines_on
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.speed.contenders import onnx_contender
from distune.tuning.speed.latency import Contender, cpu_name, one_thread, time_contenders
from distune.tuning.study.file import load_study
from distune.tuning.study.points import midpoint
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import inputs_key
from distune.tuning.trial.run import fine_tuner, run_trial

ROOT = Path(__file__).resolve().parents[2]
INT8, TABLE_INT8 = Int8Config(kind="int8"), EmbeddingInt8Config(kind="embedding_int8")
NGRAMS = {"kind": "characters", "max_tokens": 128, "max_ngram": 2, "max_vocabulary": 60_000}
AVERAGE = {"kind": "average", "hidden_layer": 128}
STUDENTS: dict[str, tuple[dict[str, Any], dict[str, AnyCompressionConfig]]] = {
    "average": ({"student": AVERAGE}, {"int8": INT8, "int8 table": TABLE_INT8}),
    "average of n-grams": ({"student": AVERAGE, "tokens": NGRAMS}, {"int8 table": TABLE_INT8}),
    "textcnn": ({"student": {"kind": "textcnn", "filters": 64}}, {"int8": INT8}),
    "bilstm-64": (
        {"student": {"kind": "bilstm", "hidden_size": 64}},
        {
            "int8": INT8,
            "pruned": PruneUnitsConfig(kind="prune_units", keep=0.5, epochs=1),
            "low-rank": LowRankConfig(kind="low_rank", energy=0.8),
        },
    ),
}
"""Blocks in place of the study's own, and the ways to compress what they make."""
LARGE, TURNS, LONG_S = 256, 5, 2.0
Figures = dict[str, dict[str, Any]]


def save_students(prepared: Prepared, epochs: int, root: Path) -> dict[str, Path]:
    """The folder of each student as it was trained, and of each way to compress it."""
    folders = {}
    for name, (blocks, compressions) in STUDENTS.items():
        config = TrialConfig.model_validate(
            {
                **midpoint(prepared.study.space),
                "loss": LOSSES["KL, T = 2"],
                "learning_rate": 3e-3,
                "epochs": epochs,
                "seed": 1,
                **blocks,
            }
        )
        known = inputs_key(config) in prepared.inputs
        inputs = (prepared if known else prepare(read_study(prepared.study, only=config))).of(config)
        result = run_trial(config, inputs.data, lambda report: None)
        folders[name] = save(prepared, inputs, result, root / name)
        for title, compression in compressions.items():
            small = compress(
                result.trained, [compression], CalibrationData(inputs.data.train, fine_tuner(config, inputs.data))
            )
            quantized = None if small.is_exact else small.graph
            smaller = replace(result, trained=small.trained, quantized=quantized)
            folders[f"{name} {title}"] = save(prepared, inputs, smaller, root / f"{name} {title}")
    return folders


def save_peers(prepared: Prepared, shapes: Sequence[str], root: Path) -> dict[str, Path]:
    """The folder of each peer that can be had here."""
    given, left_out, folders = lesson(prepared), missing(), {}
    for name, (_, make) in peers_made.TRAINED.items():
        if name not in left_out:
            folders[name] = root / name
            make(given, folders[name])
    for shape in shapes:
        folders |= save_berts(shape, prepared.corpus.dev.texts, len(prepared.corpus.labels), root)
    return folders


def peer_contender(answer: Answer) -> Contender:
    return Contender({"answer": lambda text: int(answer([text])[0])}, answer)


def large_batches(contenders: Mapping[str, Contender], texts: Sequence[str]) -> dict[str, list[float]]:
    """Texts a second in batches of 256, taking turns; whoever needs more than two seconds for one has a single turn."""
    batch = [texts[i % len(texts)] for i in range(LARGE)]
    found: dict[str, list[float]] = {name: [] for name in contenders}
    with one_thread():
        for turn in range(TURNS):
            names = list(contenders)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                if found[name] and LARGE / found[name][-1] > LONG_S:
                    continue
                start = time.perf_counter()
                contenders[name].batch(batch)
                found[name].append(LARGE / (time.perf_counter() - start))
    return found


def costs(folders: Mapping[str, Path], texts: Sequence[str], processes: int) -> Figures:
    """What loading each costs a process of its own, and its memory; they take turns, figures are medians."""
    program = [sys.executable, "-m", "benchmarks.speed.peers"]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in folders}
    for _ in range(processes):
        for name, folder in folders.items():
            done = subprocess.run(
                [*program, str(folder.resolve())],
                input="\n".join(texts),
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                cwd=ROOT,
            )
            found[name].append(json.loads(done.stdout))
    return {
        name: {key: round(statistics.median(one[key] for one in runs), 1) for key in runs[0]}
        for name, runs in found.items()
    }


def classes_of(contender: Contender, texts: Sequence[str]) -> Classes:
    return np.concatenate([contender.batch(texts[i : i + 32]) for i in range(0, len(texts), 32)])


def measure(prepared: Prepared, options: argparse.Namespace, root: Path) -> Figures:
    """Every figure of every contender."""
    texts, labels = prepared.corpus.dev.texts, prepared.corpus.dev.labels
    students = save_students(prepared, options.epochs, root)
    others = save_peers(prepared, options.shapes, root)
    contenders = {name: onnx_contender(folder) for name, folder in students.items()}
    contenders |= {name: peer_contender(opened(folder)) for name, folder in others.items()}
    latencies = time_contenders(contenders, texts, 7, options.timed_texts)
    large = large_batches(contenders, texts)
    loading = costs(students | others, texts[:100], options.processes) if options.processes else {}
    figures: Figures = {}
    for name, latency in latencies.items():
        stages = {stage: round(ms, 4) for stage, ms in latency.stages_ms.items()} if name in students else {}
        has_learnt = name in students or name in peers_made.TRAINED
        accuracy = round(float((classes_of(contenders[name], texts) == labels).mean()), 4) if has_learnt else None
        figures[name] = {
            "is_student": name in students,
            "accuracy": accuracy,
            "p50_ms": round(latency.p50_ms, 4),
            "p95_ms": round(latency.p95_ms, 4),
            "p99_ms": round(latency.p99_ms, 4),
            "stages_ms": stages,
            "texts_per_s": round(latency.texts_per_s, 1),
            "texts_per_s_256": round(statistics.median(large[name]), 1),
            **loading.get(name, {}),
        }
        print(f"{name:26} {figures[name]}", flush=True)
    return figures


def goals(figures: Figures) -> dict[str, Any]:
    """How the students stand beside their peers; a ratio above 1 says that the student is the faster."""

    def times(peer: str, student: str) -> dict[str, float]:
        slow, fast = figures[peer], figures[student]
        found = {"p50": slow["p50_ms"] / fast["p50_ms"]}
        found |= {key: fast[key] / slow[key] for key in ("texts_per_s", "texts_per_s_256")}
        return {key: round(value, 2) for key, value in found.items()}

    students = [name for name, one in figures.items() if one["is_student"]]
    beaten = {}
    for peer, one in figures.items():
        # A shape with random weights has no accuracy: it is the teacher's part to have one.
        if not one["is_student"] and one["accuracy"] is not None:
            as_good = [name for name in students if figures[name]["accuracy"] >= one["accuracy"]]
            beaten[peer] = {name: times(peer, name) for name in as_good}
    shapes = {peer: times(peer, "bilstm-64") for peer, one in figures.items() if one["accuracy"] is None}
    ours = {peer: times(peer, "average") for peer in peers_made.TRAINED if peer in figures}
    return {"as accurate and so many times as fast": beaten, "bilstm-64 over": shapes, "average over": ours}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("examples/reviews.yaml"))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--timed-texts", type=int, default=200)
    parser.add_argument("--processes", type=int, default=3, help="0 leaves loading and memory out")
    parser.add_argument("--shapes", nargs="*", choices=list(peers_made.SHAPES), default=list(peers_made.SHAPES))
    options = parser.parse_args(arguments)
    with lines_on(Console()):
        prepared = prepare(read_study(load_study(options.study)))
    for name, package in missing().items():
        print(f"{name} is left out: the package {package} is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(prepared, options, Path(scratch))
    reached = goals(figures)
    for title, found in reached.items():
        for name, times in found.items():
            print(f"{title} {name}: {times}")
    mean = sum(map(len, prepared.corpus.dev.texts)) / len(prepared.corpus.dev)
    print(
        json.dumps(
            {
                "cpu": cpu_name(),
                "load": round(os.getloadavg()[0], 1),
                "mean_characters": round(mean, 1),
                "teacher": round(prepared.teacher_score, 4),
                "left_out": missing(),
                "contenders": figures,
                "goals": reached,
            }
        )
    )


if __name__ == "__main__":
    main()
