"""The phases after the trials of a search: finalists retrained, timed and judged, the table and the page written, the
champion registered.

Ctrl-C ends each of these at once, and says what is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from distune._plural import n_of
from distune.cluster.runner import Runner
from distune.corpora.scratch import scratch_folder
from distune.tuning.champion.finalists import Finalist, select, train_finalists
from distune.tuning.champion.outcome import outcome
from distune.tuning.champion.verdict import NoChampionError, Verdict, judge
from distune.tuning.report.write import publish
from distune.tuning.search.bars import counted
from distune.tuning.search.importance import importances, keep_importances
from distune.tuning.search.preparation import Prepared
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, count_states, open_study, read_records
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.tracking_config import TrackingConfig
from distune.tuning.tracking.entries import SearchEnd, closing, with_version
from distune.tuning.tracking.outbox import Outbox
from distune.tuning.tracking.promotion import Present, Terms, beside_of, candidate_of_verdict, terms_of
from distune.tuning.tracking.registry import log_model, present_champion, register
from distune.tuning.tracking.runs import Tracker

_log = logging.getLogger(__name__)


class InterruptedSearchError(KeyboardInterrupt):
    """A search that was ended by Ctrl-C; what it found is kept. `except Exception` lets it through, as it does Ctrl-C."""

    exit_code: ClassVar[int] = 130


KEPT = {
    "the finalists were retrained": "all trials are kept, and no champion is registered; --resume retrains the finalists",
    "the finalists were timed": "all trials are kept, and no champion is registered; --resume retrains and times the finalists",
    "the page was drawn": "all trials, the table and the results are kept, and no champion is registered; --resume sees to it",
    "the champion was registered": "all trials, the table, the results and the champion's folder are kept; whether it is "
    "registered already --resume looks, and sees to it",
}
"""The parts of a search that remain after an interruption, by its phase."""


@contextmanager
def ends_at_once(doing: str) -> Iterator[None]:
    """Says, after Ctrl-C, what was being done and what is kept."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise InterruptedSearchError(f"interrupted while {doing}: {KEPT[doing]}") from interrupt


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The results of the finalists, their entries in MLflow, and the champion that they may replace."""

    verdict: Verdict
    closed: SearchEnd
    present: Present | None


def chosen_finalists(
    prepared: Prepared,
    records: Sequence[TrialRecord],
    folder: Folder,
    runner: Runner,
    outbox: Outbox[Tracker],
    console: Console,
) -> list[Finalist]:
    """The finalists, retrained. If no distilled trial was completed, the page says what became of them, and this raises
    NoChampionError."""
    config = prepared.study.config
    chosen = select(records, config.champion, prepared.teacher_score, config.search.finalists)
    if not chosen:
        counts = ", ".join(f"{n} {state}" for state, n in count_states(records).items() if n)
        folder.end()
        outbox.ask(partial(outbox.observer.log_files, publish(prepared.study, folder)))
        raise NoChampionError(
            f"no distilled trial was completed ({counts}); `distune results` shows why, and {folder.report} what to do next"
        )
    with (
        counted(console, "retraining the finalists", "trainings") as told,
        ends_at_once("the finalists were retrained"),
    ):
        return train_finalists(chosen, records, config, prepared.inputs, runner, told)


def conclude(
    prepared: Prepared,
    finalists: Sequence[Finalist],
    folder: Folder,
    runner: Runner,
    outbox: Outbox[Tracker],
    console: Console,
) -> None:
    """Time the finalists, write and record the results, and register the champion. Raises NoChampionError without
    one."""
    config = prepared.study.config
    terms = terms_of(config, prepared.corpus.facts, prepared.teachers.key.teacher)
    with scratch_folder() as scratch, ends_at_once("the finalists were timed"):
        present = _present(config.tracking, terms, outbox, scratch)
        with console.status(
            f"training the TF-IDF baseline, then timing {n_of(len(finalists), 'finalist')} and the teacher on one thread, in turns"
        ):
            judged = _judged(prepared, finalists, folder, runner, outbox, present)
    verdict = judged.verdict
    _log.info(folder.table.read_text())
    with console.status("drawing the pictures and the page"), ends_at_once("the page was drawn"):
        outbox.ask(partial(outbox.observer.log_files, publish(prepared.study, folder)))
    if verdict.winner is None:
        folder.end()
        _log.info(
            f"\nresults: {folder} (table.txt, results.json)\nread:    {folder.report}, which says what to do next"
        )
        nearest = verdict.columns[-1]
        p50_ms = nearest.latency.p50_ms if nearest.latency else float("nan")
        raise NoChampionError(
            f"no finalist meets the rule ({verdict.rule}); nothing was registered. The nearest has a dev {nearest.quality.metric.title} of "
            f"{nearest.quality.dev_score} and p50 {p50_ms:.3f} ms"
        )
    with console.status("registering the champion"), ends_at_once("the champion was registered"):
        _register(config, judged, terms, prepared.corpus.dev.texts[:2], folder, outbox)
    folder.end()


def _present(config: TrackingConfig, terms: Terms, outbox: Outbox[Tracker], scratch: Path) -> Present | None:
    """The champion that the study's name has now, for timing together with the finalists."""
    if not config.register_as:
        return None
    return outbox.ask(partial(present_champion, config.store, config.register_as, terms, scratch))


def _judged(
    prepared: Prepared,
    finalists: Sequence[Finalist],
    folder: Folder,
    runner: Runner,
    outbox: Outbox[Tracker],
    present: Present | None,
) -> Judged:
    """The verdict, written into the search's folder and recorded."""
    config, tracker = prepared.study.config, outbox.observer
    with folder.place.to_write() as path:
        why = folder.state.get("ended_early")
        verdict = judge(prepared, finalists, path, runner, present.folder if present else None, why)
        optuna_study = open_study(config, Journal(folder.journal))
        mattered = importances(optuna_study, config.objective_names, config.search.importance)
        keep_importances(mattered, optuna_study, config, folder)
        outbox.ask(partial(tracker.log_importances, mattered))
        closed = closing(verdict, read_records(optuna_study), config, folder)
        outbox.ask(partial(tracker.log_results, closed, path))
    return Judged(verdict=verdict, closed=closed, present=present)


def _register(
    config: StudyConfig, judged: Judged, terms: Terms, texts: Sequence[str], folder: Folder, outbox: Outbox[Tracker]
) -> None:
    """Log the champion as a model of its run with these texts as its example, and register it if the study has a name
    for it."""
    verdict, closed = judged.verdict, judged.closed
    tracker = outbox.observer
    uri, name = config.tracking.store, config.tracking.register_as
    number = verdict.finalists[verdict.shown].record.number
    with (folder.place / "champion").to_read() as champion:
        model = outbox.ask(partial(log_model, uri, tracker.run_id, champion, texts, number))
    model = replace(model, outcome=outcome(verdict.columns, teacher_timed=verdict.teacher_timed))
    outbox.ask(partial(tracker.link_model, number, model.model_id, closed.trial_metrics[number]))
    if not name:
        return
    candidate = candidate_of_verdict(verdict, terms, config.champion)
    beside = beside_of(judged.present, verdict, config.champion)
    registered = outbox.ask(partial(register, uri, name, model, candidate, beside))
    outbox.ask(partial(tracker.note, with_version(closed.note, name, registered)))
    folder.update(registered={"name": name, "version": registered.version, "alias": registered.alias})
    _log.info(f"registered as {name} version {registered.version}, alias {registered.alias} ({registered.reason})")
