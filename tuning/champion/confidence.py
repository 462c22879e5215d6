"""How sure a model is on the test texts, and how rightly: its calibration, and its accuracy on those of which it is sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.models.decision import AnyDecision
from distune.tuning.champion.calibration import Calibration, calibration
from distune.tuning.champion.coverage import Covered, area_under_risk, at_shares, sureness
from distune.tuning.metric.task import AnyMetric, task_of_metric


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """The confidence of a model as it answers, on the test texts."""

    temperature: float
    note: str
    """Why dev has fitted no temperature; empty if it has, and of a teacher."""
    calibration: Calibration
    uncalibrated: Calibration | None
    """The calibration at a temperature of 1; None if that is the temperature."""
    area_under_risk_coverage: float
    covered: tuple[Covered, ...]


def confidence_of(
    metric: AnyMetric,
    decision: AnyDecision,
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    note: str = "",
) -> Confidence:
    """The confidence of logits `[texts, classes]` that are answered by a decision."""
    exact = logits.astype(np.float64)
    is_right = task_of_metric(metric).right(decision.of_logits(logits), labels)
    raw = None if decision.temperature == 1 else replace(decision, temperature=1.0)
    return Confidence(
        temperature=decision.temperature,
        note=note,
        calibration=calibration(decision.probabilities(exact), labels),
        uncalibrated=None if raw is None else calibration(raw.probabilities(exact), labels),
        area_under_risk_coverage=area_under_risk(sureness(decision, logits), is_right),
        covered=at_shares(metric, decision, logits, labels),
    )


def confidence_in(raw: Mapping[str, Any] | None) -> Confidence | None:
    """The confidence in a column of `results.json`; None if an older Distune did not measure it."""
    if raw is None:
        return None
    before = raw["uncalibrated"]
    return Confidence(
        **{
            **raw,
            "calibration": Calibration(**raw["calibration"]),
            "uncalibrated": None if before is None else Calibration(**before),
            "covered": tuple(Covered(**one) for one in raw["covered"]),
        }
    )
