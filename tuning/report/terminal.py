"""`distune results`: a search, from its folder."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from distune._plural import n_of
from distune.corpora.kept import read_text
from distune.tuning.champion.results import read_raw_results, read_results
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.report.finalists import finalists_table
from distune.tuning.search.importance import MIN_TRIALS, importance_table, importances_of
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, count_done, count_states, pareto_front, read_journal, records_in
from distune.tuning.storage.searches import state_of
from distune.tuning.study.describe import describe_trial
from distune.tuning.study.file import Study
from distune.tuning.study.points import flatten

N_BEST = 10


def trial_rows(records: Sequence[TrialRecord], metric: MetricConfig = ACCURACY) -> list[dict[str, Any]]:
    """Each trial as a flat row: how it ended, its score by the metric's name, then its configuration by dotted path."""
    front = {record.number for record in pareto_front(records)}
    return [
        {
            "trial": record.number,
            "title": record.title,
            "state": record.state,
            "on_front": record.number in front,
            metric.kind: record.score,
            "latency_ms": record.latency_ms,
            "size_mb": record.size_mb,
            "epochs": record.epochs,
            "error": record.cause if record.error else None,
            **flatten(record.config.model_dump(mode="json")),
        }
        for record in records
    ]


def write_csv(study: Study, folder: Folder, stream: TextIO) -> None:
    """Write the trials of a search as CSV; what a trial's configuration does not have is empty."""
    rows = trial_rows(records_in(study.config, folder), study.config.metric)
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(stream, names, restval="")
    writer.writeheader()
    writer.writerows(rows)


def write_json(study: Study, folder: Folder, stream: TextIO) -> None:
    """Write a search as one JSON object: its place, its progress, its trials, and its results if it has ended."""
    records = records_in(study.config, folder)
    found = {
        "study": study.config.name,
        "folder": str(folder),
        "state": state_of(folder),
        "ended_early": folder.state.get("ended_early"),
        "counts": count_states(records),
        "trials": trial_rows(records, study.config.metric),
        "results": read_raw_results(folder),
    }
    json.dump(found, stream, ensure_ascii=False, indent=1)
    stream.write("\n")


def show_results(study: Study, folder: Folder, console: Console) -> None:
    """Print the table, the finalists, the best trials, and why others failed."""
    optuna_study, records = read_journal(study.config, folder)
    results = read_results(folder)  # The table repeats it; where it is damaged, that is to be known.
    counts = ", ".join(f"{n} {state}" for state, n in count_states(records).items() if n)
    console.print(f"search {folder} ({folder.state.get('state', 'new')}): {counts or 'no trial yet'}", highlight=False)
    if why := folder.state.get("ended_early"):
        line = f"ended early, after {count_done(records)} of {n_of(study.config.search.trials, 'trial')}: {why}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if folder.table.is_file():
        console.print(
            read_text(folder.table, "results --json shows the same"), highlight=False, markup=False, soft_wrap=True
        )
    if results is not None:
        console.print(finalists_table(results, study.config.champion))
    console.print(_trials(records, study.config.metric.title))
    found = importances_of(optuna_study, study.config, folder)
    if found:
        console.print(importance_table(found))
    else:
        console.print(f"what mattered: too few complete trials to tell (fewer than {MIN_TRIALS})", highlight=False)
    for record in records:
        if record.error:
            console.print(f"trial {record.number} {record.state}: {record.cause}", markup=False, soft_wrap=True)


def _trials(records: list[TrialRecord], metric: str) -> Table:
    front = {record.number for record in pareto_front(records)}
    table = Table(
        title=f"the best trials by dev {metric} (* on the Pareto front), {N_BEST} at most", title_justify="left"
    )
    for heading in ("trial", "", f"dev {metric}", "hint ms", "what differs from the defaults"):
        table.add_column(heading, no_wrap=not heading.startswith("what"))
    seen = [record for record in records if record.state == "complete"]
    best_first = sorted(seen, key=lambda record: -math.inf if record.score is None else record.score, reverse=True)
    for record in best_first[:N_BEST]:
        described = describe_trial(record.config)
        table.add_row(
            str(record.number),
            "*" if record.number in front else "",
            f"{record.score:.4f}",
            f"{record.latency_ms:.3f}",
            f"{record.title}: {described}" if record.title else described,
        )
    return table
