"""The champion rule: its settings, its order, its sentence."""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

ROUNDING = 1e-9
"""Accuracies are counts over counts: closer values than this are the same, up to the rounding of sums."""


class ChampionConfig(BaseModel, frozen=True, extra="forbid"):
    """The rule, on dev. With `min_teacher_ratio` the champion is the fastest student that keeps this part of the
    teacher's accuracy. With `max_latency_ms` it is the most accurate student within this time. With both it is the
    most accurate student that meets both."""

    min_teacher_ratio: float | None = Field(default=None, gt=0)
    """The part of the teacher's dev accuracy that a champion must keep."""
    max_latency_ms: float | None = Field(default=None, gt=0)
    """The largest p50 of a champion in milliseconds, from raw text to label, on one thread."""

    @model_validator(mode="after")
    def _a_rule_is_given(self) -> ChampionConfig:
        if self.min_teacher_ratio is None and self.max_latency_ms is None:
            raise ValueError("needs min_teacher_ratio, max_latency_ms or both")
        return self


def meets(accuracy: float, latency_ms: float, rule: ChampionConfig, teacher_accuracy: float) -> bool:
    """Whether a student may be champion.

    Exactly the part that the rule asks for is enough, however the product is rounded: 0.72 keeps 90 % of 0.8.
    """
    keeps = rule.min_teacher_ratio is None or accuracy >= rule.min_teacher_ratio * teacher_accuracy - ROUNDING
    return keeps and (rule.max_latency_ms is None or latency_ms <= rule.max_latency_ms)


def rank(
    accuracy: float, latency_ms: float, rule: ChampionConfig, teacher_accuracy: float
) -> tuple[bool, float, float]:
    """A sort key, the best first: those that meet the rule, by speed under a ratio alone, else by accuracy."""
    fails = not meets(accuracy, latency_ms, rule, teacher_accuracy)
    if rule.max_latency_ms is None and not fails:
        return fails, latency_ms, -accuracy
    return fails, -accuracy, latency_ms


def percent(share: float) -> str:
    """A share in percent with all its digits: two different rules must not look the same."""
    return f"{100 * share:.12g} %"


def rule_text(rule: ChampionConfig) -> str:
    """The champion rule as a sentence."""
    return _sentence(rule, "" if rule.min_teacher_ratio is None else percent(rule.min_teacher_ratio))


def rule_terms(rule: ChampionConfig) -> str:
    """The champion rule as registered versions keep it, which are compared only with the same rule: its spelling
    never changes."""
    share = rule.min_teacher_ratio or 0.0
    short = f"{share:.1%}"
    return _sentence(rule, short if abs(float(short[:-1]) / 100 - share) < ROUNDING else f"{100 * share:.12g}%")


def _sentence(rule: ChampionConfig, ratio: str) -> str:
    parts = []
    if rule.min_teacher_ratio is not None:
        parts.append(f"keeps {ratio} of the teacher's dev accuracy")
    if rule.max_latency_ms is not None:
        parts.append(f"answers within {rule.max_latency_ms:g} ms (p50, raw text to label, one thread)")
    order = "fastest" if rule.max_latency_ms is None else "most accurate"
    return f"the {order} that {' and '.join(parts)}"


def teacher_ratio(accuracy: float, teacher_accuracy: float) -> float | None:
    """The part of the teacher's accuracy that a student keeps; None if the teacher is never right."""
    return accuracy / teacher_accuracy if teacher_accuracy > 0 else None
