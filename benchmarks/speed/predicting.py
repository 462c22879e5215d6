"""What answering a file costs: `distune predict` as it was, on lines, against tables and lines as they are now.

    python -m benchmarks.speed.predicting FOLDER --texts texts.txt --before OLD_TREE [--rows 300000] [--turns 5] [--cores 0 1]

OLD_TREE is a work tree of the commit to compare with (`git worktree add OLD_TREE COMMIT`). The texts are repeated as often as
needed, and written as lines and as CSV. All commands take turns, so that each figure has its pair in the same minute, and the ratios are
those of the pairs. Each command is a process of its own, from its start to its last answer, on the first of the cores, or on the first two. Seconds
are of the clock; `cpu_s` is of the process and its workers; `peak_mb` is the largest resident set among them. Figures are
medians. First all answers to a part of the texts are compared, to the byte. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distune.tuning.speed.latency import cpu_name

ROOT = Path(__file__).resolve().parents[2]
N_COMPARED = 5_000


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to answer the texts: the work tree, the arguments behind the folder, and how many cores it has."""

    tree: Path
    arguments: Sequence[str]
    n_cores: int


def write_inputs(texts: Sequence[str], n_rows: int, folder: Path) -> None:
    """Write the texts as lines and as CSV."""
    repeated = list(itertools.islice(itertools.cycle(texts), n_rows))
    with (folder / "texts.txt").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{text}\n" for text in repeated)
    with (folder / "texts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(repeated)])


def ways(before: Path, folder: Path) -> dict[str, Way]:
    """All ways; the first is what the others are compared with."""
    lines, table = str(folder / "texts.txt"), str(folder / "texts.csv")
    out = ["--proba", "--out", str(folder / "answers.jsonl"), "--workers"]
    return {
        "before, lines": Way(tree=before, arguments=[lines], n_cores=1),
        "lines": Way(tree=ROOT, arguments=[lines], n_cores=1),
        "table": Way(tree=ROOT, arguments=[table, *out, "1"], n_cores=1),
        "before, lines, two cores": Way(tree=before, arguments=[lines], n_cores=2),
        "table, two cores": Way(tree=ROOT, arguments=[table, *out, "2"], n_cores=2),
    }


def timed(way: Way, student: Path, cores: Sequence[int]) -> dict[str, float]:
    """Run one command to its end."""
    program = [sys.executable, "-m", "distune", "predict", str(student), *way.arguments]
    used = set(cores[: way.n_cores])
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        program,
        cwd=way.tree,
        env={**os.environ, "PYTHONPATH": str(way.tree), "OMP_WAIT_POLICY": "passive"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, used),
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(program)} ended with {done.returncode}: {done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu_s": cpu_s}


def peak_mb(way: Way, student: Path, cores: Sequence[int]) -> float:
    """The largest resident set of a command and of its workers, by a process that has no other child."""
    program = (
        "import os, resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-m", "distune", "predict", str(student), *way.arguments]
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, cores[: way.n_cores])), sys.executable, "-c", program, *command],
        cwd=way.tree,
        env={**os.environ, "PYTHONPATH": str(way.tree)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def refuse_other_answers(before: Path, student: Path, lines: Path, scratch: Path) -> None:
    """Raise RuntimeError unless both trees answer the first texts alike, to the byte."""
    some = scratch / "some.txt"
    with lines.open("rb") as file:
        some.write_bytes(b"".join(itertools.islice(file, N_COMPARED)))
    program = [sys.executable, "-m", "distune", "predict", str(student), str(some)]
    answers = [
        subprocess.run(
            program, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, check=True
        ).stdout
        for tree in (before, ROOT)
    ]
    if answers[0] != answers[1]:
        raise RuntimeError(f"{before} and {ROOT} answer the same texts otherwise")


def summary(found: Mapping[str, Sequence[Mapping[str, float]]], n_rows: int) -> dict[str, dict[str, Any]]:
    """The medians of each way, and its ratio to the way before with as many cores, pair by pair."""
    told = {}
    for name, runs in found.items():
        base = found["before, lines, two cores" if "two cores" in name else "before, lines"]
        pairs = list(zip(runs, base, strict=True))
        told[name] = {
            "texts_per_s": round(statistics.median(n_rows / run["seconds"] for run in runs)),
            "us_cpu_a_text": round(statistics.median(run["cpu_s"] for run in runs) / n_rows * 1e6, 1),
            "times_before": round(statistics.median(other["seconds"] / run["seconds"] for run, other in pairs), 2),
            "times_before_cpu": round(statistics.median(other["cpu_s"] / run["cpu_s"] for run, other in pairs), 2),
        }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--cores", type=int, nargs=2, default=[0, 1])
    options = parser.parse_args()
    student, before = options.folder.resolve(), options.before.resolve()
    texts = [line for line in options.texts.read_text(encoding="utf-8").split("\n") if line.strip()]
    with tempfile.TemporaryDirectory() as scratch:
        write_inputs(texts, options.rows, Path(scratch))
        refuse_other_answers(before, student, Path(scratch) / "texts.txt", Path(scratch))
        compared = ways(before, Path(scratch))
        found: dict[str, list[dict[str, float]]] = {name: [] for name in compared}
        for turn in range(options.turns):
            for name, way in compared.items():
                found[name].append(timed(way, student, options.cores))
                print(f"turn {turn + 1}, {name}: {found[name][-1]}", flush=True)
        told = summary(found, options.rows)
        for name, way in compared.items():
            told[name]["peak_mb"] = round(peak_mb(way, student, options.cores), 1)
    about = {"cpu": cpu_name(), "folder": student.name, "rows": options.rows}
    print(json.dumps({**about, "mean_characters": round(sum(map(len, texts)) / len(texts), 1), "ways": told}))


if __name__ == "__main__":
    main()
