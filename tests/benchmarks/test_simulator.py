"""Simulated searches on tables so small that their clocks, promotions and regrets are computed by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers.async_hyperband import _Bracket

from benchmarks.search.figures import (
    chosen_so_far,
    figures_of,
    first_for_good,
    hypervolume,
    mean_over,
    median_interval,
    volumes_of,
)
from benchmarks.search.peers_jobs import Job, simulate_jobs
from benchmarks.search.proposers import InOrder, beginning, drawn, portfolio
from benchmarks.search.simulator import NeverStops, Pace, Run, draw_run, lost_after, simulate, stage_times
from benchmarks.search.stoppers import Asha, looks_at, quantile, rungs
from benchmarks.search.table import Table, part_of, table_of

EPOCHS = [0.5, 1.0, 1.5, 2.0]
NAN = math.nan


def tiny(scores: list[list[float]], ends: list[float], truth: list[float] | None = None, plain: int = -1) -> Run:
    """A step of half an epoch takes a second, a look at dev half of one, a look at held-back texts a quarter, what comes after the
    last epoch a second, and a hint two. All have one architecture but the last."""
    n = len(scores)
    shape = (n, 1, len(EPOCHS))
    curves = {
        "train_s": np.tile(np.array([1.0, 2.0, 3.0, 4.0]), (n, 1, 1)),
        "dev_s": np.full(shape, 0.5),
        "held_s": np.full(shape, 0.25),
        "score": np.array(scores)[:, None, :],
        "dev_ce": 1 - np.array(scores)[:, None, :],
        "kl": 1 - np.array(scores)[:, None, :],
    }
    lost = np.isnan(curves["score"])
    curves["train_s"][lost] = NAN
    table = Table(
        epochs=np.array(EPOCHS),
        params=tuple({"x": float(number)} for number in range(n)),
        points=("",) * n,
        is_plain=np.arange(n) == plain,
        architecture=np.array([0] * (n - 1) + [1]),
        latency_ms=np.array([1.0, math.e, math.e**2, 1.0][:n]),
        curves=curves,
        end_score=np.array(ends)[:, None],
        truth=np.array(truth or ends)[:, None],
        after_s=np.ones((n, 1)),
        hint_s=np.full((n, 1), 2.0),
        about={},
    )
    return draw_run(table, np.random.default_rng(0))


RISING = [0.1, 0.2, 0.3, 0.4]


def test_the_clock_holds_training_looks_compression_and_one_hint_for_an_architecture() -> None:
    run = tiny([RISING, RISING, RISING], [0.4, 0.5, 0.6])
    trace = simulate(run, InOrder([0, 1, 2]), NeverStops(), Pace(workers=1, driver_s=0.0))
    # 2 of the hint, 4 of training, two ends of epochs at 0.5 and 1 after: 8; the second needs no hint, the third does.
    assert trace.complete == [(8.0, 0), (14.0, 1), (22.0, 2)]


def test_a_driver_answers_one_worker_at_a_time() -> None:
    run = tiny([RISING, RISING, RISING], [0.4, 0.5, 0.6])
    trace = simulate(run, InOrder([0, 1]), NeverStops(), Pace(workers=2, driver_s=0.25))
    assert trace.started == [(0.25, 0), (0.5, 1)]
    # The first trains from 0.25 to 8.25, the second without a hint from 0.5 to 6.5; each end takes another 0.25.
    assert trace.complete == [(6.75, 1), (8.5, 0)]


def test_no_trial_starts_after_the_horizon() -> None:
    run = tiny([RISING, RISING, RISING], [0.4, 0.5, 0.6])
    trace = simulate(run, InOrder([0, 1, 2]), NeverStops(), Pace(workers=1, driver_s=0.0, horizon_s=8.0))
    assert trace.complete == [(8.0, 0)]


@pytest.mark.parametrize(
    ("signal", "at", "seconds"),
    [
        ("score", [0.5], [1.5, 4 + 1.5 + 1]),  # Dev is read once more.
        ("score", [1.0], [2.5, 4 + 1 + 1]),  # It is read there in any case.
        ("kl", [0.5], [1.25, 4 + 0.25 + 1 + 1]),
        ("kl", [0.5, 1.0], [1.25, 2.25 + 0.25 + 0.5, 4 + 0.5 + 1 + 1]),
    ],
)
def test_a_rung_costs_the_texts_that_its_signal_is_read_on(signal: str, at: list[float], seconds: list[float]) -> None:
    run = tiny([RISING], [0.4])
    assert stage_times(run, Asha(run, at=at, signal=signal))[0].tolist() == seconds


def test_a_trial_that_waits_for_the_driver_at_a_rung_goes_on_later() -> None:
    run = tiny([RISING, RISING], [0.4, 0.4])
    trace = simulate(run, InOrder([0]), Asha(run, at=[1.0]), Pace(workers=1, driver_s=0.5))
    # Asked at 0.5, a hint of 2, the rung at 5 and 0.5 there, the end 3.5 later and 0.5 there.
    assert trace.complete == [(9.5, 0)]


def test_a_trial_below_the_quantile_of_earlier_ones_ends_at_its_rung_and_the_next_begins() -> None:
    run = tiny([[0, 0.5, 0, 0], [0, 0.4, 0, 0], [0, 0.6, 0, 0]], [0.7, 0.8, 0.9])
    trace = simulate(run, InOrder([0, 1, 2]), Asha(run, at=[1.0]), Pace(workers=1, driver_s=0.0))
    assert trace.complete == [(8.0, 0), (10.5 + 8.0, 2)]
    assert trace.pruned == [(10.5, 1)]


def test_a_signal_of_which_less_is_better_stops_those_with_more() -> None:
    run = tiny([[0, 0.5, 0, 0], [0, 0.4, 0, 0]], [0.7, 0.8])
    assert (
        simulate(run, InOrder([0, 1]), Asha(run, at=[1.0], signal="kl"), Pace(workers=1, driver_s=0.0)).pruned[0][1]
        == 1
    )
    assert not simulate(run, InOrder([1, 0]), Asha(run, at=[1.0], signal="kl"), Pace(workers=1, driver_s=0.0)).pruned


def test_those_that_learn_from_labels_alone_neither_stop_nor_count_for_distune() -> None:
    run = tiny([[0, 0.9, 0, 0], [0, 0.4, 0, 0]], [0.9, 0.8], plain=0)
    assert not simulate(run, InOrder([0, 1]), Asha(run, at=[1.0]), Pace(workers=1, driver_s=0.0)).pruned
    counted = Asha(run, at=[1.0], counts_plain=True)
    assert [one for _, one in simulate(run, InOrder([0, 1]), counted, Pace(workers=1, driver_s=0.0)).pruned] == [1]


def test_a_training_that_fails_is_lost_after_its_last_look_and_never_chosen() -> None:
    run = tiny([[0.1, 0.2, NAN, NAN], RISING, RISING], [NAN, 0.4, 0.5])
    assert lost_after(run).tolist() == [3.0, math.inf, math.inf]
    trace = simulate(run, InOrder([0, 1]), Asha(run, at=[1.0]), Pace(workers=1, driver_s=0.0))
    assert trace.failed == [(5.0, 0)]
    assert trace.complete == [(11.0, 1)]
    assert run.is_rival.tolist() == [False, True, True]


@pytest.mark.parametrize(("most", "factor"), [(4, 2), (4, 3), (8, 2), (16, 4)])
def test_promotions_are_those_of_ray(most: int, factor: int) -> None:
    rng = np.random.default_rng(most * factor)
    ray = _Bracket(1, most, factor, 0)
    found = rungs(1, factor, most)
    assert sorted(milestone for milestone, _ in ray._rungs) == found
    seen: dict[float, list[float]] = {one: [] for one in found}
    kept = 1 - 1 / factor
    for number in range(60):
        trial: Any = type("Trial", (), {"trial_id": str(number)})()
        for epoch in range(1, most):
            value = float(rng.normal())
            says = ray.on_result(trial, epoch, value)
            stops = False
            if epoch in seen:
                stops = bool(seen[epoch]) and value < quantile(sorted(seen[epoch]), kept)
                seen[epoch].append(value)
            assert stops == (says == "STOP")
            if stops:
                break


def test_rungs_lie_at_the_nearest_look_and_never_at_the_end() -> None:
    table = tiny([RISING, RISING], [0.1, 0.2]).table
    assert looks_at(table, [0.25, 0.51, 1.0, 2.0]) == (0, 1)
    assert rungs(0.25, 2, 2.0) == [0.25, 0.5, 1.0, 2.0]


def test_figures_of_a_search_by_hand() -> None:
    run = tiny([RISING, RISING, RISING], [0.7, 0.8, 0.6], truth=[0.75, 0.72, 0.6])
    trace = simulate(run, InOrder([2, 0, 1]), NeverStops(), Pace(workers=1, driver_s=0.0))
    assert [time for time, _ in trace.complete] == [8.0, 16.0, 22.0]
    found = figures_of(run, trace, 20.0)
    assert found.to_best_s == 22.0
    # The one that is best in truth came at 16, but dev prefers another at 22.
    assert found.to_true_best_s == math.inf
    # The median of all lacks 0.1 until the first is complete at 8, which lacks 0.2 until 16.
    assert found.regret == pytest.approx((8 * 0.1 + 8 * 0.2 + 4 * 0.1) / 20)
    assert found.true_regret == pytest.approx(0.0)
    assert figures_of(run, trace, 30.0).true_regret == pytest.approx(0.03)


def test_core_seconds_are_those_of_all_workers() -> None:
    run = tiny([RISING, RISING], [0.5, 0.5])
    trace = simulate(run, InOrder([0, 1]), NeverStops(), Pace(workers=4, driver_s=0.0))
    assert figures_of(run, trace, 100.0).to_best_s == 8.0 * 4


def test_the_hypervolume_is_a_part_of_that_of_all() -> None:
    assert hypervolume(np.array([[1.0, 3.0], [2.0, 1.0], [0.5, 0.5]])) == 1 * 3 + 1 * 1
    # In score and -log(latency) less their least: (0.1, 2), (0.2, 1), (0, 0); all together 0.1 * 2 + 0.1 * 1 = 0.3.
    run = tiny([RISING] * 3, [0.6, 0.7, 0.5])
    assert volumes_of(run, np.array([2, 1, 0])) == pytest.approx([0.0, 2 / 3, 1.0])


def test_times_and_means_over_a_horizon() -> None:
    times = np.array([2.0, 4.0, 6.0])
    assert first_for_good(times, np.array([True, False, True])) == 6.0
    assert first_for_good(times, np.array([True, True, True])) == 2.0
    assert first_for_good(times, np.array([True, True, False])) == math.inf
    assert mean_over(times, np.array([4.0, 3.0, 2.0, 1.0]), 8.0) == 2.5
    assert mean_over(times, np.array([4.0, 3.0, 2.0, 1.0]), 3.0) == pytest.approx((2 * 4 + 3) / 3)
    assert chosen_so_far(np.array([0.2, 0.1, 0.2, 0.3])).tolist() == [0, 0, 0, 3]
    assert median_interval(np.array([1.0, math.inf, math.inf])) == (math.inf, 1.0, math.inf)


def test_random_draws_begin_with_what_a_search_begins_with_and_leave_no_other_plain_one() -> None:
    run = tiny([RISING] * 4, [0.1] * 4, plain=3)
    assert beginning(run) == []
    order = drawn(run, np.random.default_rng(0), [3, 1])
    tried = [order.propose() for _ in range(5)]
    assert tried[:2] == [3, 1]
    assert set(tried[2:4]) == {0, 2}
    assert tried[4] is None


def test_a_portfolio_is_what_adds_the_most_to_the_front() -> None:
    # Score and -log(latency) less their least: (0.2, 2), (0.3, 1), (0, 0), (0.25, 1.9); the parts of the last one are the largest.
    table = tiny([RISING] * 4, [0.7, 0.8, 0.5, 0.75]).table
    fast = replace(table, latency_ms=np.exp(-np.array([2.0, 1.0, 0.0, 1.9])))
    # 0.25 * 1.9 = 0.475; then 0.2 * 0.1 of the first, or 0.05 * 1 of the second.
    assert [params["x"] for params in portfolio(fast, 3)] == [3.0, 1.0, 0.0]


def test_a_training_to_more_epochs_goes_on_where_the_configuration_stopped() -> None:
    run = tiny([RISING, RISING, RISING], [0.4, 0.5, 0.6])
    asked = [Job(0, 1.0, "a"), Job(1, 1.0, "b"), Job(0, 2.0, "c")]
    told: list[tuple[str, float, float]] = []

    class Listed:
        def ask(self) -> Job | None:
            return asked.pop(0) if asked else None

        def tell(self, job: Job, lack: float, seconds: float) -> None:
            told.append((job.handle, round(lack, 6), seconds))

    trace = simulate_jobs(run, Listed(), Pace(workers=1, driver_s=0.0))
    # An epoch is 2 and the half for dev at its end; a look that nobody asked for costs nothing; the hint of 2 is needed once.
    assert told == [("a", 0.8, 4.5), ("b", 0.8, 2.5), ("c", 0.6, 3.5)]
    assert trace.complete == [(10.5, 0)]


def test_a_table_has_the_seeds_that_all_configurations_have_and_refuses_other_looks() -> None:
    part: dict[str, Any] = {"kind": "x"}
    config = {
        "tokens": part,
        "vectors": part,
        "student": {"kind": "x", "dropout": 0.1},
        "compression": part,
        "loss": {"kd_weight": 1.0, "hidden_weight": 0.0, "kd_annealing": "constant"},
    }

    def made(number: int, seed: int, epochs: list[float]) -> Any:
        figures = ("train_s", "dev_s", "held_s", "score", "dev_ce", "agreement", "kl", "hard_ce", "truth")
        rows = [{**dict.fromkeys(figures, at), "epoch": at, "is_end": False} for at in epochs]
        facts = {"number": number, "seed": seed, "point": "", "params": {}, "config": config, "latency_ms": 1.0}
        return part_of({**facts, "after_s": 0.0, "hint_s": 0.0}, [*rows, {**rows[-1], "is_end": True}])

    table = table_of([made(0, 7, EPOCHS), made(1, 7, EPOCHS), made(0, 8, EPOCHS)], {})
    assert (len(table), table.n_seeds) == (2, 1)
    assert table.end_score.tolist() == [[2.0], [2.0]]
    assert table.architecture.tolist() == [0, 0]
    assert table.ends_of_epochs.tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"configurations \[1\] have looks at other points than configuration 0"):
        table_of([made(0, 7, EPOCHS), made(1, 7, [1.0, 2.0])], {})
    with pytest.raises(ValueError, match="needs two configurations"):
        table_of([made(0, 7, EPOCHS)], {})
