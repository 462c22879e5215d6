"""`distune results` says why one finalist is champion and the others are not."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from distune.tuning.champion.results import parse_results
from distune.tuning.report.finalists import finalists_table
from distune.tuning.study.rule import ChampionConfig
from tests.making.findings import results


def whys(rule: dict[str, float], accuracies: dict[int, float], champion: int | None = 1) -> list[tuple[str, str]]:
    """Each trial with its reason; trial 1 takes 0.1 ms, trial 2 takes 0.3 ms, and the teacher's dev accuracy is 0.9."""
    raw: dict[str, Any] = results(champion)
    for one in raw["finalists"]:
        one["dev_accuracy"] = [accuracies[one["trial"]]]
    table = finalists_table(parse_results(raw), ChampionConfig.model_validate(rule))
    trials, *_, reasons = (list(column.cells) for column in table.columns)
    return [(str(trial), str(reason)) for trial, reason in zip(trials, reasons, strict=True)]


def test_a_finalist_that_meets_the_rule_was_slower_than_the_champion() -> None:
    assert whys({"min_teacher_ratio": 0.9}, {1: 0.82, 2: 0.85}) == [
        ("1", "champion"),
        ("2", "meets the rule, but is slower than the champion"),
    ]


def test_a_finalist_within_the_time_was_less_accurate_than_the_champion() -> None:
    assert whys({"max_latency_ms": 0.5}, {1: 0.82, 2: 0.85}, champion=2) == [
        ("2", "champion"),
        ("1", "meets the rule, but is less accurate than the champion"),
    ]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"min_teacher_ratio": 0.97}, "is below 97 % of the teacher's 0.9000"),
        ({"max_latency_ms": 0.2}, "takes more than 0.2 ms"),
        (
            {"min_teacher_ratio": 0.97, "max_latency_ms": 0.2},
            "is below 97 % of the teacher's 0.9000 and takes more than 0.2 ms",
        ),
    ],
)
def test_what_a_finalist_misses_of_the_rule_is_named(rule: dict[str, float], reason: str) -> None:
    assert whys(rule, {1: 0.89, 2: 0.8})[1] == ("2", reason)


def test_without_a_champion_every_finalist_has_its_reason() -> None:
    assert whys({"min_teacher_ratio": 0.97}, {1: 0.8, 2: 0.85}, champion=None) == [
        ("2", "is below 97 % of the teacher's 0.9000"),
        ("1", "is below 97 % of the teacher's 0.9000"),
    ]


def test_the_finalists_fit_a_terminal_of_80_columns() -> None:
    stream = io.StringIO()
    rule = ChampionConfig(min_teacher_ratio=0.9)
    Console(file=stream, width=80).print(finalists_table(parse_results(results()), rule))
    printed = stream.getvalue()
    assert "the finalists, trained again with 2 seeds and timed alone" in printed
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
