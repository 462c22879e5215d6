"""The end of a search: the finalists are timed alone, the rule picks the champion, the test set is read once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from distune._plug_files import PlugFile
from distune.cluster.runner import Runner
from distune.corpora.disk import UNFINISHED
from distune.corpora.places import Place
from distune.models.teacher.teacher import teacher_size_mb
from distune.tuning.champion.answers import write_answers
from distune.tuning.champion.baseline import about_baseline, train_baseline
from distune.tuning.champion.champion_card import card_of_champion
from distune.tuning.champion.columns import Column, quality
from distune.tuning.champion.confidence import confidence_of
from distune.tuning.champion.finalists import Finalist, choose_champion, save_finalist
from distune.tuning.champion.results import facts_of
from distune.tuning.champion.student_columns import network_mb, student_columns
from distune.tuning.champion.table import distillation_ratio, table_text
from distune.tuning.search.preparation import Prepared
from distune.tuning.speed.figures import Latency, Load, TeacherTimed, timed_words
from distune.tuning.speed.timing import PRESENT, Timed, TimingJob, files_of, time_here
from distune.tuning.study.rule import rule_text
from distune.tuning.teachers.logits import timing_teachers
from distune.tuning.trial.plugs import plug_in


class NoChampionError(Exception):
    """A search that ended well, in which no student meets the champion rule."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The results of a search: `winner` is the index of the champion among the finalists, None if none meets the rule.

    `columns` are the teacher, the student alone, and the distilled student (the champion, or the nearest to it).
    """

    rule: str
    finalists: tuple[Finalist, ...]
    latencies: dict[str, Latency]
    columns: tuple[Column, Column, Column]
    winner: int | None
    sizes_mb: dict[int, float]
    """The size of each finalist's network, by the number of its trial."""
    cpu: str
    host: str
    """The machine of the timing."""
    versions: dict[str, str]
    """The versions of the packages there."""
    teacher_timed: TeacherTimed
    load: Load | None
    """The other work on that machine."""
    baseline: Column | None = None
    """A linear classifier that learnt from the same labels; None if train has only one class."""
    present: Latency | None = None
    """The present champion of the name that the winner is registered as, timed in the same run; None without one."""
    present_fault: str = ""
    """Why it could not be timed."""

    @property
    def timed(self) -> str:
        return timed_words(self.cpu, self.teacher_timed, self.load)

    @property
    def shown(self) -> int:
        return self.winner or 0

    @property
    def ratio(self) -> float | None:
        return distillation_ratio(*self.columns)


def judge(
    prepared: Prepared,
    finalists: Sequence[Finalist],
    folder: Path,
    runner: Runner,
    present: Path | None = None,
    ended_early: str | None = None,
) -> Verdict:
    """Train the baseline, time the finalists, apply the rule, read the test split, and write it all into the search's folder.

    The runner times them alone, together with the `present` champion if its checkpoint folder is given. Writes
    `finalists/`, `results.json`, `table.txt`, `answers.parquet` and, if there is a champion, `champion/`.
    """
    config, corpus = prepared.study.config, prepared.corpus
    paths = _save(prepared, finalists, folder / "finalists")
    baseline = train_baseline(corpus, prepared.metric, config.search.seed)  # Not while something is timed.
    timed, teacher_column, teacher_timed = _time(prepared, paths, runner, present)
    latencies = timed.latencies
    timings = [latencies[path.name] for path in paths]
    winner = choose_champion(finalists, timings, config.champion, prepared.teacher_score)
    name = "nearest student" if winner is None else "distilled champion"
    path, finalist = paths[winner or 0], finalists[winner or 0]
    alone, distilled, answers = student_columns(prepared, finalist, name, latencies[path.name], path)
    write_answers(answers, corpus.test.texts, Place(str(folder / "answers.parquet")))
    verdict = Verdict(
        rule=rule_text(config.champion, config.metric),
        finalists=tuple(finalists),
        latencies=latencies,
        columns=(teacher_column, alone, distilled),
        winner=winner,
        sizes_mb={int(one.name): network_mb(one) for one in paths},
        cpu=timed.cpu,
        host=timed.host,
        versions=timed.versions,
        teacher_timed=teacher_timed,
        load=timed.load,
        baseline=baseline,
        present=latencies.get(PRESENT),
        present_fault=timed.fault,
    )
    _write(verdict, prepared, folder, path, ended_early)
    return verdict


