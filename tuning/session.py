"""A whole search, from the study to the registered champion, in a folder of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from distune._plural import n_of
from distune.cluster.connection import connected
from distune.cluster.on_ray import OnRay, preparing_runner
from distune.corpora.places import Place
from distune.tuning.champion.verdict import NoChampionError
from distune.tuning.checks import check_shared, check_surroundings, refuse_few_trials
from distune.tuning.concluding import InterruptedSearchError, chosen_finalists, conclude
from distune.tuning.search.bars import FillingView
from distune.tuning.search.gpus import with_gpus
from distune.tuning.search.preparation import prepare
from distune.tuning.search.progress import LiveView
from distune.tuning.search.reading import read_study
from distune.tuning.search.run import run_search
from distune.tuning.search.warm_start import changed_since
from distune.tuning.shipping import packages
from distune.tuning.storage.lease import only_driver
from distune.tuning.storage.paths import Folder, dump
from distune.tuning.storage.records import TrialRecord, count_done, records_in
from distune.tuning.storage.room import RESUMED, full_disks_named
from distune.tuning.storage.searches import go_on_with, new_folder, only_beginning, unfinished_folder
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.logits import cache_teacher
from distune.tuning.tracking.entries import opening
from distune.tuning.tracking.outbox import Outbox, ServerAwayError
from distune.tuning.tracking.runs import Tracker, is_away
from distune.tuning.trial.data import Inputs

_log = logging.getLogger(__name__)


def cache(study: Study, rebuild: bool, export: Path | None, command: str, console: Console) -> None:
    """Fill the caches of a study's teachers, on the cluster that it names, or in this process without one."""
    check_surroundings(study)
    cluster = study.config.cluster
    if cluster.place.startswith("ray://"):
        raise StudyError(
            f"cluster.address: a cache is filled on a machine of the cluster, with address auto, or by the search "
            f"itself; but got {cluster.place}"
        )
    with full_disks_named(study.config), connected_if_shared(study):
        cache_teacher(study, rebuild, export, command, preparing_runner(cluster), FillingView(console))


def search(study: Study, console: Console, resume: bool = False, force: bool = False) -> Folder:
    """Search, retrain the finalists, time them alone, pick the champion and register it; returns the search's folder.

    `resume` continues the last search; `force` begins another one while one runs.

    Raises NoChampionError when no student meets the rule, InterruptedSearchError after Ctrl-C, ServerAwayError when the
    MLflow server stays away, and StudyError, CorpusError, ModelError or ClusterError for unusable input, before
    anything is trained.
    """
    check_surroundings(study)
    if resume:
        unfinished_folder(study)
    else:
        refuse_few_trials(study.config.search)
    with ExitStack() as stack, ExitStack() as beginning:
        stack.enter_context(full_disks_named(study.config))
        if not (resume or force):
            beginning.enter_context(only_beginning(study))
        read = read_study(study)
        stack.enter_context(connected_if_shared(study))
        prepared = prepare(read, preparing_runner(study.config.cluster), FillingView(console))
        if not study.config.cluster.is_shared:
            stack.enter_context(connected(study.config.cluster))
        measured = with_gpus(prepared.study, prepared.configs, prepared.inputs, OnRay(study.config.cluster))
        prepared = replace(prepared, study=measured)
        runner = OnRay(prepared.study.config.cluster)
        if read.earlier:
            for line in changed_since(read.earlier, prepared.fingerprints):
                _log.info(line)
        folder = (unfinished_folder(study) if resume else new_folder(study)).patient()
        stack.enter_context(full_disks_named(study.config, then=RESUMED))
        stack.enter_context(only_driver(folder.driver))
        beginning.close()
        folder.claim(prepared.fingerprints)
        if resume:
            go_on_with(study, folder)
        outbox = stack.enter_context(tracked(measured.config, prepared.teacher_score, folder))
        entries = opening(measured.config, prepared.corpus.facts, prepared.teachers, prepared.teacher_score, folder)
        outbox.ask(partial(outbox.observer.describe, dump(measured.document), entries))
        records = _search_trials(measured, prepared.inputs, folder, read.earlier, outbox, console)
        finalists = chosen_finalists(prepared, records, folder, runner, outbox, console)
        conclude(prepared, finalists, folder, runner, outbox, console)
    return folder


@contextmanager
def connected_if_shared(study: Study) -> Iterator[None]:
    """Connected to the cluster that a study names, all of whose nodes see the storage. Without a cluster, Ray is not
    started."""
    if not study.config.cluster.is_shared:
        yield
        return
    with connected(study.config.cluster, packages()):
        check_shared(Place(study.config.storage))
        yield


@contextmanager
def tracked(config: StudyConfig, teacher_score: float, folder: Folder) -> Iterator[Outbox[Tracker]]:
    """The MLflow runs of a search, closed in the state in which it ends."""
    tracker = Tracker(config, teacher_score, folder.state.get("run_id"))
    begun_at = folder.state.get("begun_at", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    folder.update(run_id=tracker.run_id, state="searching", begun_at=begun_at)
    outbox = Outbox(tracker, is_away)
    status: str | None = "FINISHED"
    try:
        yield outbox
    except NoChampionError:
        raise
    except ServerAwayError:
        status = None  # There is nobody to tell; --resume will.
        raise
    except BaseException as error:
        status = None
        how = "KILLED" if isinstance(error, InterruptedSearchError | KeyboardInterrupt) else "FAILED"
        # What has ended the search may keep it from being told; it is raised, and nothing else.
        with suppress(Exception):
            try:
                outbox.ask(partial(tracker.close, how))
            except KeyboardInterrupt:  # The second Ctrl-C: nobody waits for a server that is away.
                outbox.give_up()
        raise
    finally:
        try:
            if status is not None:
                outbox.ask(partial(tracker.close, status))
        finally:
            outbox.close()


def _search_trials(
    study: Study,
    inputs: Mapping[str, Inputs],
    folder: Folder,
    earlier: Folder | None,
    outbox: Outbox[Tracker],
    console: Console,
) -> list[TrialRecord]:
    tracker = outbox.observer
    _log.info(f"search {folder}: {n_of(study.config.search.trials, 'trial')}")
    _log.info(f"  MLflow run {tracker.run_id}")
    known = records_in(study.config, folder)
    outbox.ask(partial(tracker.reconcile, known))
    try:
        with LiveView(study.config.search.trials, console, study.config.metric.title) as line:
            line.known(known)
            records = run_search(study, inputs, folder, [outbox, line], earlier)
    except KeyboardInterrupt as interrupt:
        raise InterruptedSearchError(
            f"interrupted after {count_done(records_in(study.config, folder))} of {n_of(study.config.search.trials, 'trial')}; "
            "the same command with --resume goes on, and after `distune finish STUDY` it goes straight to the finalists"
        ) from interrupt
    if why := folder.state.get("ended_early"):
        _log.info(f"ended early, after {count_done(records)} of {n_of(study.config.search.trials, 'trial')}: {why}")
    return records
