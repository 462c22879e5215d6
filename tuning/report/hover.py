"""The lines that a picture shows of the trial or the finalist at the pointer."""

from __future__ import annotations

from distune._plural import n_of
from distune.tuning.champion.columns import Spread
from distune.tuning.champion.results import FinalStudent
from distune.tuning.champion.table import in_mb
from distune.tuning.metric.config import MetricConfig
from distune.tuning.report.style import escaped
from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.describe import describe_trial
from distune.tuning.trial.config import TrialConfig


def hover(record: TrialRecord, metric: MetricConfig) -> str:
    """A trial in some lines: its number and name, what it reached, and its configuration."""
    size = "" if record.size_mb is None else f" · {in_mb(record.size_mb)} MB"
    reached = f"dev {escaped(metric.title)} {record.score:.4f}" if record.score is not None else "no epoch"
    cost = "" if record.latency_ms is None else f" · hint {record.latency_ms:.3f} ms"
    state = f"after {record.epochs} of {n_of(record.config.epochs, 'epoch')}, {record.state}"
    title = f", {escaped(record.title)}" if record.title else ""
    return "<br>".join(
        [f"<b>trial {record.number}{title}</b>, {state}", f"{reached}{cost}{size}", *_lines(record.config)]
    )


def hover_of_finalist(one: FinalStudent, score: Spread, is_champion: bool, metric: MetricConfig) -> str:
    title = f"<b>{'champion' if is_champion else 'finalist'}, trial {one.trial}</b>"
    timed = f"p50 {one.latency.p50_ms:.3f} ms, p95 {one.latency.p95_ms:.3f} ms"
    return "<br>".join(
        [title, f"dev {escaped(metric.title)} {score} over {len(one.dev_scores)} seeds", timed, *_lines(one.config)]
    )


def _lines(config: TrialConfig) -> list[str]:
    return [escaped(part) for part in describe_trial(config).split(" · ")]
