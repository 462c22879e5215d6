"""How soon simulated searches are how good, on a table of recorded learning curves.

    python -m benchmarks.search.anytime [TABLE] [--seeds 100] [--model-seeds 3] [--workers 2 8 64] [--driver-s 0.05] [--portfolio TABLE]
        [--only WORD]

TABLE is a folder that `benchmarks.search.curves` has filled, or a packed file (benchmarks/search/reviews.parquet by default). First come
Spearman's rank correlations of what can be known early with the score at the end and with what the student is worth; then a
table for each number of workers, medians over seeds with intervals of 95 % of a bootstrap (`figures.py` says what the columns
are). A seed draws the order of proposals and the training of each configuration, the same one for all searches. Searches
with a model take fewer seeds, as other libraries' own code runs in them. The intervals are of the
order of proposals: how much another table of other configurations would differ they do not say. Nobody starts a trial after the horizon: half of the
core-seconds that training all configurations to the end takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Page
from scipy.stats import spearmanr

from benchmarks.search.contenders import SIGNALS, contenders_of
from benchmarks.search.figures import Figures, figures_of, median_interval, true_worth
from benchmarks.search.peers import missing
from benchmarks.search.simulator import Contender, NeverStops, Pace, draw_run, one_run, signal_of, stage_times
from benchmarks.search.table import Floats, Table, read_table

PACKED = Path(__file__).parent / "reviews.parquet"
COLUMNS = {
    "to_best_s": "core-s to 0.5 %",
    "to_true_best_s": "in truth",
    "regret": "regret, pp",
    "true_regret": "true regret, pp",
    "hypervolume": "hypervolume",
}
IN_POINTS = ("regret", "true_regret")


def horizon_of(table: Table) -> float:
    """Half of the core-seconds of all trainings that can be chosen, the mean of their seeds."""
    totals = []
    for seed in range(table.n_seeds):
        run = one_run(table, seed)
        totals.append(np.nansum(stage_times(run, NeverStops())[:, -1][~table.is_plain]))
    return float(np.mean(totals)) / 2


def correlations(table: Table) -> dict[str, dict[float, tuple[float, float]]]:
    """The rank correlations (Spearman's) of each signal after some epochs with the score on dev at the end, and with the truth."""
    run, found = one_run(table, 0), {}
    rival = run.is_rival
    for name in SIGNALS:
        curve = signal_of(run, name)[rival]
        found[name] = {
            float(at): (_rank(curve[:, look], run.end_score[rival]), _rank(curve[:, look], true_worth(run)[rival]))
            for look, at in enumerate(table.epochs)
        }
    return found


def _rank(first: Floats, second: Floats) -> float:
    return float(spearmanr(first, second).statistic)


def replay(table: Table, contender: Contender, seeds: int, pace: Pace) -> list[Figures]:
    """The figures of one search under so many seeds, up to the horizon of its pace."""
    found = []
    for seed in range(seeds):
        run = draw_run(table, np.random.default_rng(seed))
        found.append(figures_of(run, contender.replay(run, seed, pace), pace.horizon_s * pace.workers))
    return found


def shown(name: str, values: Floats) -> str:
    scale = 100 if name in IN_POINTS else 1
    digits = 0 if name.endswith("_s") else 2
    middle, low, high = (f"{scale * value:.{digits}f}" for value in median_interval(values))
    return f"{middle} [{low}, {high}]"


def print_correlations(console: Console, table: Table) -> None:
    found = correlations(table)
    page = Page("epochs", *(f"{name}: end, truth" for name in found), title="Rank correlation of early figures")
    shown_at = [at for at in next(iter(found.values())) if at <= 1 or at == round(at)]
    for at in shown_at:
        page.add_row(f"{at:.3g}", *("{:.2f}, {:.2f}".format(*by_look[at]) for by_look in found.values()))
    console.print(page)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search.anytime", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("table", type=Path, nargs="?", default=PACKED)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--model-seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 8, 64])
    parser.add_argument("--driver-s", type=float, default=0.05, help="what the driver takes for a proposal or a report")
    parser.add_argument("--portfolio", type=Path, help="the table of an earlier study whose best a search begins with")
    parser.add_argument("--only", default="", help="searches with this in their name")
    options = parser.parse_args(arguments)
    if not options.table.exists():
        print(
            f"error: there is no table at {options.table}; record one: python -m benchmarks.search.curves",
            file=sys.stderr,
        )
        return 2
    console, table = Console(width=170), read_table(options.table)
    earlier = read_table(options.portfolio) if options.portfolio else None
    horizon_s = horizon_of(table)
    rivals = int(one_run(table, 0).is_rival.sum())
    console.print(
        f"{options.table}: {len(table)} configurations, {rivals} of them can be chosen, {table.n_seeds} seed(s) of each; "
        f"horizon {horizon_s:,.0f} core-seconds"
    )
    if missing():
        console.print(f"Left out, as they are not installed: {', '.join(missing())}.")
    print_correlations(console, table)
    for workers in options.workers:
        pace = Pace(workers=workers, driver_s=options.driver_s, horizon_s=horizon_s / workers)
        page = Page("search", "seeds", *COLUMNS.values(), "arrived", "started", title=f"{workers} workers")
        for contender in contenders_of(table, earlier):
            if options.only not in contender.name:
                continue
            began_s = time.process_time()
            seeds = min(options.seeds, options.model_seeds) if contender.models else options.seeds
            rows = [asdict(one) for one in replay(table, contender, seeds, pace)]
            values = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}
            arrived = f"{100 * np.isfinite(values['to_best_s']).mean():.0f} %, {100 * np.isfinite(values['to_true_best_s']).mean():.0f} %"
            page.add_row(
                contender.name,
                str(seeds),
                *(shown(name, values[name]) for name in COLUMNS),
                arrived,
                f"{np.median(values['n_started']):.0f}",
            )
            print(f"{contender.name}, {workers} workers: {time.process_time() - began_s:.1f} core-s", file=sys.stderr)
        console.print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
