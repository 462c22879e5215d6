"""The champion rule: its settings, its order, its sentence."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from distune.tuning.metric.config import ACCURACY, MetricConfig

ROUNDING = 1e-9
"""Scores such as accuracies are counts over counts: closer values than this are the same, up to the rounding of sums."""


class ChampionConfig(BaseModel, frozen=True, extra="forbid"):
    """The rule, on dev. With `min_teacher_ratio` the champion is the fastest student that keeps this part of the
    teacher's score by the study's `metric`. With `max_latency_ms` it is the best student within this time. With both
    it is the best student that meets both."""

    min_teacher_ratio: float | None = Field(default=None, gt=0)
    """The part of the teacher's score on dev that a champion must keep. Below zero it is a part of the distance to zero: 0.97
    of a log loss of -0.30 is -0.30 / 0.97."""
    max_latency_ms: float | None = Field(default=None, gt=0)
    """The largest p50 of a champion in milliseconds, from raw text to label, on one thread."""
    calibration: Literal["temperature", "none"] = "temperature"
    """`temperature` divides the logits of each finalist by a number that makes its probabilities true on dev (Guo et al. 2017). The
    checkpoint keeps it, and every way of asking uses it. `none` leaves probabilities as they are. Labels are the same with both."""

    @model_validator(mode="after")
    def _a_rule_is_given(self) -> ChampionConfig:
        if self.min_teacher_ratio is None and self.max_latency_ms is None:
            raise ValueError("needs min_teacher_ratio, max_latency_ms or both")
        return self


def meets(score: float, latency_ms: float, rule: ChampionConfig, teacher_score: float) -> bool:
    """Whether a student may be champion.

    Exactly the part that the rule asks for is enough, however the product is rounded: 0.72 keeps 90 % of 0.8.
    """
    keeps = rule.min_teacher_ratio is None or score >= least_score(rule.min_teacher_ratio, teacher_score) - ROUNDING
    return keeps and (rule.max_latency_ms is None or latency_ms <= rule.max_latency_ms)


def rank(score: float, latency_ms: float, rule: ChampionConfig, teacher_score: float) -> tuple[bool, float, float]:
    """A sort key, the best first: those that meet the rule, by speed under a ratio alone, else by score."""
    fails = not meets(score, latency_ms, rule, teacher_score)
    if rule.max_latency_ms is None and not fails:
        return fails, latency_ms, -score
    return fails, -score, latency_ms


def least_score(ratio: float, teacher_score: float) -> float:
    """The least score that keeps this part of the teacher's. Below zero the part is of the distance to zero."""
    return ratio * teacher_score if teacher_score >= 0 else teacher_score / ratio


def percent(share: float) -> str:
    """A share in percent with all its digits: two different rules must not look the same."""
    return f"{100 * share:.12g} %"


def rule_text(rule: ChampionConfig, metric: MetricConfig = ACCURACY) -> str:
    """The champion rule as a sentence."""
    return _sentence(rule, metric, "" if rule.min_teacher_ratio is None else percent(rule.min_teacher_ratio))


def rule_terms(rule: ChampionConfig, metric: MetricConfig = ACCURACY) -> str:
    """The champion rule as registered versions keep it, which are compared only with the same rule: its spelling
    never changes."""
    share = rule.min_teacher_ratio or 0.0
    short = f"{share:.1%}"
    ratio = short if abs(float(short[:-1]) / 100 - share) < ROUNDING else f"{100 * share:.12g}%"
    # Scores at a threshold of their own are not comparable with those of the likeliest label.
    return _sentence(rule, metric, ratio) + (", at a threshold chosen on dev" if metric.threshold == "on_dev" else "")


def _sentence(rule: ChampionConfig, metric: MetricConfig, ratio: str) -> str:
    parts = []
    if rule.min_teacher_ratio is not None:
        parts.append(f"keeps {ratio} of the teacher's dev {metric.title}")
    if rule.max_latency_ms is not None:
        parts.append(f"answers within {rule.max_latency_ms:g} ms (p50, raw text to label, one thread)")
    best = "the most accurate" if metric.is_accuracy else f"the best by dev {metric.title}"
    order = "the fastest" if rule.max_latency_ms is None else best
    return f"{order} that {' and '.join(parts)}"


def teacher_ratio(score: float, teacher_score: float) -> float | None:
    """The part of the teacher's score that a student keeps. Two scores below zero give the teacher's over the student's. The
    result is None if the teacher's score is zero, or if only one of the two is below zero."""
    if teacher_score > 0:
        return score / teacher_score if score >= 0 else None
    return teacher_score / score if teacher_score < 0 and score < 0 else None
