"""A whole search, from the study to the registered champion, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from cluster.connection import connected
from cluster.tasks import run_on_cluster
from corpora.corpus import load_corpus
from corpora.encoding import segmenter
from corpora.teacher_data import load_teacher_data
from corpora.teacher_logits import has_cache
from corpora.tokens import encoder_settings
from models.word_vectors import FileVectorsConfig, open_vectors
from tuning.finalists import Finalist, select, train_finalists
from tuning.folder import ENDED, Folder, dump, new_folder, unfinished_folder
from tuning.importance import importances
from tuning.preparation import Prepared, distinct_inputs, prepare, refuse_what_teachers_lack
from tuning.progress import LiveLine
from tuning.records import TrialRecord, count_states, open_study, read_records
from tuning.search import earlier_folder, run_search
from tuning.study import Study, StudyConfig
from tuning.teachers import locate
from tuning.teaching import accuracy_of, pieces_for
from tuning.tracking import Tracker, check_store, check_writable, register_champion
from tuning.verdict import NoChampionError, judge


class InterruptedSearchError(Exception):
    """A search that was ended by Ctrl-C; what it found is kept."""


def check(study: Study) -> str:
    """Refuse whatever would stop the study later, writing nothing; returns what the study will do, in a sentence.

    Raises StudyError, CorpusError, ModelError or CheckpointError.
    """
    _check_stores(study)
    corpus = load_corpus(study.config.corpus)
    places = locate(study.config, corpus)
    refuse_what_teachers_lack(study, corpus, places)
    if study.config.search.warm_start:
        earlier_folder(study.config, corpus.fingerprint)
    cached = "in the cache" if all(has_cache(p.cache_root, p.key) for p in places) else "not in the cache yet"
    for config in distinct_inputs(study):
        segmenter(encoder_settings(config.tokens), pieces_for(config.tokens, places[0]))
        if isinstance(config.vectors, FileVectorsConfig):
            open_vectors(config.vectors)
    if study.config.teacher_data.labelled or study.config.teacher_data.unlabelled:
        load_teacher_data(study.config.teacher_data, corpus)
    sizes = ", ".join(f"{len(split)} {name}" for name, split in corpus.splits.items())
    return f"no fault; {sizes}; {study.config.search.trials} trials; teacher logits {cached}"


def _check_stores(study: Study) -> None:
    check_writable(study.config.storage, "storage")
    check_store(study.config.tracking)


def search(study: Study, console: Console, resume: bool = False) -> Path:
    """Search, retrain the finalists, time them alone, pick the champion and register it; returns the search's folder.

    Raises NoChampionError when no student meets the rule, InterruptedSearchError after Ctrl-C, and
    StudyError, CorpusError, ModelError or ClusterError for what cannot be used, before anything is trained.
    """
    _check_stores(study)
    if resume:
        unfinished_folder(study)
    prepared = prepare(study, partial(console.print, markup=False, highlight=False, soft_wrap=True))
    if study.config.search.warm_start:
        earlier_folder(study.config, prepared.corpus.fingerprint)
    with ExitStack() as stack:
        cluster = stack.enter_context(connected(study.config.cluster))
        folder = unfinished_folder(study) if resume else new_folder(study)
        folder.claim(prepared.teachers.key)
        tracker = stack.enter_context(tracked(study.config, folder))
        records = _search_trials(prepared, folder, tracker, console)
        finalists = _finalists(prepared, records, console)
        cluster.disconnect()  # Nothing of ours may run beside what is timed now.
        with console.status("timing the finalists and the teacher: one thread, nothing beside them"):
            verdict = judge(prepared, finalists, folder.path)
        tracker.log_importances(
            importances(
                open_study(study.config, folder.path), study.config.search.objectives, study.config.search.importance
            )
        )
        tracker.log_results(verdict.metrics(), verdict.metrics_of_finalists(), folder.path)
        console.print(
            (folder.path / "table.txt").read_text(encoding="utf-8"), markup=False, highlight=False, soft_wrap=True
        )
        if verdict.winner is None:
            folder.update(state=ENDED)
            nearest = verdict.columns[-1]
            p50_ms = nearest.latency.p50_ms if nearest.latency else float("nan")
            raise NoChampionError(f"no finalist is {verdict.rule}; nothing was registered. The nearest has dev accuracy "
                                  f"{nearest.quality.dev_accuracy} and p50 {p50_ms:.3f} ms")  # fmt: skip
        with console.status("registering the champion"):
            version = register_champion(
                study.config, tracker.run_id, folder.path / "champion", prepared.corpus.dev.texts[:2]
            )
        folder.update(state=ENDED)
    if version:
        console.print(f"registered as {study.config.tracking.register_as} version {version}, alias champion")
    return folder.path


@contextmanager
def tracked(config: StudyConfig, folder: Folder) -> Iterator[Tracker]:
    """The MLflow runs of a search, closed in the state in which it ends."""
    tracker = Tracker(config, folder.state.get("run_id"))
    folder.update(run_id=tracker.run_id, state="searching")
    try:
        yield tracker
    except (InterruptedSearchError, KeyboardInterrupt):
        tracker.close("KILLED")
        raise
    except NoChampionError:
        tracker.close("FINISHED")
        raise
    except BaseException:
        tracker.close("FAILED")
        raise
    tracker.close("FINISHED")


def _search_trials(prepared: Prepared, folder: Folder, tracker: Tracker, console: Console) -> list[TrialRecord]:
    study = prepared.study
    key = prepared.teachers.key
    tracker.describe(dump(study.document), {
        "distune.corpus": key.corpus, "distune.teacher": key.teacher, "distune.folder": str(folder.path),
    })  # fmt: skip
    console.print(
        f"search {folder.path}: {study.config.search.trials} trials; MLflow run {tracker.run_id}", highlight=False
    )
    known = read_records(open_study(study.config, folder.path))
    tracker.reconcile(known)
    with LiveLine(study.config.search.trials, console) as line:
        line.known(known)
        records = run_search(prepared, folder.path, [tracker, line])
    finished = [record for record in records if record.state != "running"]
    if len(finished) < study.config.search.trials:
        raise InterruptedSearchError(f"interrupted after {len(finished)} of {study.config.search.trials} trials; "
                                     "the same command with --resume goes on")  # fmt: skip
    return records


def _finalists(prepared: Prepared, records: Sequence[TrialRecord], console: Console) -> list[Finalist]:
    config = prepared.study.config
    teacher = accuracy_of(prepared.teachers.of(prepared.corpus.dev.texts), prepared.corpus.dev.labels)
    chosen = select(records, config.champion, teacher, config.search.finalists)
    if not chosen:
        counts = ", ".join(f"{n} {state}" for state, n in count_states(records).items() if n)
        raise NoChampionError(f"no distilled trial was completed ({counts}); `distune results` shows why")
    with console.status("retraining the finalists"):
        return train_finalists(
            chosen, prepared, lambda function, runs, shared: run_on_cluster(function, runs, shared, config.cluster),
            partial(console.print, markup=False, highlight=False),
        )  # fmt: skip
