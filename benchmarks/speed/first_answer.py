"""Seconds from the start of a process to the first answer of a pulled student, and what they go into.

    python -m benchmarks.speed.first_answer FOLDER [--python ENVIRONMENT/bin/python] [--processes 9]

Each process imports the folder's own programs, and needs no more than numpy, onnxruntime and what segments the texts.
"cold" are processes whose modules are compiled anew, as after an installation; "warm" are those after them. jieba itself is
timed beside it, as its own `initialize` reads the dictionary: without the copy that it leaves in the folder for temporary
files, and with it. All take turns; figures are medians. The last line is one JSON object.
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
from pathlib import Path

from distune.tuning.speed.latency import cpu_name

ANSWER = """
import sys, time
marks = [time.perf_counter()]
def mark(): marks.append(time.perf_counter())
import numpy; mark()
import onnxruntime; mark()
sys.path.insert(0, sys.argv[1])
from distune_student import Predictor
from distune_student.encoding import load_encoder; mark()
encode = load_encoder(sys.argv[1]); mark()
student = Predictor(sys.argv[1], encode); mark()
student.label("这本书很好，很喜欢，推荐"); mark()
print([after - before for before, after in zip(marks, marks[1:])])
"""
STAGES = (
    "import numpy",
    "import onnxruntime",
    "import the folder's programs",
    "the encoder",
    "the network",
    "the answer",
)
JIEBA = """
import time
began = time.perf_counter()
import jieba
jieba.setLogLevel(60)
jieba.initialize()
print([time.perf_counter() - began])
"""


def seconds(python: str, program: str, folder: Path, **environment: str) -> list[float]:
    """What a process prints of its seconds, and after it its own from start to end."""
    began = time.perf_counter()
    done = subprocess.run(
        [python, "-c", program, str(folder)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [*json.loads(done.stdout), time.perf_counter() - began]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--processes", type=int, default=9)
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {"cold": [], "warm": [], "jieba cold": [], "jieba warm": []}
    for _ in range(options.processes):
        with tempfile.TemporaryDirectory() as empty:
            for state in ("cold", "warm"):
                found[state].append(
                    seconds(options.python, ANSWER, options.folder.resolve(), TMPDIR=empty, PYTHONPYCACHEPREFIX=empty)
                )
            for state in ("jieba cold", "jieba warm"):
                found[state].append(
                    seconds(options.python, JIEBA, options.folder, TMPDIR=empty, PYTHONPYCACHEPREFIX=empty)
                )
    medians = {
        state: [round(statistics.median(column), 3) for column in zip(*rows, strict=True)]
        for state, rows in found.items()
    }
    result = {
        state: {
            **dict(zip(STAGES, medians[state], strict=False)),
            "import to first answer": round(statistics.median(sum(row[:-1]) for row in found[state]), 3),
            "whole process": medians[state][-1],
        }
        for state in ("cold", "warm")
    }
    for state, shown in result.items():
        print(f"{state}: {shown}")
    jieba = {state.split()[1]: medians[state][0] for state in ("jieba cold", "jieba warm")}
    print(json.dumps({"cpu": cpu_name(), "folder": options.folder.name, **result, "jieba's own initialize": jieba}))


if __name__ == "__main__":
    main()
