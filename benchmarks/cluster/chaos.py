"""Searches during which a worker process, a whole node and at last the driver are killed at random moments, then resumed.

With odd seeds the head goes with its driver, and the search is resumed on another cluster.

    python -m benchmarks.cluster.chaos [--seeds 20]

Checks after each that every trial is there once and in its right state, that none was repeated, that the metrics of each
rise in epoch, that Optuna and MLflow count the same, and that the champion loads. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from mlflow.tracking import MlflowClient
from transformers import BertConfig, BertForSequenceClassification

from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.models.predictor import Predictor
from distune.models.teacher.tokenizing import character_tokenizer
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, records_in
from distune.tuning.study.file import load_study
from tests.ray_nodes import Nodes, kill, ray_nodes, wait_until

ROOT = Path(__file__).resolve().parents[2]
N_TRIALS = 24
EPOCHS = 20


@dataclass(frozen=True)
class Outcome:
    """What one seed did: the moments of its kills, by how many trials had ended, and the faults that were found."""

    seed: int
    kills: dict[str, int]
    attempts: int
    """How many attempts all trials together took, by their logs."""
    faults: tuple[str, ...]
    seconds: float


def texts() -> list[tuple[str, str]]:
    """200 little reviews with their labels."""
    things, words = ("书", "手机", "酒店", "水果", "衣服"), (("差", "失望", "退货", "慢"), ("好", "喜欢", "满意", "快"))
    rows = [(f"这{things[i % 5]}{words[i % 2][i % 4]}，{words[i % 2][i // 2 % 4]}{i}", str(i % 2)) for i in range(200)]
    return rows


def write_study(root: Path, address: str, seed: int, n_trials: int = N_TRIALS, epochs: int = EPOCHS) -> Path:
    """A study of trials of a second or two, and all that it names."""
    rows = texts()
    (root / "reviews.csv").write_text("text,label\n" + "".join(f'"{t}",{y}\n' for t, y in rows), encoding="utf-8")
    torch.manual_seed(0)
    tokenizer = character_tokenizer([text for text, _ in rows], 1, 32)
    shape = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        num_labels=2,
    )
    BertForSequenceClassification(shape).save_pretrained(root / "teacher")
    tokenizer.save_pretrained(root / "teacher")
    document = {
        "name": "chaos",
        "corpus": {"source": str(root / "reviews.csv"), "labelled": 60, "dev_fraction": 0.2, "test_fraction": 0.2},
        "teacher": {"checkpoint": str(root / "teacher"), "max_length": 32},
        "storage": str(root / "storage"),
        "cluster": {"address": address, "max_failures": 4, "trial_timeout_s": 120},
        "search": {
            "trials": n_trials,
            "finalists": 1,
            "seeds": 1,
            "scheduler": "none",
            "sampler": "random",
            "seed": seed,
        },
        "champion": {"max_latency_ms": 1000.0},
        "tracking": {"uri": f"sqlite:///{root / 'mlflow.db'}", "register_as": "chaos-student"},
        "trial": {
            "tokens": {"kind": "words", "min_count": 1},
            "vectors": {"kind": "random", "dimension": 8},
            "student": {"kind": "bilstm", "hidden_size": {"choice": [8, 16, 32]}},
            "batch_size": 8,
            "loss": {"kd_weight": {"between": [0.5, 1]}},
            "epochs": epochs,
        },
    }
    path = root / "study.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def records(root: Path) -> list[TrialRecord]:
    """The trials as the search's folder has them now."""
    study = load_study(root / "study.yaml")
    return records_in(study.config, Folder(Place(str(root / "storage" / "searches" / "chaos" / "1"))))


def n_done(root: Path) -> int:
    return sum(record.state != "running" for record in records(root))


