"""The ablation's picture: which accuracies are drawn where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.tables.ablation import draw, losses_of, sizes_of
from benchmarks.tables.table_config import TableConfig
from distune.tuning.study.file import parse_yaml

ROOT = Path(__file__).resolve().parents[2]
KL, MSE, PLAIN = "KL, T = 4, weight 0.5", "MSE, weight 1.0", "labels alone"


def records(n_transfer: int, right: dict[str, list[int]]) -> list[dict[str, Any]]:
    """Of each method, on how many of four texts it was right with each seed."""
    losses: dict[str, Any] = {
        KL: {"kd_weight": 0.5, "teacher_term": {"kind": "kl", "temperature": 4.0}},
        f"{KL} without T²": {"kd_weight": 0.0588, "teacher_term": {"kind": "kl", "temperature": 4.0}},
        MSE: {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}},
        PLAIN: {"kd_weight": 0.0, "teacher_term": {"kind": "mse"}},
    }
    cells = [{"key": f"{name}{seed}", "method": name} for name, counts in right.items() for seed in range(len(counts))]
    found: list[dict[str, Any]] = [
        {"record": "plan", "texts": {"transfer": n_transfer}, "finals": {"test": [1, 1, 1, 1]}, "cells": cells}
    ]
    for name, counts in right.items():
        for seed, count in enumerate(counts):
            about = {"config": {"loss": losses[name]}}
            found.append({"record": "choice", "key": f"{name}{seed}", "folder": "student", "about": about})
            classes = [1] * count + [0] * (4 - count)
            found.append({"record": "reading", "key": f"{name}{seed}", "classes": {"test": classes}})
    return found


def test_kl_is_drawn_over_the_temperature_and_with_mse_over_the_weight() -> None:
    by_temperature, by_weight = losses_of(
        records(9, {KL: [2, 4], f"{KL} without T²": [1, 1], MSE: [3, 3], PLAIN: [0, 1]})
    )
    assert by_temperature == {"weight 0.5": {4.0: [0.5, 1.0]}, "weight 0.5 without T²": {4.0: [0.25, 0.25]}}
    assert by_weight == {"KL, T = 4": {0.5: [0.5, 1.0]}, "MSE": {1.0: [0.75, 0.75]}}


def test_sizes_hold_the_methods_that_each_of_them_has() -> None:
    sizes = {9: records(9, {KL: [2, 4], PLAIN: [0, 1], MSE: [1, 1]}), 3: records(3, {PLAIN: [2, 2], KL: [1, 1]})}
    assert sizes_of(sizes) == {KL: {3.0: [0.25, 0.25], 9.0: [0.5, 1.0]}, PLAIN: {3.0: [0.5, 0.5], 9.0: [0.0, 0.25]}}


def test_a_line_has_the_mean_and_the_spread_over_seeds() -> None:
    drawn = draw({"weight 0.5": {4.0: [0.5, 1.0], 1.0: [0.25, 0.25]}}, {"MSE": {1.0: [0.75]}}, {KL: {9.0: [0.5]}})
    line, weight, size = drawn.data
    assert (list(line.x), list(line.y)) == ([1.0, 4.0], [0.25, 0.75])
    assert list(line.error_y.array) == pytest.approx([0.0, 0.125**0.5])
    assert (list(weight.x), list(weight.y), weight.legend) == ([1.0], [0.75], "legend2")
    assert (list(size.x), list(size.y), size.legend) == ([9.0], [0.5], "legend3")


def test_a_weight_without_t_squared_is_the_weight_that_makes_the_same_loss() -> None:
    table = TableConfig.model_validate(
        parse_yaml((ROOT / "benchmarks" / "tables" / "ablation.yaml").read_text(encoding="utf-8"))
    )
    unsquared = [method for method in table.methods if "without" in method.name]
    assert len(unsquared) == 4
    for method in unsquared:
        loss = method.trial["loss"]
        # Of 0.9 * KL + 0.1 * CE the ratio is 9; of weight * T² * KL + (1 - weight) * CE it must be as well.
        ratio = loss["kd_weight"] * loss["teacher_term"]["temperature"] ** 2 / (1 - loss["kd_weight"])
        assert ratio == pytest.approx(9, rel=2e-3)
