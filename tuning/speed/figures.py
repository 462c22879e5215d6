"""The figures of speed and how many texts they stand on, as values: they need neither torch nor ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass

BATCH_SIZE = 32
CHUNK_TEXTS = 20
TIMED_TEXTS = 200


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What was timed: percentiles of one text at a time, throughput in batches of 32, and the median of each stage."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    texts_per_s: float
    stages_ms: dict[str, float]
    quantiles_ms: tuple[float, ...] = ()
    """Of one text at a time, at 0, 1, ... 100 %; none in results of before they were kept."""
