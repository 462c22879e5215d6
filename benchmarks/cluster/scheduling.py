"""What a search costs beside its trainings, on two workers of this machine.

    python -m benchmarks.cluster.scheduling [--trials 64] [--no-ops 500]

First real trials of a few seconds: the wall time of the whole search, from before Ray starts its workers until the last trial
has ended, over half the sum of what the trials spent in training. Then trials that do nothing: seconds of the driver for
each, with MLflow (SQLite) and the study's journal written as ever, over the first and over the last hundred. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ray import tune

from benchmarks.cluster.chaos import write_study
from distune.cluster.connection import connected
from distune.tuning.search import run as search
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.session import tracked
from distune.tuning.storage.records import TrialRecord
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import Study, load_study

WORKERS = 2
EPOCHS_OF_5_S = 72


class Clock:
    """An observer that notes when trials end."""

    def __init__(self) -> None:
        self.ended_s: list[float] = []

    def started(self, record: TrialRecord) -> None:
        """Nothing."""

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        """Nothing."""

    def ended(self, record: TrialRecord) -> None:
        if record.state != "complete":
            raise RuntimeError(f"trial {record.number} is {record.state}: {record.error}")
        self.ended_s.append(time.perf_counter())


def do_nothing(proposal: dict[str, Any], inputs: Any, assignment: Any) -> None:
    """A trial without a training."""
    tune.report({"epoch": 1, "loss": 1.0, "score": 0.5, "best_score": 0.5, "latency_ms": 1.0, "size_mb": 1.0})


def study_of(root: Path, n_trials: int, epochs: int) -> Study:
    path = write_study(root, "local", 0)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["search"] |= {"trials": n_trials, "sampler": "tpe"}
    document["trial"] |= {"epochs": epochs, "student": {"kind": "bilstm", "hidden_size": 32}}
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_study(path)


def run(prepared: Prepared) -> tuple[float, list[float], list[float]]:
    """Seconds of the whole search, when each trial ended (from its start), and what each spent in training."""
    study = prepared.study
    clock, folder = Clock(), new_folder(study)
    with connected(study.config.cluster), tracked(study.config, prepared.teacher_score, folder) as outbox:
        start = time.perf_counter()
        search.run_search(study, prepared.inputs, folder, [outbox, clock])
        wall_s = time.perf_counter() - start
    logs = [folder.trial(number).log for number in range(study.config.search.trials)]
    trained = [re.search(r"trained for ([\d.]+) s", log.read_text()) for log in logs if log.is_file()]
    return wall_s, [end - start for end in clock.ended_s], [float(found[1]) for found in trained if found]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--no-ops", type=int, default=500)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        wall_s, _, trained_s = run(prepare(read_study(study_of(Path(scratch), options.trials, EPOCHS_OF_5_S))))
    ratio = wall_s / (sum(trained_s) / WORKERS)
    print(
        f"{len(trained_s)} trials of {sum(trained_s) / len(trained_s):.2f} s: {wall_s:.1f} s, {ratio:.3f} times the sum "
        f"of their trainings over {WORKERS}",
        flush=True,
    )
    search.trial_on_worker = do_nothing  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as scratch:
        _, ended_s, _ = run(prepare(read_study(study_of(Path(scratch), options.no_ops, 1))))
    tenth = max(1, min(100, len(ended_s) // 2))
    each = {"first": (ended_s[tenth] - ended_s[0]) / tenth, "last": (ended_s[-1] - ended_s[-1 - tenth]) / tenth}
    overall_s = (ended_s[-1] - ended_s[0]) / (len(ended_s) - 1)
    print(
        f"{len(ended_s)} trials that do nothing: {overall_s:.4f} s each; the first {tenth}: {each['first']:.4f}, "
        f"the last {tenth}: {each['last']:.4f}"
    )
    result = {
        "trials": len(trained_s),
        "wall_s": round(wall_s, 1),
        "ratio": round(ratio, 3),
        "no_ops": len(ended_s),
        "no_op_s": round(overall_s, 4),
        "first_no_op_s": round(each["first"], 4),
        "last_no_op_s": round(each["last"], 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
