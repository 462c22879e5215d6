"""The costs of a large corpus before anything learns: `distune check` and its steps, on short Chinese texts in Parquet files.

    python -m benchmarks.data.reading [--texts 1000000] [--files 4] [--profile 25]

It makes the files in a temporary folder by a seeded rule, a small part of them duplicates. Each figure comes from a process of
its own: CPU seconds of that process, so that other work on the machine does not count, and its largest resident memory. `--profile N`
prints the N most expensive functions of reading the corpus. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

LETTERS = np.array([chr(0x4E00 + i) for i in range(2_000)])
SHORTEST, LONGEST = 8, 40
N_CLASSES = 10
ONE_REPEATED_IN = 50
STUDY = """\
name: many
corpus: {{source: {source}}}
teacher: {{students: {{trials: 4, members: 2}}}}
trial:
  student: {{kind: average}}
storage: {storage}
tracking: {{uri: "sqlite:///{storage}/mlflow.db"}}
"""


def write_files(folder: Path, n_texts: int, n_files: int) -> None:
    """Texts of 8 to 40 characters in ten classes, in as many Parquet files."""
    rng = np.random.default_rng(7)
    for part, rows in enumerate(np.array_split(np.arange(n_texts), n_files)):
        lengths = rng.integers(SHORTEST, LONGEST, len(rows))
        signs = LETTERS[rng.integers(0, len(LETTERS), int(lengths.sum()))]
        ends = np.cumsum(lengths)
        texts = ["".join(signs[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
        for place in range(ONE_REPEATED_IN, len(texts), ONE_REPEATED_IN):
            texts[place] = texts[place - 1]
        labels = [f"class {sum(map(ord, text[:2])) % N_CLASSES}" for text in texts]
        pyarrow.parquet.write_table(pa.table({"text": texts, "label": labels}), folder / f"tickets-{part}.parquet")


def checked(folder: Path) -> None:
    from distune.tuning.checks import check
    from distune.tuning.study.file import load_study

    study = folder / "study.yaml"
    study.write_text(STUDY.format(source=source_in(folder), storage=folder / "storage"), encoding="utf-8")
    print(check(load_study(study)).split("\n")[0])


def rows_read(folder: Path) -> None:
    from distune.corpora.files import FileConfig, read_rows

    read_rows(FileConfig(path=source_in(folder)))


def corpus_read(folder: Path) -> None:
    from distune.corpora.corpus import load_corpus
    from distune.corpora.corpus_config import CorpusConfig

    load_corpus(CorpusConfig(source=source_in(folder)))


def imported(folder: Path) -> None:
    import distune.tuning.checks  # noqa: F401 - what the others cost without any texts


def source_in(folder: Path) -> str:
    files = sorted(folder.glob("tickets-*.parquet"))
    return str(files[0]) if len(files) == 1 else str(folder / "tickets-*.parquet")


STEPS: dict[str, Callable[[Path], None]] = {
    "imports": imported,
    "rows": rows_read,
    "corpus": corpus_read,
    "check": checked,
}


def measured(step: str, folder: Path) -> dict[str, float]:
    """CPU seconds and the peak of the memory of a step, in this process."""
    before = sum(os.times()[:2])
    STEPS[step](folder)
    cpu_s = sum(os.times()[:2]) - before
    # Not getrusage: a process inherits that figure from the one that has started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {"cpu_s": round(cpu_s, 1), "peak_mb": round(peak_kb / 1000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--profile", type=int, default=0)
    options = parser.parse_args()
    figures: dict[str, Any] = {"texts": options.texts, "files": options.files}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_files(folder, options.texts, options.files)
        figures["size_mb"] = round(sum(path.stat().st_size for path in folder.glob("*.parquet")) / 1e6, 1)
        for step in options.steps:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                figures[step] = process.submit(measured, step, folder).result()
            print(f"{step}: {figures[step]['cpu_s']} CPU s, at most {figures[step]['peak_mb']:,} MB")
        if options.profile:
            with cProfile.Profile() as profile:
                corpus_read(folder)
            pstats.Stats(profile).sort_stats("tottime").print_stats(options.profile)
    figures["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