def start_driver(root: Path, nodes: Nodes, *options: str) -> subprocess.Popen[bytes]:
    with (root / "driver.log").open("ab") as log:
        command = [sys.executable, "-m", "distune", "search", str(root / "study.yaml"), *options]
        return subprocess.Popen(
            command, cwd=ROOT, env={**nodes.environment, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log
        )


def run_chaos(seed: int, root: Path) -> Outcome:
    """One search under fire, and what is wrong with what it left."""
    began, rng = time.monotonic(), random.Random(seed)
    kills: dict[str, int] = {}
    last = "driver" if seed % 2 == 0 else "head"
    with ExitStack() as stack:
        nodes = stack.enter_context(ray_nodes(root, 2))
        path = write_study(root, nodes.address, seed)
        driver = start_driver(root, nodes)
        for name, low, high in (("worker", 1, 7), ("node", 8, 13), (last, 14, 20)):
            wait_for(driver, root, rng.randint(low, high))
            time.sleep(rng.random() * 2)
            kills[name] = n_done(root)
            if name == "worker":
                kill_worker(rng)
            elif name == "node":
                kill(rng.choice(nodes.processes[1:]))
                nodes.add_worker()
            else:
                driver.kill()
                driver.wait()
        before = {record.number: record for record in records(root) if record.state != "running"}
        if last == "head":
            for process in nodes.processes:
                kill(process)
            first, nodes = nodes, stack.enter_context(ray_nodes(root, 2))
            path.write_text(path.read_text(encoding="utf-8").replace(first.address, nodes.address), encoding="utf-8")
        resumed = start_driver(root, nodes, "--resume")
        faults = [] if resumed.wait(timeout=400) == 0 else [f"the resumed driver ended with {resumed.returncode}"]
    attempts = [
        log.read_text(encoding="utf-8").count(" attempt in process ")
        for log in root.glob("storage/searches/chaos/1/trials/*/log.txt")
    ]
    faults += faults_of(root, before)
    return Outcome(seed, kills, sum(attempts), tuple(faults), round(time.monotonic() - began, 1))


def wait_for(driver: subprocess.Popen[bytes], root: Path, n: int) -> None:
    def come() -> bool:
        if driver.poll() is not None:
            raise RuntimeError(f"the driver ended early: {(root / 'driver.log').read_text(encoding='utf-8')[-3000:]}")
        return n_done(root) >= n

    wait_until(come, 240)


def kill_worker(rng: random.Random) -> None:
    """Kill one of the processes that run trials on this user's Ray nodes."""
    workers = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # It has ended meanwhile.
            if place.read_bytes().startswith(b"ray::ImplicitFunc"):
                workers.append(int(place.parent.name))
    os.kill(rng.choice(workers), signal.SIGKILL)


def faults_of(root: Path, before: dict[int, TrialRecord], n_trials: int = N_TRIALS, epochs: int = EPOCHS) -> list[str]:
    """What is lost, doubled or out of order."""
    faults = []
    after = records(root)
    if [record.number for record in after] != list(range(n_trials)):
        faults.append(f"trials are {[record.number for record in after]}")
    faults += [f"trial {r.number} is {r.state}: {r.error}" for r in after if r.state != "complete"]
    faults += [f"trial {r.number} was run again" for r in after if r.number in before and before[r.number] != r]
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("chaos").experiment_id], max_results=1000)
    children = [run for run in runs if "distune.trial" in run.data.tags]
    numbers = sorted(int(run.data.tags["distune.trial"]) for run in children)
    if numbers != list(range(n_trials)):
        faults.append(f"MLflow has runs of the trials {numbers}")
    if len(runs) != n_trials + 1:
        faults.append(f"MLflow has {len(runs)} runs")
    faults += [f"run {run.info.run_name} is {run.info.status}" for run in runs if run.info.status != "FINISHED"]
    for run in children:
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "epoch/accuracy")]
        # An epoch that ended as its driver was killed was told to nobody.
        if steps != sorted(set(steps)) or steps[-1:] != [epochs] or len(steps) < epochs - 2:
            faults.append(f"the epochs of {run.info.run_name} are {steps}")
    champion = root / "storage" / "searches" / "chaos" / "1" / "champion"
    answers = list(Predictor(champion, load_encoder(champion)).answers(["这书好"]))
    if answers[0]["label"] not in ("0", "1"):
        faults.append(f"the champion answers {answers}")
    return faults


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(arguments)
    outcomes = []
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="distune-chaos-") as scratch:
            outcome = run_chaos(seed, Path(scratch))
        outcomes.append(outcome)
        print(
            f"seed {seed}: {outcome.seconds:.0f} s, killed after {outcome.kills}, {outcome.attempts} attempts: "
            f"{'; '.join(outcome.faults) or 'nothing lost or doubled'}",
            flush=True,
        )
    result: dict[str, Any] = {
        "seeds": len(outcomes),
        "whole": sum(not outcome.faults for outcome in outcomes),
        "trials": N_TRIALS,
        "median_s": sorted(outcome.seconds for outcome in outcomes)[len(outcomes) // 2],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
