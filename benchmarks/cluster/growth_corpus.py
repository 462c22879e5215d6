"""What a corpus of so many texts costs: its cache of teacher logits, and the trials that read it side by side on a node."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.cluster.chaos import write_study
from distune.cluster.config import ClusterConfig
from distune.cluster.connection import connected
from distune.cluster.on_ray import OnRay
from distune.corpora.logits_filling import Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers, TeacherFunction
from distune.corpora.teacher_logits import CacheKey, open_cache
from distune.corpora.tokens import TokenIds
from distune.tuning.search import run as search
from distune.tuning.search.preparation import prepare
from distune.tuning.search.reading import read_study
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import load_study
from distune.tuning.trial.data import TrialData

KEY = CacheKey("teacher", "corpus", ("0", "1"))
LETTERS = [chr(0x4E00 + i) for i in range(500)]
WORDS = 20
Figures = dict[str, Any]


def texts_of(n: int) -> list[str]:
    """Texts of 8 to 60 characters and a number."""
    rng = np.random.default_rng(0)
    return ["".join(LETTERS[i] for i in rng.integers(0, 500, rng.integers(8, 60))) + str(number) for number in range(n)]


def instant_teacher() -> TeacherFunction:
    """Answers at once, so that what is left is the cost of the cache."""
    return lambda texts: TeacherAnswers(np.array([[len(text), -len(text)] for text in texts], dtype=np.float32))


def memory_mb(pid: int | str) -> dict[str, float]:
    """RSS and PSS of the object store's mapping in a process, and the PSS of what is its own.

    Shared memory counts by PSS: a page that n processes map is one n-th of a page to each.
    """
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


def processes(name: str) -> list[int]:
    """Those whose name begins so among the ones that this process, or one of its own, has started."""
    parents, named = {}, []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            # After the name, which is in brackets and may hold anything: the state, and the parent.
            parents[int(place.name)] = int((place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            if (place / "cmdline").read_bytes().startswith(name.encode()):
                named.append(int(place.name))

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return [pid for pid in named if is_ours(pid)]


@contextmanager
def watched(look: Callable[[], Any], every_s: float = 0.5) -> Iterator[list[Any]]:
    """What `look` sees from time to time for the length of a `with`, and at its end."""
    seen: list[Any] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(every_s):
            seen.append(look())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()
        seen.append(look())


def cached(n: int) -> Figures:
    """A cache of n texts, filled on the connected cluster and opened: seconds, and the memory of actors and of this process."""
    texts, before_mb = texts_of(n), memory_mb("self")["own"]

    def look() -> tuple[float, float]:
        actors = [memory_mb(pid)["own"] for pid in processes("ray::MapWorker")]
        return max(actors, default=0.0), memory_mb("self")["own"] - before_mb

    with tempfile.TemporaryDirectory() as scratch:
        root = Place(scratch)
        with watched(look) as seen:
            start = time.perf_counter()
            fill_cache(root, KEY, texts, Source(instant_teacher, {}, OnRay(ClusterConfig()).map))
            filled_s = time.perf_counter() - start
        times = []
        for _ in range(5):
            start = time.perf_counter()
            cache = open_cache(root, KEY)
            times.append(time.perf_counter() - start)
        start = time.perf_counter()
        cache.of(texts[:64])
        first_s = time.perf_counter() - start
        size = sum(path.stat().st_size for path in Path(scratch).rglob("*") if path.is_file())
    return {
        "texts": n,
        "fill_s": round(filled_s, 2),
        "open_ms": round(1000 * float(np.median(times)), 2),
        "first_batch_ms": round(1000 * first_s, 1),
        "size_mb": round(size / 1e6, 1),
        "actor_mb": round(max((one[0] for one in seen), default=0.0)),
        "driver_growth_mb": round(max((one[1] for one in seen), default=0.0)),
    }


def enlarged(data: TrialData, n_rows: int) -> TrialData:
    """The same kinds of rows, but so many, of 20 words each."""
    rng = np.random.default_rng(0)
    flat = rng.integers(1, len(data.vectors), n_rows * WORDS, dtype=np.int32)
    ids = TokenIds(flat, np.arange(n_rows + 1, dtype=np.int64) * WORDS)
    labels: NDArray[np.int64] = np.where(np.arange(n_rows) < 1000, 1, -1)
    return replace(
        data,
        train=ids,
        labels=labels,
        iterations=np.zeros(n_rows, np.int32),
        teacher_logits=rng.normal(size=(1, n_rows, data.n_classes)).astype(np.float32),
        teacher_hidden=np.zeros((n_rows, 0), np.float16),
    )


def nbytes(data: TrialData) -> int:
    arrays = (data.train.flat, data.train.offsets, data.labels, data.iterations, data.teacher_logits, data.dev.flat)
    return sum(array.nbytes for array in arrays)


def trained(n_rows: int, n_trials: int) -> Figures:
    """Real trials by Ray Tune over so many rows, all at once: what they hold of the data together, and each of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        path = write_study(Path(scratch), "local", 0)
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["search"]["trials"] = n_trials
        document["cluster"] = {"cpus_per_trial": 0.01, "concurrent_trials": n_trials}
        document["trial"] |= {
            "student": {"kind": "average", "hidden_layer": 8},
            "batch_size": 4096,
            "epochs": 3,
            "loss": {"kd_weight": 1.0},
            "learning_rate": 0.001,
        }
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        prepared = prepare(read_study(load_study(path)))
        inputs = {key: replace(one, data=enlarged(one.data, n_rows)) for key, one in prepared.inputs.items()}
        data_mb = sum(nbytes(one.data) for one in inputs.values()) / 1e6
        prepared = replace(prepared, inputs=inputs)
        there = connected(prepared.study.config.cluster)
        with there, watched(lambda: [memory_mb(pid) for pid in processes("ray::ImplicitFunc")]) as seen:
            start = time.perf_counter()
            records = search.run_search(prepared.study, prepared.inputs, new_folder(prepared.study), [])
            seconds = time.perf_counter() - start
    failed = [record.error for record in records if record.state != "complete"]
    if failed:
        raise RuntimeError(str(failed[0]))
    fullest = max(seen, key=lambda one: (len(one), sum(process["store_rss"] for process in one)), default=[])
    return {
        "rows": n_rows,
        "trials": n_trials,
        "at_once": len(fullest),
        "data_mb": round(data_mb, 1),
        "store_pss_mb": round(sum(one["store_pss"] for one in fullest)),
        "store_rss_mb": round(sum(one["store_rss"] for one in fullest)),
        "own_mb_mean": round(sum(one["own"] for one in fullest) / max(1, len(fullest))),
        "seconds": round(seconds, 1),
    }
