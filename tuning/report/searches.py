"""`distune searches`: what a storage has of searches, each in a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TextIO

from rich.console import Console
from rich.table import Table

from distune.corpora.away import AwayError
from distune.models.errors import first_line
from distune.tuning.champion.results import read_raw_results
from distune.tuning.metric.config import ACCURACY
from distune.tuning.storage.lease import live_driver
from distune.tuning.storage.paths import ENDED, Folder, Layout
from distune.tuning.storage.records import best_score, count_done, read_journal
from distune.tuning.storage.searches import searches_of, state_of, studies_in
from distune.tuning.study.file import kept_study


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One search; `state` is searching, interrupted, ended or damaged, and times are in UTC."""

    study: str
    number: int
    folder: str
    state: str
    n_done: int | None = None
    n_trials: int | None = None
    metric: str | None = None
    """The name of the metric of its scores."""
    best_dev_score: float | None = None
    champion: int | None = None
    begun_at: str | None = None
    ended_at: str | None = None
    driver: str | None = None
    ended_early: str | None = None
    fault: str | None = None


def searches_in(places: Layout, study: str | None = None) -> list[Listed]:
    """The searches of a storage, or of one study in it, by study and number. Raises StudyError for a storage that cannot be read, and AwayError for
    one that does not answer."""
    names = studies_in(places) if study is None else [study]
    return [_listed(name, folder) for name in names for folder in searches_of(places, name)]


def _listed(study: str, folder: Folder) -> Listed:
    number = int(folder.place.name)
    try:
        return _read(study, number, folder)
    except AwayError:  # Nothing of it is damaged, and the others cannot be read either.
        raise
    except Exception as error:  # noqa: BLE001  (whatever has become of one folder, it must not hide the others)
        return Listed(study=study, number=number, folder=str(folder), state="damaged", fault=first_line(error))


def _read(study: str, number: int, folder: Folder) -> Listed:
    config, state = kept_study(folder.study_file).config, folder.state
    _, records = read_journal(config, folder)
    now = state_of(folder)
    has_ended = now == ENDED
    results = read_raw_results(folder) if has_ended else None
    return Listed(
        study=study,
        number=number,
        folder=str(folder),
        state=now,
        n_done=count_done(records),
        n_trials=config.search.trials,
        metric=config.metric.title,
        best_dev_score=best_score(records),
        champion=results["champion"] if results else None,
        begun_at=state.get("begun_at"),
        ended_at=state.get("ended_at") if has_ended else None,
        driver=live_driver(folder.driver),
        ended_early=state.get("ended_early"),
    )


def write_searches_json(listed: Sequence[Listed], storage: str, stream: TextIO) -> None:
    """Write the searches of a storage as one JSON object."""
    json.dump({"storage": storage, "searches": [asdict(one) for one in listed]}, stream, ensure_ascii=False, indent=1)
    stream.write("\n")


def show_searches(listed: Sequence[Listed], storage: str, console: Console) -> None:
    """Print the searches of a storage, a line each."""
    table = Table(title=f"searches in {storage}", title_justify="left")
    for heading in ("search", "state", "trials", "best dev", "champion", "begun (UTC)", "ended (UTC)"):
        # Where a terminal is narrow, only the times may take two lines: nothing is cut.
        is_time = heading.endswith("(UTC)")
        table.add_column(
            heading, justify="left" if heading in ("search", "state") else "right", no_wrap=not is_time, overflow="fold"
        )
    for one in listed:
        n_done = "" if one.n_done is None else f"{one.n_done} of {one.n_trials}"
        champion = "" if one.champion is None else f"trial {one.champion}"
        times = (_minute(one.begun_at), _minute(one.ended_at))
        table.add_row(f"{one.study} {one.number}", one.state, n_done, _best(one), champion, *times)
    console.print(table)
    for one in listed:
        for what in _besides(one):
            console.print(f"{one.study} {one.number} {what}", highlight=False, markup=False, soft_wrap=True)


def _best(one: Listed) -> str:
    """The best score on dev, with the name of its metric if that is not accuracy."""
    if one.best_dev_score is None:
        return ""
    return f"{one.best_dev_score:.4f}" if one.metric == ACCURACY.title else f"{one.metric} {one.best_dev_score:.4f}"


def _minute(moment: str | None) -> str:
    """`2026-11-29 05:44` of `2026-11-29 05:44:12 UTC`."""
    return (moment or "").removesuffix(" UTC")[:16]


def _besides(one: Listed) -> list[str]:
    """The lines that do not fit into the table."""
    return [
        *([f"is damaged: {one.fault}"] if one.fault else []),
        *([f"ended early: {one.ended_early}"] if one.ended_early else []),
        *([f"is searched by {one.driver}"] if one.driver else []),
    ]
