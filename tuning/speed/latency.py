"""CPU speed, from raw text to label: one thread, warm, with no other work, all contenders alternating in one run.

Two metrics. Single stream: one text after the other, as a user waits for it; the 50th, 95th and 99th percentile of
its milliseconds. Offline: batches of 32, as a backlog is worked off; texts a second. Contenders take turns on the same
few texts, so that whatever slows the machine for a moment slows all of them and the ratio holds.
"""

from __future__ import annotations

import gc
import itertools
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.encoding import Encoder
from distune.tuning.speed.figures import BATCH_SIZE, CHUNK_TEXTS, TIMED_TEXTS, Latency

MIN_CHUNK_S = 0.05
HINT_ROWS = 100


@dataclass(frozen=True)
class Contender:
    """How one model answers: the stages that one text walks through, and a whole batch of texts at once."""

    stages: Mapping[str, Callable[[Any], Any]]
    batch: Callable[[Sequence[str]], Any]


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread, and no garbage collection in the middle of a timing."""
    import torch  # Whoever only encodes texts needs none of it, nor ONNX Runtime.

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        torch.set_num_threads(threads)


def network_hint_ms(graph: bytes, rows: Sequence[NDArray[np.integer[Any]]]) -> float:
    """Median milliseconds of the bare network in ONNX Runtime on one row at a time, the best of three rounds.

    It is only a hint, because the machine may do other work. Speed depends on the architecture and not on the weights,
    so it can be taken before training.
    """
    from distune.models.network import OUTPUT, open_session, run_network

    session = open_session(graph)
    sample = [row.tolist() for row in rows[:HINT_ROWS]]
    medians = []
    with one_thread():
        for _ in range(3):
            medians.append(
                float(np.median([timed_ms(partial(run_network, session, [row], outputs=[OUTPUT])) for row in sample]))
            )
    return min(medians)


def timed_ms(call: Callable[[], Any]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1e6


def encode_ms(encoder: Encoder, texts: Sequence[str]) -> float:
    """Median milliseconds from raw text to token ids."""
    encoder(texts[0])
    return float(np.median([timed_ms(partial(encoder, text)) for text in texts]))


def time_contenders(
    contenders: Mapping[str, Contender], texts: Sequence[str], seed: int, n_texts: int = TIMED_TEXTS
) -> dict[str, Latency]:
    """Time all contenders in one run, taking turns on chunks of the texts in a seeded order.

    A contender that is through a chunk in less than 50 ms goes on over it, so that fast ones have many samples.
    """
    sample = [texts[i] for i in np.random.default_rng(seed).permutation(len(texts))[:n_texts]]
    chunks = [sample[start : start + CHUNK_TEXTS] for start in range(0, len(sample), CHUNK_TEXTS)]
    single: dict[str, list[list[float]]] = {name: [] for name in contenders}
    offline: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()  # Not for a hint: beside all that torch has made, it takes a third of one.
    with one_thread():
        for contender in contenders.values():
            _single_stream(contender, chunks[0])
            contender.batch(chunks[0])
        for turn, chunk in enumerate(chunks):
            names = list(contenders)
            # Each chunk starts with another contender, so that none always follows the same one.
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                single[name] += _single_stream(contenders[name], chunk)
                offline[name].append(_offline(contenders[name], sample, turn))
    return {
        name: _summary(list(contenders[name].stages), np.array(single[name]), np.array(offline[name]))
        for name in contenders
    }


def _single_stream(contender: Contender, chunk: Sequence[str]) -> list[list[float]]:
    """The milliseconds of each stage for each text."""
    samples: list[list[float]] = []
    end = time.perf_counter() + MIN_CHUNK_S
    while not samples or time.perf_counter() < end:
        for text in chunk:
            value: Any = text
            marks = [time.perf_counter_ns()]
            for stage in contender.stages.values():
                value = stage(value)
                marks.append(time.perf_counter_ns())
            samples.append([(after - before) / 1e6 for before, after in itertools.pairwise(marks)])
    return samples


def _offline(contender: Contender, texts: Sequence[str], turn: int) -> float:
    """Texts a second over one batch of 32, which starts with this turn's chunk."""
    start = turn * CHUNK_TEXTS
    batch = [texts[i % len(texts)] for i in range(start, start + BATCH_SIZE)]
    n_done, began = 0, time.perf_counter()
    while not n_done or time.perf_counter() - began < MIN_CHUNK_S:
        contender.batch(batch)
        n_done += len(batch)
    return n_done / (time.perf_counter() - began)


def _summary(stages: Sequence[str], samples: NDArray[np.float64], offline: NDArray[np.float64]) -> Latency:
    quantiles = np.percentile(samples.sum(axis=1), np.arange(101))
    p50, p95, p99 = (float(quantiles[percent]) for percent in (50, 95, 99))
    medians = dict(zip(stages, np.median(samples, axis=0).tolist(), strict=True))
    return Latency(
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        texts_per_s=float(np.median(offline)),
        stages_ms=medians,
        quantiles_ms=tuple(quantiles.round(5).tolist()),
    )


def cpu_name() -> str:
    """The model of the CPU, as the system names it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
