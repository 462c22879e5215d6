"""How many texts a second `distune predict` answers, and what it holds in memory, at 10^4, 10^5 and 10^6 lines.

    python -m benchmarks.speed.streaming FOLDER --texts texts.txt [--lines 10000 100000 1000000]

The texts are repeated as often as needed. Each count is a process of its own, from its start to its last answer, fed by a
file; its answers are read through a pipe and counted. Memory is the process' largest resident set. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distune.tuning.speed.latency import cpu_name


def stream(folder: Path, texts: Path) -> dict[str, Any]:
    """What one process does with a file."""
    program = [sys.executable, "-m", "distune", "predict", str(folder), str(texts)]
    began = time.perf_counter()
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        assert process.stdout
        n_answers, first_s = 0, 0.0
        while block := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
            first_s = first_s or time.perf_counter() - began
            n_answers += block.count(b"\n")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(program)} ended with {process.returncode}")
    return {
        "answers": n_answers,
        "seconds": round(seconds, 2),
        "texts_per_s": round(n_answers / seconds),
        "first_answers_s": round(first_s, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }


def write_lines(texts: Sequence[str], n_lines: int, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text in itertools.islice(itertools.cycle(texts), n_lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    texts = options.texts.read_text(encoding="utf-8").splitlines()
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for n_lines in options.lines:
            write_lines(texts, n_lines, Path(scratch) / "texts.txt")
            results[n_lines] = stream(options.folder, Path(scratch) / "texts.txt")
            print(f"{n_lines:,} lines: {results[n_lines]}", flush=True)
    length = sum(map(len, texts)) / len(texts)
    about = {"cpu": cpu_name(), "folder": options.folder.name, "mean_characters": round(length, 1)}
    print(json.dumps({**about, "lines": results}))


if __name__ == "__main__":
    main()
