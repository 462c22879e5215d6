"""What trials that run side by side on one node hold together of the corpus and the teacher's logits, and what each adds.

    python -m benchmarks.memory [--rows 1000000] [--trials 4]

Real trials by Ray Tune over synthetic token ids and logits. Shared memory counts by PSS: a page that n processes map is one
n-th of a page to each, so that the sum over all of them is what there is. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console

from benchmarks.chaos import write_study
from cluster.connection import connected
from corpora.tokens import TokenIds
from tuning import search
from tuning.folder import new_folder
from tuning.preparation import prepare
from tuning.study import load_study
from tuning.trial import TrialData

WORDS = 20


def enlarged(data: TrialData, n_rows: int) -> TrialData:
    """The same kinds of rows, but so many: 20 words each, 3 classes of logits."""
    rng = np.random.default_rng(0)
    flat = rng.integers(1, len(data.vectors), n_rows * WORDS, dtype=np.int32)
    ids = TokenIds(flat, np.arange(n_rows + 1, dtype=np.int64) * WORDS)
    return replace(
        data, train=ids, labels=np.where(np.arange(n_rows) < 1000, 1, -1), iterations=np.zeros(n_rows, np.int32),
        teacher_logits=rng.normal(size=(1, n_rows, data.n_classes)).astype(np.float32),
        teacher_hidden=np.zeros((n_rows, 0), np.float16),
    )  # fmt: skip


def nbytes(data: TrialData) -> int:
    arrays = (data.train.flat, data.train.offsets, data.labels, data.iterations, data.teacher_logits, data.dev.flat)
    return sum(array.nbytes for array in arrays)


def workers() -> list[int]:
    """The processes that run trials."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if place.read_bytes().startswith(b"ray::ImplicitFunc"):
                found.append(int(place.parent.name))
    return found


def memory_mb(pid: int) -> dict[str, float]:
    """RSS and PSS of the object store's mapping in a process, and what is the process's own."""
    found = {"store_rss": 0.0, "store_pss": 0.0, "own": 0.0}
    is_store = False
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, rest = line.partition(" ")
            if "-" in name:
                is_store = "plasma" in line or "/dev/shm/" in line
            elif name == "Rss:" and is_store:
                found["store_rss"] += int(rest.split()[0]) / 1000
            elif name == "Pss:":
                found["store_pss" if is_store else "own"] += int(rest.split()[0]) / 1000
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--trials", type=int, default=4)
    options = parser.parse_args(arguments)
    samples: list[list[dict[str, float]]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(1.0):
            samples.append([memory_mb(pid) for pid in workers()])

    with tempfile.TemporaryDirectory() as scratch:
        path = write_study(Path(scratch), "local", 0)
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["search"]["trials"] = options.trials
        document["cluster"] = {"cpus_per_trial": len(os.sched_getaffinity(0)) / options.trials}
        document["trial"] |= {
            "student": {"kind": "average", "hidden_layer": 8}, "batch_size": 4096, "epochs": 3,
            "loss": {"kd_weight": 1.0}, "learning_rate": 0.001,
        }  # fmt: skip
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        prepared = prepare(load_study(path), Console(file=io.StringIO()).print)
        inputs = {key: replace(one, data=enlarged(one.data, options.rows)) for key, one in prepared.inputs.items()}
        data_mb = sum(nbytes(one.data) for one in inputs.values()) / 1e6
        prepared = replace(prepared, inputs=inputs)
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        with connected(prepared.study.config.cluster):
            start = time.perf_counter()
            records = search.run_search(prepared, new_folder(prepared.study), [])
            seconds = time.perf_counter() - start
        is_over.set()
        thread.join()
    failed = [record.error for record in records if record.state != "complete"]
    if failed:
        raise RuntimeError(str(failed[0]))
    together = [one for one in samples if len(one) == options.trials]
    fullest = max(together, key=lambda one: sum(process["store_rss"] for process in one))
    result = {
        "trials": options.trials, "rows": options.rows, "data_mb": round(data_mb),
        "store_pss_mb": round(sum(one["store_pss"] for one in fullest)),
        "store_rss_mb": round(sum(one["store_rss"] for one in fullest)),
        "own_mb": [round(one["own"]) for one in fullest], "seconds": round(seconds, 1),
    }  # fmt: skip
    print(f"{options.trials} trials map {result['store_rss_mb']} MB of the object store by RSS, which are "
          f"{result['store_pss_mb']} MB by PSS; the data is {result['data_mb']} MB")  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
