"""Which of the winners of several searches is the champion of a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distune.corpora.corpus_facts import CorpusFacts
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.rule import ROUNDING, ChampionConfig, rule_terms

if TYPE_CHECKING:
    from distune.tuning.champion.verdict import Verdict

CHAMPION, CHALLENGER = "champion", "challenger"
TAG = "distune."


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The figures that decide between two winners of searches; `speedup` is over the teacher, timed in the same run,
    None without a timed teacher."""

    corpus: str
    answers: str
    """The texts of dev and test with their labels."""
    teacher: str
    rule: str
    by_speed: bool
    """Whether the rule picks the fastest, else the best by its score."""
    dev_score: float
    """The score on dev by the metric that the rule names."""
    p50_ms: float
    speedup: float | None = None

    def tags(self) -> dict[str, str]:
        return {TAG + name: str(value) for name, value in asdict(self).items() if value is not None}

    @property
    def terms(self) -> Terms:
        return Terms(self.corpus, self.answers, self.teacher, self.rule)


@dataclass(frozen=True)
class Terms:
    """The terms that two winners must share for a comparison."""

    corpus: str
    answers: str
    teacher: str
    rule: str

    def other_in(self, old: Terms) -> str | None:
        """The terms on which the other was chosen, if they differ; None if it was chosen on the same ones."""
        others = {
            "corpus": "by another corpus",
            "answers": "by other labels of dev or test",
            "teacher": "by another teacher",
            "rule": "by another rule",
        }
        return next((other for name, other in others.items() if getattr(self, name) != getattr(old, name)), None)


@dataclass(frozen=True, kw_only=True)
class Present:
    """The present champion of a name, chosen on the same terms as a search that is about to end: its version and its checkpoint
    folder, or why that cannot be had."""

    version: str
    folder: Path | None = None
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """How fast a version answered in the run in which a candidate was timed, or why it did not."""

    version: str
    p50_ms: float | None
    max_latency_ms: float | None
    """The bound of the rule."""
    fault: str = ""


@dataclass(frozen=True)
class Registered:
    """A new version, whether it is the champion now, and why."""

    version: str
    is_champion: bool
    reason: str

    @property
    def alias(self) -> str:
        return CHAMPION if self.is_champion else CHALLENGER


def terms_of(config: StudyConfig, corpus: CorpusFacts, teacher: str) -> Terms:
    """On what terms a search chooses; `teacher` is the identity of its teachers."""
    rule = rule_terms(config.champion, config.metric)
    return Terms(corpus.fingerprint, corpus.answers_fingerprint, teacher, rule)


def beside_of(present: Present | None, verdict: Verdict, rule: ChampionConfig) -> Beside | None:
    """The present champion as it was timed with the finalists; None without one."""
    if present is None:
        return None
    return Beside(
        version=present.version,
        p50_ms=verdict.present.p50_ms if verdict.present else None,
        max_latency_ms=rule.max_latency_ms,
        fault=present.fault or verdict.present_fault,
    )


def candidate_of_verdict(verdict: Verdict, terms: Terms, rule: ChampionConfig) -> Candidate:
    """The figures of a search's champion in the registry."""
    teacher, _, champion = verdict.columns
    p50_ms = champion.latency.p50_ms if champion.latency else 0.0
    return Candidate(
        **asdict(terms),
        by_speed=rule.max_latency_ms is None,
        dev_score=champion.quality.dev_score.mean,
        p50_ms=p50_ms,
        speedup=teacher.latency.p50_ms / p50_ms if teacher.latency and p50_ms else None,
    )


def candidate_of(tags: dict[str, str]) -> Candidate | None:
    """The figures in a version's tags, or None if they are not ours, or from a Distune that did not keep the labels."""
    kinds: dict[str, Callable[[str], Any]] = {"str": str, "float": float, "bool": lambda value: value == "True"}
    needed = [field for field in fields(Candidate) if field.name != "speedup"]
    # An earlier Distune knew accuracy alone.
    tags = {f"{TAG}dev_score": tags.get(f"{TAG}dev_accuracy", ""), **tags}
    try:
        found = {field.name: kinds[str(field.type)](tags[TAG + field.name]) for field in needed}
        # An earlier Distune wrote 0 where nothing was timed.
        return Candidate(**found, speedup=float(tags.get(f"{TAG}speedup", 0)) or None)
    except (KeyError, ValueError):
        return None


def wins(new: Candidate, old: Candidate | None, beside: Beside | None = None) -> tuple[bool, str]:
    """Whether a candidate takes the alias of another: only on the same dev texts and labels, against the same teacher, by the
    same rule; and why.

    If the other was timed in the same run (`beside`), the speeds of that run decide; else those over the teacher.
    """
    if old is None:
        return False, "how it was chosen is not known"
    if other := new.terms.other_in(old.terms):
        return False, f"it was chosen {other}"
    if beside is not None:
        return _wins_beside(new, old, beside)
    if new.by_speed:
        if not new.speedup or not old.speedup:
            return False, "there was no teacher to time them against"
        return new.speedup > old.speedup, f"{new.speedup:,.1f} against {old.speedup:,.1f} times as fast as the teacher"
    return _more_accurate(new, old)


def _wins_beside(new: Candidate, old: Candidate, beside: Beside) -> tuple[bool, str]:
    if beside.p50_ms is None:
        return False, f"it could not be timed beside this one: {beside.fault}"
    if new.by_speed:
        return (
            new.p50_ms < beside.p50_ms,
            f"p50 {new.p50_ms:.3f} ms against {beside.p50_ms:.3f} ms, timed in one run",
        )
    if beside.max_latency_ms is not None and beside.p50_ms > beside.max_latency_ms:
        return (
            True,
            f"in one run with this one it takes {beside.p50_ms:.3f} ms, of the {beside.max_latency_ms:g} ms that the rule allows",
        )
    return _more_accurate(new, old)


def _more_accurate(new: Candidate, old: Candidate) -> tuple[bool, str]:
    return (
        new.dev_score > old.dev_score + ROUNDING,
        f"dev score {new.dev_score:.4f} against {old.dev_score:.4f}",
    )
