"""Run the programs of docs/performance.md one after the other and put their figures into its tables.

    python -m benchmarks.speed.performance [PART ...] [--write]

Each part's last line, a JSON object, is kept in benchmarks/speed/performance.jsonl as soon as there is one; the last word counts, so
that a part can be run again alone. What stands in the page between `<!-- figures: PART -->` and `<!-- end -->` is written from
that; all else in it is prose, and is left as it is. Parts without a record keep what they have. `--write` only writes the page.
The last line is one JSON object: the seconds that each part took.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables.cells import append, read

ROOT = Path(__file__).resolve().parents[2]
REGION = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
Result = Mapping[str, Any]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Markdown: the first column to the left, numbers to the right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *([cell(one) for one in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """A figure as it is read; what is not known is a dash."""
    if value is None:
        return "-"
    if isinstance(value, float | int) and not isinstance(value, bool) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return str(value)


def columns(rows: Mapping[str, Result], shown: Mapping[str, str]) -> str:
    """A table with a row for each name, of the keys that are shown by their titles."""
    return table(["", *shown.values()], [[name, *(one.get(key) for key in shown)] for name, one in rows.items()])


def training(result: Result) -> str:
    sizes = result["hidden"]
    rows = [
        [name, *(times(of[name]) for of in sizes.values()), *(of[name]["accuracy"] for of in sizes.values())]
        for name in next(iter(sizes.values()))
    ]
    head = ["distune is N times as fast as", *(f"N at {size} units" for size in sizes)]
    return table([*head, *(f"dev accuracy at {size}" for size in sizes)], rows)


def times(one: Result) -> str:
    """A ratio of CPU seconds with the smallest and the largest of its rounds."""
    return f"{one['cpu_times_distune']} ({one['cpu_times_from']} to {one['cpu_times_to']})"


def teacher_cache(result: Result) -> str:
    rows = [[name, speed, result["distune_times"][name]] for name, speed in result["texts_per_s"].items()]
    opening = f"Opening 1,000,000 rows takes {result['open_ms']} ms, and reading their first 1,000 answers {result['first_1000_ms']} ms."
    return f"{table(['', 'texts/s', 'distune is N times as fast'], rows)}\n{opening}\n"


def teacher_training(result: Result) -> str:
    shown = {
        "texts_per_s": "texts/s",
        "distune_times": "distune is N times as fast",
        "matrix_share": "of the matrix rate",
    }
    return columns(result["figures"], shown)


NOT_SHOWN = (
    "average int8 table",
    "average of n-grams int8 table",
    "bilstm-64 low-rank",
    "BERT-base torch int8",
    "TinyBERT torch",
    "TinyBERT torch int8",
    "TinyBERT onnxruntime",
)
"""Contenders whose figures are recorded but tell a reader nothing that other rows do not."""


def inference(result: Result) -> str:
    shown = {
        "accuracy": "dev accuracy",
        "p50_ms": "p50 ms",
        "p99_ms": "p99 ms",
        "texts_per_s": "texts/s, batches of 32",
        "texts_per_s_256": "of 256",
        "rss_mb": "RSS MB",
    }
    return columns({name: one for name, one in result["contenders"].items() if name not in NOT_SHOWN}, shown)


def search(result: Result) -> str:
    shown = {
        "trials": "trials",
        "trial_s": "s a trial",
        "trials_per_hour": "trials/hour",
        "distune_times": "times distune's time for a trial",
        "best": "best dev accuracy",
    }
    found = columns(result["searches"], shown)
    of_lengths = {
        "trials": "trials",
        "wall_s": "seconds",
        "trials_share": "cores' time in trials",
        "steady_share": "after the first, before the last",
        "steps_share": "of a trial, in steps",
    }
    lengths = {f"{one['trial_s']} s": one for one in result["lengths"]}
    return f"{found}\n{columns(lengths, {**of_lengths})}" if lengths else found


def ends(rows: Sequence[Result]) -> list[Result]:
    """The smallest and the largest size of those that were measured."""
    return [rows[0], rows[-1]] if len(rows) > 1 else list(rows)


def growth(result: Result) -> str:
    by_sampler = {
        one["sampler"]: [row for row in result["trials"] if row["sampler"] == one["sampler"]]
        for one in result["trials"]
    }
    trials = {f"{one['trials']:,} trials, {one['sampler']}": one for rows in by_sampler.values() for one in ends(rows)}
    found = columns(
        trials,
        {
            "driver_s": "driver, s a trial",
            "last_s": "of the last 100",
            "driver_growth_mb": "driver grows by, MB",
            "journal_mb": "journal, MB",
            "mlflow_mb": "MLflow, MB",
        },
    )
    texts = {f"{one['texts']:,} texts": one for one in ends(result["texts"])}
    if texts:
        found += "\n" + columns(
            texts,
            {
                "fill_s": "fill, s",
                "open_ms": "open, ms",
                "first_batch_ms": "first batch, ms",
                "size_mb": "on disk, MB",
            },
        )
    rows = {f"{one['rows']:,} rows": one for one in ends(result["rows"])}
    if rows:
        found += "\n" + columns(
            rows,
            {
                "at_once": "trials at once",
                "data_mb": "data, MB",
                "store_pss_mb": "together, MB",
                "own_mb_mean": "of its own, each, MB",
            },
        )
    return found


@dataclass(frozen=True)
class Part:
    """A program, what it is given, and how its figures are shown; on one core where its contenders have one thread."""

    arguments: str
    shown: Callable[[Result], str]
    is_on_one_core: bool = True
    folder: str = "speed"


PARTS: dict[str, Part] = {
    "training": Part("", training),
    "teacher_cache": Part("--texts 600", teacher_cache),
    "teacher_training": Part("", teacher_training),
    "inference": Part("", inference),
    "search": Part("", search, is_on_one_core=False),
    "growth": Part("", growth, is_on_one_core=False, folder="cluster"),
}


def run(name: str, part: Part, records: Path) -> float:
    """Run a part's program and keep what it says; returns its seconds. Raises RuntimeError where it ends badly."""
    command = [sys.executable, "-m", f"benchmarks.{part.folder}.{name}", *shlex.split(part.arguments)]
    every = os.sched_getaffinity(0)
    start, last = time.perf_counter(), ""
    print(f"== {shlex.join(command[1:])}", flush=True)
    os.sched_setaffinity(0, {max(every)} if part.is_on_one_core else every)
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    finally:
        os.sched_setaffinity(0, every)
    with process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line
    if process.returncode:
        raise RuntimeError(f"{command[2]} ended with {process.returncode}")
    seconds = round(time.perf_counter() - start, 1)
    append(records, {"part": name, "arguments": part.arguments, "seconds": seconds, "result": json.loads(last)})
    return seconds


