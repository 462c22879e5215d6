"""The finalists timed with the present champion of their name, and what is said of how they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.models.checkpoint_folder import FILES
from distune.models.decision import even
from distune.models.students.config import AverageConfig
from distune.models.teacher.teacher import load_teacher, teacher_logits
from distune.tuning.speed import load, timing
from distune.tuning.speed.contenders import teacher_contender
from distune.tuning.speed.figures import Load, timed_words
from distune.tuning.speed.latency import Contender
from distune.tuning.speed.load import Mark, load_between, mark
from distune.tuning.speed.timing import TimingJob, files_of, time_here
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    target = tmp_path_factory.mktemp("timing") / "student"
    return files_of(save_student(checkpoint_of(STUDENTS[0]), target))


def timed(files: Mapping[str, bytes], present: Mapping[str, bytes] | None) -> timing.Timed:
    return time_here(TimingJob(checkpoints={"3": files}, teachers=(), texts=["好书"], seed=7, present=present))


def test_the_present_champion_is_timed_in_the_run_of_the_finalists(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.tuning.speed.latency.MIN_CHUNK_S", 0.001)
    found = timed(files, files)
    assert set(found.latencies) == {"3", "3 torch", "present champion"}
    assert (found.latencies["present champion"].p50_ms > 0, found.fault) == (True, "")
    assert found.load is None or found.load.n_cores >= 1


TEXTS = ["好书", "差酒店", "这本书好", "手机差"]


def test_a_teacher_of_one_label_is_timed_to_the_likeliest(teacher_folder: Path) -> None:
    teacher = load_teacher(teacher_folder, 32)
    likeliest = teacher_logits(teacher, TEXTS).argmax(axis=1).tolist()
    found = teacher_contender(teacher, teacher)
    assert found.batch(TEXTS).tolist() == likeliest
    assert [found.stages["teacher"](text) for text in TEXTS] == likeliest


def test_beside_students_of_several_labels_a_teacher_is_timed_to_every_label_of_even_odds(
    teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed_ones: dict[str, Contender] = {}

    def times(contenders: Mapping[str, Contender], texts: Any, seed: int) -> Any:
        timed_ones.update(contenders)
        return dict.fromkeys(contenders)

    monkeypatch.setattr(timing, "time_contenders", times)
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average"), ("a", "b", "c")), decision=even(3))
    saved = save_student(checkpoint, tmp_path / "student")
    # A stand-in may have another number of labels than the students.
    teacher = load_teacher(teacher_folder, 32)
    time_here(TimingJob(checkpoints={"3": files_of(saved)}, teachers=[teacher], texts=TEXTS, seed=7))
    assert set(timed_ones) == {"3", "3 torch", "teacher"}
    reached = (teacher_logits(teacher, TEXTS) >= 0).astype(int).tolist()
    assert timed_ones["teacher"].batch(TEXTS).tolist() == reached
    assert [timed_ones["teacher"].stages["teacher"](text) for text in TEXTS] == reached
    assert timed_ones["3"].batch(TEXTS).shape == (4, 3)
    np.testing.assert_array_equal(timed_ones["3"].batch(TEXTS), timed_ones["3 torch"].batch(TEXTS))


@pytest.mark.parametrize("name", [name for name in FILES if name in ("model.onnx", "labels.json")])
def test_one_that_does_not_run_costs_no_finalist_its_time(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def times(contenders: Mapping[str, Contender], texts: Any, seed: int) -> Any:
        return dict.fromkeys(contenders)

    monkeypatch.setattr(timing, "time_contenders", times)
    found = timed(files, {**files, name: b"{"})
    assert set(found.latencies) == {"3", "3 torch"}
    assert found.fault
    assert "\n" not in found.fault


def test_what_others_took_is_all_that_was_taken_but_ours() -> None:
    # 10 s in which all took 26 s of CPU, and this process 10 of them.
    before = Mark(moment_s=100.0, all_s=1000.0, ours_s=50.0)
    found = load_between(before, Mark(moment_s=110.0, all_s=1026.0, ours_s=60.0))
    assert found is not None
    assert found.busy_cores == 1.6
    assert load_between(before, None) is None


def test_of_the_fields_of_a_system_idle_and_iowait_are_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 30 99999 88888 5 5 50 77777 0\ncpu0 1 2 3\n")
    monkeypatch.setattr(load, "STAT", stat)
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    assert mark() is not None
    assert mark().all_s == 2.0  # type: ignore[union-attr]
    monkeypatch.setattr(load, "STAT", tmp_path / "none")
    assert mark() is None


@pytest.mark.parametrize(
    ("teacher", "beside", "words"),
    [
        ("itself", Load(0.1, 2), "one thread of a CPU, in one run with the teacher, with nothing beside it"),
        (
            "stand-in",
            Load(1.6, 2),
            "one thread of a CPU, in one run with a model of the teacher's architecture, which stands in for it, while other "
            "work kept 1.6 of 2 cores busy",
        ),
        (
            "no",
            None,
            "one thread of a CPU, without the teacher (the search used only its logits), with nothing of the search beside it",
        ),
        (None, None, "one thread of a CPU, with nothing of the search beside it"),
    ],
)
def test_what_was_done_is_what_is_said(teacher: Any, beside: Load | None, words: str) -> None:
    assert timed_words("a CPU", teacher, beside) == words
