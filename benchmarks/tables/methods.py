"""The methods of the tables: how each is chosen on dev with a seed, and how it then answers texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.linear import best_on_dev, fitted, log_odds
from benchmarks.tables.table_config import STUDENTS, Cell
from distune.cluster.config import ClusterConfig
from distune.cluster.on_ray import OnRay
from distune.corpora.corpus import Corpus
from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.models.decision import LIKELIEST, AnyDecision
from distune.models.predictor import Predictor
from distune.models.students.student import count_parameters
from distune.tuning.champion.finalists import Finalist, save_finalist
from distune.tuning.metric.task import AnyMetric
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.search.run import run_search
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import midpoint
from distune.tuning.study.rule import ChampionConfig, rank
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.tasks import TrainingData, train_one

Say = Callable[[str], None]
Logits = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Choice:
    """What dev chose: what it is, the checkpoint folder of a student, and, by the study's metric, its score on dev and the rule by
    which it answers."""

    about: dict[str, Any]
    folder: Path | None = None
    dev_score: float = 0.0
    decision: AnyDecision = LIKELIEST


def choose(
    cells: Sequence[Cell], corpus: Corpus, root: Path, retrainings: int, metric: AnyMetric, say: Say
) -> list[Choice]:
    """Whatever the method has to decide for cells that share a study and its search, decided on dev; no row of a final set is
    read. Students need a connection to Ray."""
    first = cells[0]
    kind = first.method.kind
    if kind in STUDENTS:
        found = _choose_students(cells, root, retrainings, say)
    else:
        about = best_on_dev(first.study, corpus, first.method.characters, metric) if kind == "tfidf" else {}
        found = [Choice(about)] * len(cells)
    return [judged(cell, choice, corpus, metric) for cell, choice in zip(cells, found, strict=True)]


def judged(cell: Cell, choice: Choice, corpus: Corpus, metric: AnyMetric) -> Choice:
    """The choice with its score on dev and the rule by which it answers, whatever metric a method searched by."""
    logits, labels = logits_of(cell, choice, corpus, corpus.dev.texts), corpus.dev.labels
    decision = metric.decision(logits, labels)
    return replace(choice, dev_score=metric.score(logits, labels, decision), decision=decision)


def logits_of(cell: Cell, choice: Choice, corpus: Corpus, texts: Sequence[str]) -> Logits:
    """Logits `[texts, classes]` of texts, as the chosen method is served."""
    kind = cell.method.kind
    if kind == "majority" and corpus.is_multi_label:
        return np.tile(log_odds(corpus.train.labels), (len(texts), 1))
    if kind == "majority":
        n_texts = np.bincount(corpus.train.labels, minlength=len(corpus.labels))
        return np.tile(np.log(np.maximum(n_texts, 1e-9)), (len(texts), 1))
    if kind == "tfidf":
        return fitted(cell.study, corpus, choice.about).logits(texts)
    if kind == "teacher":
        return logits_for(cell.study.config, corpus, locate(cell.study.config, corpus)).of(texts)
    folder = choice.folder or Path()
    return Predictor(folder, load_encoder(folder)).logits(texts)


def _choose_students(cells: Sequence[Cell], root: Path, retrainings: int, say: Say) -> list[Choice]:
    """The choice in each cell: the candidates are trained anew, the best of them is taken by the rule, and of
    its trainings the one that is best on dev."""
    first = cells[0]
    study = first.study
    rule = first.method.rule or study.config.champion
    if first.method.kind == "fixed":
        config = TrialConfig.model_validate(midpoint(study.space))
        prepared = prepare(read_study(study, only=config))
        trials = candidates = [TrialRecord(number=0, state="complete", config=config)]
    else:
        read = read_study(study)
        prepared = prepare(read)
        trials = choosable(_search(prepared, read.earlier, root / "searches" / first.search_key), first.method.plain)
        candidates = _best(trials, prepared, rule)
    teacher = prepared.teacher_score

    def order(one: Finalist) -> tuple[bool, float, float]:
        return rank(one.score, one.record.latency_ms or 0.0, rule, teacher)

    choices = []
    for cell, finalists in zip(cells, _retrained(candidates, prepared, cells, retrainings), strict=True):
        best = min(finalists, key=order)
        inputs, place = prepared.of(best.record.config), root / "students" / cell.key
        folder = save_finalist(best, study.config, inputs, prepared.corpus.labels, place)
        about = {
            "config": best.record.config.model_dump(mode="json"),
            "trials": study.config.search.trials if cell.method.kind == "searched" else 0,
            "metric": prepared.metric.config.title,
            "meets the rule": cell.method.kind == "fixed" or not order(best)[0],
            "trial_accuracies": [(one.number, one.score) for one in trials if one.score is not None],
            "dev_accuracies": [result.score for result in best.distilled],
            "parameters": count_parameters(best.best.student),
            "size_mb": (folder / "model.onnx").stat().st_size / 1e6,
        }
        choices.append(Choice(about, folder))
    return choices


def _search(prepared: Prepared, earlier: Folder | None, place: Path) -> list[TrialRecord]:
    """The trials of a search, in its order; it goes on where it was killed, and starts from an `earlier` one."""
    place.mkdir(parents=True, exist_ok=True)
    folder = Folder(Place(str(place.absolute())))  # Workers stand in folders of their own.
    records = run_search(prepared.study, prepared.inputs, folder, [], earlier)
    if not any(record.state == "complete" for record in records):
        raise StudyError(f"no trial of the search in {place} was completed; trials/NUMBER/log.txt there says why")
    return records


def choosable(records: Sequence[TrialRecord], plain: bool) -> list[TrialRecord]:
    """The complete trials that a method may choose from: the one of the plain student, with which every search begins, is no
    distilled one."""
    found = [one for one in records if one.state == "complete" and one.config.loss.is_plain == plain]
    if not found:
        raise StudyError(
            f"of {len(records)} trials none {'of the plain student' if plain else 'that is distilled'} was "
            "completed; set search.trials higher"
        )
    return found


def _best(trials: Sequence[TrialRecord], prepared: Prepared, rule: ChampionConfig) -> list[TrialRecord]:
    """So many trials as a search has finalists, the best by the rule."""
    teacher = prepared.teacher_score
    ordered = sorted(trials, key=lambda one: rank(one.score or 0.0, one.latency_ms or 0.0, rule, teacher))
    return ordered[: prepared.study.config.search.finalists]


def _retrained(
    candidates: Sequence[TrialRecord], prepared: Prepared, cells: Sequence[Cell], retrainings: int
) -> list[list[Finalist]]:
    """The candidates of each cell, each trained `retrainings` times with seeds that no other cell and no trial has."""
    runs = [
        one.config.model_copy(update={"seed": 1000 * cell.seed + number})
        for cell in cells
        for one in candidates
        for number in range(1, retrainings + 1)
    ]
    cluster: ClusterConfig = prepared.study.config.cluster
    shared = TrainingData({key: inputs.data for key, inputs in prepared.inputs.items()}, cluster.threads)
    results = dict(OnRay(cluster).each(train_one, runs, shared))
    trained = (tuple(results[start + i] for i in range(retrainings)) for start in range(0, len(runs), retrainings))
    return [[Finalist(one, next(trained), ()) for one in candidates] for _ in cells]
