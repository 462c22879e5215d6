"""How soon a simulated search was how good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.simulator import Run, Trace
from benchmarks.search.table import Floats

WITHIN = 0.005
"""A search has arrived when its best is this near to the best of all, relative to it."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of one search; core-seconds are infinite for what it never reached.

    `to_best_s` is by the score on dev, as the search sees it; `to_true_best_s` by what the student that is best on dev is worth,
    counted from when this stays so. `regret` is the mean over the horizon of what the best on dev lacks of the best of all on
    dev, and `true_regret` what the one chosen at the horizon lacks in truth; before the first is complete, the median of all stands for it. `hypervolume` is the mean over the horizon of the
    part of the whole front's hypervolume in score and log latency that is found.
    """

    to_best_s: float
    to_true_best_s: float
    regret: float
    true_regret: float
    hypervolume: float
    n_started: int
    n_complete: int
    end_s: float


def figures_of(run: Run, trace: Trace, horizon_s: float) -> Figures:
    """The figures of a search up to a horizon in core-seconds."""
    rival, cores = run.is_rival, trace.workers
    finished = [(time * cores, number) for time, number in sorted(trace.complete) if rival[number]]
    times = np.array([time for time, _ in finished])
    numbers = np.array([number for _, number in finished], dtype=np.int64)
    scores, truth = run.end_score, true_worth(run)
    best, best_truth = scores[rival].max(), truth[rival].max()
    chosen = chosen_so_far(scores[numbers])
    regrets = np.concatenate([[best - np.median(scores[rival])], best - scores[numbers[chosen]]])
    true_regrets = np.concatenate([[best_truth - np.median(truth[rival])], best_truth - truth[numbers[chosen]]])
    volumes = np.array([0.0, *volumes_of(run, numbers)])
    known = int(np.searchsorted(times, horizon_s, side="right"))
    return Figures(
        to_best_s=first_for_good(times, regrets[1:] <= WITHIN * best),
        to_true_best_s=first_for_good(times, true_regrets[1:] <= WITHIN * best_truth),
        regret=mean_over(times, regrets, horizon_s),
        true_regret=float(true_regrets[known]),
        hypervolume=mean_over(times, volumes, horizon_s),
        n_started=len(trace.started),
        n_complete=len(trace.complete),
        end_s=trace.end_s,
    )


def true_worth(run: Run) -> Floats:
    """What each configuration is worth `[configurations]`: the mean over its seeds on texts that no search sees."""
    known = ~np.isnan(run.table.truth)
    total, n = np.where(known, run.table.truth, 0.0).sum(axis=1), known.sum(axis=1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def chosen_so_far(scores: Floats) -> NDArray[np.int64]:
    """The place of the best of the scores up to each; of equals the first."""
    chosen = np.zeros(len(scores), dtype=np.int64)
    for place in range(1, len(scores)):
        chosen[place] = place if scores[place] > scores[chosen[place - 1]] else chosen[place - 1]
    return chosen


def first_for_good(times: Floats, holds: NDArray[np.bool_]) -> float:
    """The first time from which on all hold; infinite if the last does not."""
    if not len(holds) or not holds[-1]:
        return float("inf")
    broken = np.flatnonzero(~holds)
    return float(times[broken[-1] + 1 if len(broken) else 0])


def mean_over(times: Floats, values: Floats, horizon_s: float) -> float:
    """The mean until the horizon of a value that is `values[0]` at first and the next one from each time on."""
    edges = np.concatenate([[0.0], np.minimum(times, horizon_s), [horizon_s]])
    return float((np.diff(edges) * values).sum() / horizon_s)


def volumes_of(run: Run, numbers: NDArray[np.int64]) -> list[float]:
    """The part of the hypervolume of all rivals' front that the first so many of `numbers` have."""
    rival = np.flatnonzero(run.is_rival)
    score, speed = run.end_score, -np.log(run.table.latency_ms)
    low = np.array([score[rival].min(), speed[rival].min()])
    whole = hypervolume(np.stack([score[rival], speed[rival]], axis=1) - low)
    front: list[tuple[float, float]] = []
    found, volumes = 0.0, []
    for number in numbers:
        point = (float(score[number] - low[0]), float(speed[number] - low[1]))
        if not any(one[0] >= point[0] and one[1] >= point[1] for one in front):
            front = [one for one in front if not (point[0] >= one[0] and point[1] >= one[1])] + [point]
            found = hypervolume(np.array(front)) / whole if whole else 0.0
        volumes.append(found)
    return volumes


def hypervolume(points: Floats) -> float:
    """The area between the origin and points `[points, 2]`, of which more is better in both."""
    area, reached = 0.0, 0.0
    for first, second in sorted(points.tolist(), reverse=True):
        if second > reached:
            area += first * (second - reached)
            reached = second
    return area


def median_interval(values: Floats, n_draws: int = 1000, seed: int = 7) -> tuple[float, float, float]:
    """The median, and a percentile interval of 95 % of its bootstrap (Efron & Tibshirani 1993); infinities count as such."""
    draws = np.random.default_rng(seed).integers(len(values), size=(n_draws, len(values)))
    # The lower median: halfway between a number and infinity there is nothing.
    medians = np.sort(np.sort(values[draws], axis=1)[:, (len(values) - 1) // 2])
    middle = float(np.sort(values)[(len(values) - 1) // 2])
    return middle, float(medians[int(0.025 * n_draws)]), float(medians[int(0.975 * n_draws) - 1])