def filled(page: str, records: Sequence[Mapping[str, Any]]) -> str:
    """The page with the figures of the last record of each part; raises ValueError for a region of no part."""
    latest = {record["part"]: record for record in records}

    def figures(region: re.Match[str]) -> str:
        name = region[2]
        if name not in PARTS:
            raise ValueError(f"the page has figures of {name!r}, but there are {', '.join(PARTS)}")
        if name not in latest:
            return region[0]
        result = latest[name]["result"]
        where = result.get("cpu") or result.get("device") or "a machine that it does not name"
        about = f"Measured on {where} in {latest[name]['seconds'] / 60:.0f} min; its load at the end was {result.get('load', '-')}."
        return f"{region[1]}\n{PARTS[name].shown(result)}\n{about}\n{region[3]}"

    return REGION.sub(figures, page)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    parser.add_argument("--records", type=Path, default=ROOT / "benchmarks" / "speed" / "performance.jsonl")
    options = parser.parse_args(arguments)
    if unknown := set(options.part) - PARTS.keys():
        parser.error(f"no part {unknown.pop()!r}; there are {', '.join(PARTS)}")
    took = {}
    for name, part in PARTS.items():
        if options.write or name not in (options.part or PARTS):
            continue
        if importlib.util.find_spec(f"benchmarks.{part.folder}.{name}") is None:
            print(f"{name} is left out: there is no such program")
            continue
        took[name] = run(name, part, options.records)
    options.page.write_text(filled(options.page.read_text(encoding="utf-8"), read(options.records)), encoding="utf-8")
    print(json.dumps({"page": options.page.name, "seconds": took}))


if __name__ == "__main__":
    main()
