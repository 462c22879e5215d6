"""What commands and a worker cost before they do anything: CPU seconds and memory, of two checkouts in turns.

    python -m benchmarks.speed.light_feet OLD_PYTHON NEW_PYTHON --folder FOLDER [--study examples/reviews.yaml] [--rounds 10]

Both are Python executables of environments with a checkout each. FOLDER is where the study's storage lies, with a search that
has ended; every command runs there, and writes nothing. CPU seconds (user and system) are counted, as other work on the machine
slows the wall clock more than them. A worker is a process that imports what one needs, takes a hint of a biLSTM's speed, and trains it for
two steps: `worker imports`, `worker's hint` and `worker's steps` each end there. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

OLD_NAMES = """
from corpora.tokens import ragged
from tuning.trial import TrialConfig, TrialData, run_trial
from tuning.worker import Shipped, hint_for
"""
NEW_NAMES = """
from distune.corpora.tokens import ragged
from distune.tuning.search.worker import WorkerInputs as Shipped
from distune.tuning.search.worker import hint_for
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import run_trial
"""
INPUTS = """
import numpy as np
import torch
torch.set_num_threads(1)
rng = np.random.default_rng(0)
config = TrialConfig.model_validate({"student": {"kind": "bilstm"}, "epochs": 1})
train, dev = (ragged([rng.integers(2, 500, 12) for _ in range(n)]) for n in (128, 32))
data = TrialData(
    train=train,
    labels=rng.integers(0, 2, 128),
    iterations=np.zeros(128, np.int32),
    teacher_logits=rng.normal(size=(1, 128, 2)).astype(np.float32),
    teacher_weights=np.ones(1, np.float32),
    teacher_hidden=np.zeros((128, 0), np.float16),
    dev=dev,
    dev_labels=rng.integers(0, 2, 32),
    vectors=rng.normal(size=(500, 20)).astype(np.float32),
)
"""
HINT = "hint_for(config, Shipped(data, 0.1))\n"
STEPS = "run_trial(config, data, lambda report: None)\n"


@dataclass(frozen=True)
class Cost:
    """What one process took: CPU seconds, and the most memory that it had at a time."""

    cpu_s: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs=2, metavar=("OLD_PYTHON", "NEW_PYTHON"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--study", default="examples/reviews.yaml")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    old, new = (programs(python, options.study, options.folder) for python in options.pythons)
    costs: dict[str, tuple[list[Cost], list[Cost]]] = {name: ([], []) for name in new}
    for turn in range(options.rounds + 1):  # The first one fills the caches of the file system.
        for name, (of_old, of_new) in costs.items():
            pair = [(old[name], of_old), (new[name], of_new)]
            for command, kept in pair if turn % 2 else reversed(pair):
                cost = cost_of(command, options.folder)
                if turn:
                    kept.append(cost)
    figures = {name: {"old": asdict(median(a)), "new": asdict(median(b))} for name, (a, b) in costs.items()}
    print(table(figures))
    print(json.dumps({"rounds": options.rounds, "load": os.getloadavg()[0], "figures": figures}))


def programs(python: str, study: str, folder: Path) -> dict[str, list[str]]:
    """The commands and the workers of a checkout, by name."""
    asked = subprocess.run([python, "-c", "import distune"], check=False, capture_output=True, cwd=folder)
    is_new = asked.returncode == 0
    module, names = ("distune", NEW_NAMES) if is_new else ("tuning.cli", OLD_NAMES)
    commands = {
        "check": ["check"],
        "results": ["results"],
        "results --json": ["results", "--json"],
        "status STUDY": ["status"],
    }
    workers = {
        "worker imports": names,
        "worker's hint": names + INPUTS + HINT,
        "worker's steps": names + INPUTS + HINT + STEPS,
    }
    found = {name: [python, "-m", module, verb, study, *rest] for name, (verb, *rest) in commands.items()}
    return found | {name: [python, "-c", program] for name, program in workers.items()}


def cost_of(command: Sequence[str], folder: Path) -> Cost:
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode} in {folder}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(one.cpu_s for one in costs), statistics.median(one.peak_mb for one in costs))


def table(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    rows = ["| | CPU s, old | new | times | peak MB, old | new |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, one in figures.items():
        old, new = one["old"], one["new"]
        rows.append(
            f"| {name} | {old['cpu_s']:.2f} | {new['cpu_s']:.2f} | {old['cpu_s'] / new['cpu_s']:.1f} "
            f"| {old['peak_mb']:.0f} | {new['peak_mb']:.0f} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
