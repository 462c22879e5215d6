"""Why one finalist is champion and the others are not."""

from __future__ import annotations

from rich.table import Table

from distune.tuning.champion.columns import spread
from distune.tuning.champion.results import FinalStudent, Results
from distune.tuning.champion.table import in_mb
from distune.tuning.study.rule import ChampionConfig, meets, percent, rank


def finalists_table(results: Results, rule: ChampionConfig) -> Table:
    """The finalists as they were measured, the champion first, each with the reason for its place."""
    n_seeds = len(results.shown.dev_scores)
    trained = f"trained again with {n_seeds} seeds and " if n_seeds > 1 else ""
    table = Table(title=f"the finalists, {trained}timed alone", title_justify="left")
    for heading in ("trial", f"dev {results.metric.title}", "p50 ms", "MB", "why"):
        table.add_column(heading, justify="left" if heading == "why" else "right", no_wrap=heading != "why")
    teacher = results.columns[0].quality.dev_score.mean
    # Before all others comes the champion, also where the order of an earlier Distune was another one.
    ordered = sorted(
        results.finalists,
        key=lambda one: (one.trial != results.champion, rank(_score(one), one.latency.p50_ms, rule, teacher)),
    )
    for one in ordered:
        size = "" if one.size_mb is None else in_mb(one.size_mb)
        measured = (str(spread(one.dev_scores)), f"{one.latency.p50_ms:.3f}", size)
        table.add_row(str(one.trial), *measured, _why(one, results, rule, teacher))
    return table


def _score(one: FinalStudent) -> float:
    return spread(one.dev_scores).mean


def _why(one: FinalStudent, results: Results, rule: ChampionConfig, teacher_score: float) -> str:
    if one.trial == results.champion:
        return "champion"
    score, p50_ms = _score(one), one.latency.p50_ms
    if not meets(score, p50_ms, rule, teacher_score):
        return " and ".join(_misses(score, p50_ms, rule, teacher_score))
    by_speed = rule.max_latency_ms is None and p50_ms > results.shown.latency.p50_ms
    worse = "less accurate" if results.metric.is_accuracy else "worse"
    return f"meets the rule, but is {'slower' if by_speed else worse} than the champion"


def _misses(score: float, p50_ms: float, rule: ChampionConfig, teacher_score: float) -> list[str]:
    """The parts of the rule that a student does not meet."""
    found = []
    if rule.min_teacher_ratio is not None:
        only_ratio = ChampionConfig(min_teacher_ratio=rule.min_teacher_ratio)
        if not meets(score, p50_ms, only_ratio, teacher_score):
            found.append(f"is below {percent(rule.min_teacher_ratio)} of the teacher's {teacher_score:.4f}")
    if rule.max_latency_ms is not None and p50_ms > rule.max_latency_ms:
        found.append(f"takes more than {rule.max_latency_ms:g} ms")
    return found
