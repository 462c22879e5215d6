"""What filling and opening the teacher-logits cache costs as the corpus grows, on a cluster of one node.

    python -m benchmarks.cache_growth [--texts 100000 1000000]

A tiny BERT answers texts of 8 to 60 characters, by Ray Data on an actor for each CPU. Memory is the largest PSS of any of those
actors and of Ray's object store, and what this process has grown by beside the texts themselves. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification

from cluster.connection import ClusterConfig, connected
from cluster.tasks import map_on_cluster
from corpora.logits_filling import Source, TeacherAnswers, TeacherFunction, fill_cache
from corpora.places import Place
from corpora.teacher_logits import CacheKey, open_cache
from models.teacher import Teacher, ask_teacher, character_tokenizer

KEY = CacheKey("teacher", "corpus", ("0", "1"))
LETTERS = [chr(0x4E00 + i) for i in range(500)]


def texts_of(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    return ["".join(LETTERS[i] for i in rng.integers(0, 500, rng.integers(8, 60))) + str(number) for number in range(n)]


def tiny_teacher() -> TeacherFunction:
    """One layer of 16 features."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tokenizer = character_tokenizer(["".join(LETTERS) + "0123456789"], 1, 64)
    shape = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=2,
    )  # fmt: skip
    teacher = Teacher((BertForSequenceClassification(shape).eval(),), tokenizer, 64)
    return lambda texts: TeacherAnswers(ask_teacher(teacher, texts, ())[0])


def pss_mb(pid: int | str) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    return 0.0


def actors() -> dict[int, float]:
    """The PSS of each process that asks the teacher."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if place.read_bytes().startswith(b"ray::MapWorker"):
                found[int(place.parent.name)] = pss_mb(place.parent.name)
    return found


def measure(n: int) -> dict[str, Any]:
    texts, peaks, is_over = texts_of(n), {"actor": 0.0, "driver": 0.0}, threading.Event()
    before_mb = pss_mb("self")

    def watch() -> None:
        while not is_over.wait(0.5):
            peaks["actor"] = max([peaks["actor"], *actors().values()])
            peaks["driver"] = max(peaks["driver"], pss_mb("self") - before_mb)

    with tempfile.TemporaryDirectory() as scratch:
        root = Place(scratch)
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        start = time.perf_counter()
        fill_cache(root, KEY, texts, Source(tiny_teacher, {}, map_on_cluster))
        filled_s = time.perf_counter() - start
        is_over.set()
        thread.join()
        times = []
        for _ in range(5):
            start = time.perf_counter()
            cache = open_cache(root, KEY)
            times.append(time.perf_counter() - start)
        start = time.perf_counter()
        cache.of(texts[:1000])
        first_s = time.perf_counter() - start
        size_mb = sum(path.stat().st_size for path in Path(scratch).rglob("*") if path.is_file()) / 1e6
    return {
        "texts": n, "texts_per_s": round(n / filled_s), "actor_mb": round(peaks["actor"]),
        "driver_growth_mb": round(peaks["driver"]), "open_ms": round(1000 * float(np.median(times)), 1),
        "first_1000_ms": round(1000 * first_s, 1), "size_mb": round(size_mb, 1),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args(arguments)
    with connected(ClusterConfig()):
        results = []
        for n in options.texts:
            results.append(measure(n))
            print(results[-1], flush=True)
    print(json.dumps({"sizes": results}))


if __name__ == "__main__":
    main()
