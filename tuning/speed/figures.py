"""The figures of speed and their number of texts, as values: they need no torch and no ONNX Runtime."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

BATCH_SIZE = 32
CHUNK_TEXTS = 20
TIMED_TEXTS = 200
QUIET_CORES = 0.25
"""The cores that an idle system keeps busy."""
TeacherTimed = Literal["itself", "stand-in", "no"]
"""The model that was timed as the teacher: the teacher, a model of its architecture, or nothing."""
WHO_TOOK_TURNS: dict[TeacherTimed | None, str] = {
    "itself": "The finalists and the teacher",
    "stand-in": "Only the teacher's logits are known, so a model of the same architecture stands in for it. It and the finalists",
    "no": "The teacher was not timed: the search used only its logits. The finalists",
    None: "What was timed",
}
"""The beginning of a sentence; None is for results of before it was kept."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The timings of one contender: percentiles of one text at a time, throughput in batches of 32, and the median
    of each stage."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    texts_per_s: float
    stages_ms: dict[str, float]
    quantiles_ms: tuple[float, ...] = ()
    """The quantiles of one text at a time, at 0, 1, ... 100 %; none in results of before they were kept."""


def printed_figures(latency: Latency) -> dict[str, Any]:
    """The figures of a contender for a line of JSON in a terminal: without its 101 quantiles, which would fill the screen."""
    return {name: value for name, value in asdict(latency).items() if name != "quantiles_ms"}


@dataclass(frozen=True)
class Load:
    """How many cores of a machine other processes kept busy, in the mean, while something was timed."""

    busy_cores: float
    n_cores: int


def timed_words(cpu: str, teacher: TeacherTimed | None, load: Load | None) -> str:
    """How speeds were taken, to end a sentence with; what results of before do not say is left out."""
    beside_teacher = {
        "itself": ", in one run with the teacher",
        "stand-in": ", in one run with a model of the teacher's architecture, which stands in for it",
        "no": ", without the teacher (the search used only its logits)",
        None: "",
    }
    return f"one thread of {cpu}{beside_teacher[teacher]}, {load_words(load)}"


def load_words(load: Load | None) -> str:
    """The other work during the timing."""
    if load is None:
        return "with nothing of the search beside it"
    if load.busy_cores < QUIET_CORES:
        return "with nothing beside it"
    return f"while other work kept {load.busy_cores:.1f} of {load.n_cores} cores busy"
