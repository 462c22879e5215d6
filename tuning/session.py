"""A whole search, from the study to the registered champion, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from distune.cluster.config import ClusterConfig
from distune.cluster.connection import connected
from distune.cluster.tasks import map_on_cluster, run_alone, run_on_best_node, run_on_cluster
from distune.corpora.places import Place
from distune.tuning.champion.finalists import Finalist, select, train_finalists
from distune.tuning.champion.verdict import NoChampionError, judge
from distune.tuning.checks import check, check_shared, check_stores
from distune.tuning.report.write import publish
from distune.tuning.search.gpus import with_gpus
from distune.tuning.search.importance import importances
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.progress import FillingView, LiveView
from distune.tuning.search.run import changed_since, earlier_folder, run_search
from distune.tuning.shipping import packages
from distune.tuning.speed.timing import TimeAll, time_here
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.lease import only_driver
from distune.tuning.storage.paths import ENDED, Folder, dump
from distune.tuning.storage.records import TrialRecord, count_states, open_study, read_records, records_in
from distune.tuning.storage.searches import new_folder, unfinished_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.logits import cache_teacher
from distune.tuning.teachers.sources import Workers
from distune.tuning.teachers.students import run_on_ray
from distune.tuning.tracking.entries import closing, opening, with_version
from distune.tuning.tracking.outbox import Outbox, ServerAwayError
from distune.tuning.tracking.promotion import candidate_of_verdict
from distune.tuning.tracking.registry import log_model, register
from distune.tuning.tracking.runs import Tracker, is_away
from distune.tuning.trial.plugs import call_plugged


class InterruptedSearchError(Exception):
    """A search that was ended by Ctrl-C; what it found is kept."""

    exit_code: ClassVar[int] = 130


def cache(study: Study, rebuild: bool, export: Path | None, command: str, console: Console) -> None:
    """Fill the caches of a study's teachers, on the cluster that it names, or in this process where it names none."""
    check_stores(study)
    say = _speaker(console)
    if not study.config.cluster.is_shared:
        cache_teacher(study, rebuild, export, command, say, workers_here(console, study.config.cluster))
        return
    if study.config.cluster.address.startswith("ray://"):
        raise StudyError(
            f"cluster.address: a cache is filled on a machine of the cluster, with address auto, or by the search "
            f"itself; but got {study.config.cluster.address}"
        )
    with connected(study.config.cluster, packages()):
        check_shared(Place(study.config.storage))
        cache_teacher(study, rebuild, export, command, say, cluster_workers(console, study.config.cluster))


def search(study: Study, console: Console, resume: bool = False) -> Folder:
    """Search, retrain the finalists, time them alone, pick the champion and register it; returns the search's folder.

    Raises NoChampionError when no student meets the rule, InterruptedSearchError after Ctrl-C, ServerAwayError when the
    MLflow server stays away, and StudyError, CorpusError, ModelError or ClusterError for what cannot be used, before
    anything is trained.
    """
    check_stores(study)
    if resume:
        unfinished_folder(study)
    say = _speaker(console)
    with ExitStack() as stack:
        if study.config.cluster.is_shared:
            check(study)
            cluster = stack.enter_context(connected(study.config.cluster, packages()))
            check_shared(Place(study.config.storage))
            prepared = prepare(study, say, workers=cluster_workers(console, study.config.cluster))
        else:
            prepared = prepare(study, say, workers=workers_here(console, study.config.cluster))
            cluster = stack.enter_context(connected(study.config.cluster))
        prepared = with_gpus(prepared, say)
        config = prepared.study.config
        if config.search.warm_start:
            for line in changed_since(earlier_folder(config, prepared.corpus), prepared.fingerprints):
                say(line)
        folder = unfinished_folder(study) if resume else new_folder(study)
        stack.enter_context(only_driver(folder.driver))
        folder.claim(prepared.fingerprints)
        outbox = stack.enter_context(tracked(prepared, folder, say))
        records = _search_trials(prepared, folder, outbox, console)
        finalists = _finalists(prepared, records, console)
        plugs = prepared.study.plugs
        time_all: TimeAll = time_here
        if config.cluster.latency_node and config.cluster.is_shared:
            time_all = partial(
                run_alone, lambda job: call_plugged(time_here, plugs, job), resource=config.cluster.latency_node
            )
        else:
            cluster.disconnect()  # Nothing of ours may run beside what is timed now.
        _conclude(prepared, finalists, folder, time_all, outbox, console)
    return folder


