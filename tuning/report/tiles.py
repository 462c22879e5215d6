"""The figures of the headline of the page, each next to the figure to compare it with."""

from __future__ import annotations

from dataclasses import dataclass

from distune._plural import n_of
from distune.tuning.champion.columns import interval_of
from distune.tuning.champion.results import Results
from distune.tuning.champion.table import in_mb
from distune.tuning.study.rule import teacher_ratio


@dataclass(frozen=True)
class Tile:
    """One figure of the headline, and the figure to compare it with."""

    figure: str
    what: str
    beside: str


def tiles_of(results: Results) -> list[Tile]:
    teacher, alone, student = results.columns
    kept = teacher_ratio(student.quality.dev_score.mean, teacher.quality.dev_score.mean)
    title, score = student.quality.metric.title, student.quality.test_score.mean
    n_test = results.texts.get("test")
    interval = ""
    if n_test and (bounds := interval_of(student.quality, n_test)):
        low, high = bounds
        interval = f" 95 % interval {low:.3f} to {high:.3f} over {n_of(n_test, 'text')}"
    tiles = [
        Tile(
            "-" if kept is None else f"{100 * kept:.1f} %",
            f"of the teacher's dev {title}",
            f"{student.quality.dev_score} of {teacher.quality.dev_score}",
        ),
        Tile(
            f"{score:.3f}",
            f"test {title};{interval}" if interval else f"test {title}",
            f"teacher {teacher.quality.test_score.mean:.3f}, {alone.name} {alone.quality.test_score.mean:.3f}",
        ),
    ]
    if student.latency:
        beside = f"95 % within {student.latency.p95_ms:.3f} ms"
        tiles.append(
            Tile(f"{student.latency.p50_ms:.3f} ms", "for a text, from raw text to label, one thread (p50)", beside)
        )
        if teacher.latency:
            who = "which" if results.teacher_timed != "stand-in" else "a model of its architecture"
            faster = teacher.latency.p50_ms / student.latency.p50_ms
            tiles.append(
                Tile(f"{faster:,.0f}×", "as fast as the teacher", f"{who} takes {teacher.latency.p50_ms:.2f} ms")
            )
    if student.size_mb is not None:
        beside = f"teacher {in_mb(teacher.size_mb)} MB" if teacher.size_mb is not None else ""
        tiles.append(Tile(f"{in_mb(student.size_mb)} MB", "on disk", beside))
    return tiles
