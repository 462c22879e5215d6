"""The shape of `results.json`: each figure that is read from it is a finite number where a number must stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from distune.tuning.speed.figures import TeacherTimed

AtLeastNothing = Annotated[float, Field(ge=0)]
OverNothing = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
MAY_LACK = ("micro_f1", "agreement", "answered", "test_interval")
"""The figures of quality that some results do not have."""


class _Shape(BaseModel, frozen=True, strict=True, allow_inf_nan=False):
    """A part of the file; further keys are ignored."""


class _Spread(_Shape, frozen=True):
    mean: float
    sd: AtLeastNothing


class _Answered(_Shape, frozen=True):
    """The label that is answered from a threshold on."""

    label: str
    threshold: _Spread
    precision: _Spread
    recall: _Spread


class _Latency(_Shape, frozen=True):
    p50_ms: OverNothing
    p95_ms: OverNothing
    p99_ms: OverNothing
    texts_per_s: AtLeastNothing
    stages_ms: dict[str, AtLeastNothing]
    quantiles_ms: Sequence[AtLeastNothing] = ()


class _Kept(_Shape, frozen=True):
    test_score: float
    threshold: Probability | None = None
    thresholds: dict[str, Probability] | None = None


class _Calibration(_Shape, frozen=True):
    error: Probability
    classwise_error: Probability
    log_loss: AtLeastNothing


class _Covered(_Shape, frozen=True):
    asked: Probability
    share: Probability
    abstain_below: Probability
    accuracy: Probability
    score: float | None


class _Confidence(_Shape, frozen=True):
    temperature: OverNothing
    note: str
    calibration: _Calibration
    uncalibrated: _Calibration | None
    area_under_risk_coverage: Probability
    covered: Annotated[list[_Covered], Field(min_length=1)]


class _Column(_Shape, frozen=True):
    name: str
    quality: dict[str, _Spread | _Answered | Annotated[Sequence[float], Field(min_length=2, max_length=2)] | None]
    n_parameters: int | None
    size_mb: AtLeastNothing | None
    latency: _Latency | None
    kept: _Kept | None = None
    confidence: _Confidence | None = None


class _Finalist(_Shape, frozen=True):
    trial: int
    onnxruntime: _Latency
    size_mb: AtLeastNothing | None = None


class _Load(_Shape, frozen=True):
    busy_cores: float
    n_cores: int


class _Results(_Shape, frozen=True):
    rule: str
    champion: int | None
    distillation_ratio: float | None
    columns: list[_Column]
    baseline: _Column | None = None
    finalists: Annotated[list[_Finalist], Field(min_length=1)]
    cpu: str
    timed_on: str = ""
    timed_texts: int | None = None
    texts: dict[str, int] = {}
    versions: dict[str, str] = {}
    teacher_timed: TeacherTimed | None = None
    load: _Load | None = None


class _Scores(_Shape, frozen=True):
    distilled: Annotated[list[float], Field(min_length=1)]
    plain: list[float]


def check_shape(raw: dict[str, Any], metric: str) -> None:
    """Raises ValueError, naming the place, for what no search of this metric wrote."""
    try:
        read = _Results.model_validate(raw)
        for one in raw["finalists"]:
            _Scores.model_validate({"distilled": one[f"dev_{metric}"], "plain": one[f"plain_dev_{metric}"]})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("_"))
        raise ValueError(f"{place:.120}: {first['msg'].removeprefix('Input ')}") from error
    columns = [*read.columns, *([read.baseline] if read.baseline else [])]
    for column in columns:
        lacking = [name for name, value in column.quality.items() if value is None and name not in MAY_LACK]
        if lacking:
            raise ValueError(f"the column {column.name!r:.80} lacks {lacking[0]:.80}")
    if len({column.quality.get("micro_f1") is None for column in columns}) > 1:
        raise ValueError("some of its columns lack micro_f1, and others have it")
    if read.champion is not None and read.champion not in [one.trial for one in read.finalists]:
        raise ValueError(f"its champion, trial {read.champion}, is none of its finalists")