def _save(prepared: Prepared, finalists: Sequence[Finalist], folder: Path) -> list[Path]:
    """The checkpoint of each finalist, in a folder named by the number of its trial."""
    labels, config = prepared.corpus.labels, prepared.study.config
    return [
        save_finalist(one, config, prepared.of(one.record.config), labels, folder / str(one.record.number))
        for one in finalists
    ]


def _write(verdict: Verdict, prepared: Prepared, folder: Path, checkpoint: Path, ended_early: str | None) -> None:
    """Write the results, the table and, if there is a champion, a copy of its checkpoint with its card."""
    config, corpus, about_teacher = prepared.study.config, prepared.corpus.facts, prepared.teachers.about
    facts = facts_of(verdict, config, corpus, about_teacher) | {"ended_early": ended_early}
    place = Place(str(folder))
    (place / "results.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    about = about_baseline(verdict.baseline, verdict.columns[-1]) if verdict.baseline else ""
    (place / "table.txt").write_text(table_text(config.name, verdict.rule, verdict.columns, verdict.timed, about))
    (place / "champion").delete()  # Of an attempt that was cut off.
    if verdict.winner is not None:
        inputs = prepared.of(verdict.finalists[verdict.winner].record.config)
        _copy_whole(checkpoint, folder / "champion", card_of_champion(verdict, config, corpus, about_teacher, inputs))


def _copy_whole(path: Path, champion: Path, card: str) -> None:
    """Copy a checkpoint with a card of its own; the copy is whole or not there."""
    unfinished = champion.with_name(f".{champion.name}{UNFINISHED}")
    try:
        shutil.copytree(path, unfinished, dirs_exist_ok=True)
        Place(str(unfinished / "README.md")).write_text(card)
        unfinished.rename(champion)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _time(
    prepared: Prepared, paths: Sequence[Path], runner: Runner, present: Path | None
) -> tuple[Timed, Column, TeacherTimed]:
    """The timings of each checkpoint by its folder's name, the teacher's column, and the kind of model that was
    timed as the teacher."""
    corpus = prepared.corpus
    teachers = timing_teachers(prepared.teachers, (*corpus.train.texts, *corpus.transfer.texts))
    checkpoints = {path.name: files_of(path) for path in paths}
    stands_in: TeacherTimed = "stand-in" if any(teacher.is_stand_in for teacher in teachers) else "itself"
    job = TimingJob(
        checkpoints=checkpoints,
        teachers=teachers,
        texts=corpus.dev.texts,
        seed=prepared.study.config.search.seed,
        present=None if present is None else files_of(present),
    )
    timed = runner.alone(partial(_time_plugged, prepared.study.plugs), job)
    test = prepared.teachers.of(corpus.test.texts)
    figures = quality(
        prepared.metric,
        [prepared.teacher_score],
        [test],
        corpus.test.labels,
        None,
        [prepared.teacher_decision],
    )
    n_parameters = sum(teacher.n_parameters for teacher in teachers) or None
    size_mb = sum(teacher_size_mb(teacher) for teacher in teachers) or None
    column = Column(
        name="teacher",
        quality=figures,
        n_parameters=n_parameters,
        size_mb=size_mb,
        latency=timed.latencies.get("teacher"),
        confidence=confidence_of(prepared.metric, prepared.teacher_decision, test, corpus.test.labels),
    )
    return timed, column, stands_in if teachers else "no"


def _time_plugged(plugs: Sequence[PlugFile], job: TimingJob) -> Timed:
    """Time everything in this process, after loading the plugs."""
    plug_in(plugs)
    return time_here(job)
