"""Which of the winners of several searches is the champion of a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from distune.tuning.study.rule import ROUNDING, ChampionConfig

if TYPE_CHECKING:
    from distune.tuning.champion.verdict import Verdict
    from distune.tuning.search.preparation import Prepared

CHAMPION, CHALLENGER = "champion", "challenger"
TAG = "distune."


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What decides between two winners of searches; `speedup` is over the teacher, timed in the same run, 0 where there was
    none to be timed."""

    corpus: str
    answers: str
    """The texts of dev and test with their labels."""
    teacher: str
    rule: str
    by_speed: bool
    """Whether the rule picks the fastest, else the most accurate."""
    dev_accuracy: float
    p50_ms: float
    speedup: float

    def tags(self) -> dict[str, str]:
        return {TAG + name: str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Registered:
    """A new version, whether it is the champion now, and why."""

    version: str
    is_champion: bool
    reason: str

    @property
    def alias(self) -> str:
        return CHAMPION if self.is_champion else CHALLENGER


def candidate_of_verdict(verdict: Verdict, prepared: Prepared, rule: ChampionConfig) -> Candidate:
    """What the champion of a search has to show in the registry."""
    teacher, _, champion = verdict.columns
    p50_ms = champion.latency.p50_ms if champion.latency else 0.0
    return Candidate(
        corpus=prepared.corpus.fingerprint,
        answers=prepared.corpus.answers_fingerprint,
        teacher=prepared.teachers.key.teacher,
        rule=verdict.rule,
        by_speed=rule.max_latency_ms is None,
        dev_accuracy=champion.quality.dev_accuracy.mean,
        p50_ms=p50_ms,
        speedup=teacher.latency.p50_ms / p50_ms if teacher.latency and p50_ms else 0.0,
    )


def candidate_of(tags: dict[str, str]) -> Candidate | None:
    """What a version's tags say, or None where they were not written by us, or by a Distune that did not keep the labels."""
    kinds: dict[str, Callable[[str], Any]] = {"str": str, "float": float, "bool": lambda value: value == "True"}
    try:
        return Candidate(**{field.name: kinds[str(field.type)](tags[TAG + field.name]) for field in fields(Candidate)})
    except KeyError:
        return None


def wins(new: Candidate, old: Candidate | None) -> tuple[bool, str]:
    """Whether a candidate takes the alias of another: only on the same dev texts and labels, against the same teacher, by the
    same rule; and why."""
    if old is None:
        return False, "how it was chosen is not known"
    others = {
        "corpus": "by another corpus",
        "answers": "by other labels of dev or test",
        "teacher": "by another teacher",
        "rule": "by another rule",
    }
    for name, other in others.items():
        if getattr(new, name) != getattr(old, name):
            return False, f"it was chosen {other}"
    if new.by_speed:
        if not new.speedup or not old.speedup:
            return False, "there was no teacher to time them against"
        return new.speedup > old.speedup, f"{new.speedup:,.1f} against {old.speedup:,.1f} times as fast as the teacher"
    return (
        new.dev_accuracy > old.dev_accuracy + ROUNDING,
        f"dev accuracy {new.dev_accuracy:.4f} against {old.dev_accuracy:.4f}",
    )