def _conclude(
    prepared: Prepared,
    finalists: Sequence[Finalist],
    folder: Folder,
    time_all: TimeAll,
    outbox: Outbox[Tracker],
    console: Console,
) -> None:
    """Time the finalists, write and record what was found, and register the champion."""
    config, tracker = prepared.study.config, outbox.observer
    with folder.place.to_write() as path:
        with console.status("timing the finalists and the teacher: one thread, nothing beside them"):
            verdict = judge(prepared, finalists, path, time_all)
        optuna_study = open_study(config, Journal(folder.journal))
        mattered = importances(optuna_study, config.search.objectives, config.search.importance)
        outbox.ask(partial(tracker.log_importances, mattered))
        closed = closing(verdict, read_records(optuna_study), config, folder)
        outbox.ask(partial(tracker.log_results, closed, path))
    console.print(folder.table.read_text(), markup=False, highlight=False, soft_wrap=True)
    with console.status("drawing the pictures and the page"):
        outbox.ask(partial(tracker.log_files, publish(prepared.study, folder, _speaker(console))))
    if verdict.winner is None:
        folder.update(state=ENDED)
        nearest = verdict.columns[-1]
        p50_ms = nearest.latency.p50_ms if nearest.latency else float("nan")
        raise NoChampionError(
            f"no finalist is {verdict.rule}; nothing was registered. The nearest has dev accuracy "
            f"{nearest.quality.dev_accuracy} and p50 {p50_ms:.3f} ms"
        )
    with console.status("registering the champion"), (folder.place / "champion").to_read() as champion:
        uri, name, texts = config.tracking.uri, config.tracking.register_as, prepared.corpus.dev.texts[:2]
        model = outbox.ask(partial(log_model, uri, tracker.run_id, champion, texts))
        number = verdict.finalists[verdict.winner].record.number
        outbox.ask(partial(tracker.link_model, number, model.model_id, closed.trial_metrics[number]))
        if name:
            candidate = candidate_of_verdict(verdict, prepared, config.champion)
            registered = outbox.ask(partial(register, uri, name, model, candidate))
            outbox.ask(partial(tracker.note, with_version(closed.note, name, registered)))
            console.print(
                f"registered as {name} version {registered.version}, alias {registered.alias} ({registered.reason})",
                highlight=False,
                soft_wrap=True,
            )
    folder.update(state=ENDED)


def workers_here(console: Console, config: ClusterConfig) -> Workers:
    """This process does the work of a BERT; a teacher's students are trained beside each other, on a Ray of their own."""
    return Workers(progress=FillingView(console), run_students=run_on_ray(config, is_connected=False))


def cluster_workers(console: Console, config: ClusterConfig) -> Workers:
    """The nodes of the connected cluster do the teacher's work."""
    run_students = run_on_ray(config, is_connected=True)
    return Workers(
        map_on_cluster, lambda training, say: run_on_best_node(training, print), FillingView(console), run_students
    )


def _speaker(console: Console) -> Callable[[str], None]:
    return partial(console.print, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def tracked(prepared: Prepared, folder: Folder, say: Callable[[str], None]) -> Iterator[Outbox[Tracker]]:
    """The MLflow runs of a search, closed in the state in which it ends."""
    tracker = Tracker(prepared.study.config, prepared.teacher_accuracy, folder.state.get("run_id"))
    folder.update(run_id=tracker.run_id, state="searching")
    outbox = Outbox(tracker, is_away, say)
    status: str | None = "FINISHED"
    try:
        yield outbox
    except NoChampionError:
        raise
    except ServerAwayError:
        status = None  # There is nobody to tell; --resume will.
        raise
    except BaseException as error:
        status = "KILLED" if isinstance(error, InterruptedSearchError | KeyboardInterrupt) else "FAILED"
        raise
    finally:
        if status is not None:
            outbox.ask(partial(tracker.close, status))
        outbox.close()


def _search_trials(prepared: Prepared, folder: Folder, outbox: Outbox[Tracker], console: Console) -> list[TrialRecord]:
    study, tracker = prepared.study, outbox.observer
    outbox.ask(partial(tracker.describe, dump(study.document), opening(prepared, folder)))
    console.print(f"search {folder}: {study.config.search.trials} trials; MLflow run {tracker.run_id}", highlight=False)
    known = records_in(study.config, folder)
    outbox.ask(partial(tracker.reconcile, known))
    with LiveView(study.config.search.trials, console) as line:
        line.known(known)
        records = run_search(prepared, folder, [outbox, line])
    finished = [record for record in records if record.state != "running"]
    if len(finished) < study.config.search.trials:
        raise InterruptedSearchError(
            f"interrupted after {len(finished)} of {study.config.search.trials} trials; "
            "the same command with --resume goes on"
        )
    return records


def _finalists(prepared: Prepared, records: Sequence[TrialRecord], console: Console) -> list[Finalist]:
    config = prepared.study.config
    chosen = select(records, config.champion, prepared.teacher_accuracy, config.search.finalists)
    if not chosen:
        counts = ", ".join(f"{n} {state}" for state, n in count_states(records).items() if n)
        raise NoChampionError(f"no distilled trial was completed ({counts}); `distune results` shows why")
    with console.status("retraining the finalists"):
        return train_finalists(
            chosen,
            prepared,
            lambda function, runs, shared: run_on_cluster(function, runs, shared, config.cluster),
            partial(console.print, markup=False, highlight=False),
        )
