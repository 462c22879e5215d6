"""`distune bench --against`: a teacher that is no classifier is refused before anything is timed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from transformers import AutoModelForMaskedLM, AutoTokenizer

from distune.models.decision import even
from distune.models.errors import ModelError
from distune.tuning.speed.bench import bench
from tests.conftest import STUDENTS
from tests.families import save_family
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bench") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), target)


def test_what_is_assumed_of_a_teacher_is_said(student: Path, tmp_path: Path, said: list[str]) -> None:
    bench(student, str(save_family("gpt2", tmp_path)), ["好书", "差酒店"] * 4, Console(file=io.StringIO()))
    assert any("pads with <|endoftext|>, as it names no pad token" in line for line in said)
    assert any(
        "reads at most 32 tokens, as it has no more positions, instead of 128 by default" in line for line in said
    )


def test_the_table_says_whether_a_label_or_labels_are_answered(
    student: Path, tmp_path: Path, teacher_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.tuning.speed.latency.MIN_CHUNK_S", 0.001)
    several = replace(checkpoint_of(STUDENTS[0], ("a", "b", "c")), decision=even(3))
    folder = save_student(several, tmp_path / "several")
    for one, words in ((student, "from raw text to label, one"), (folder, "from raw text to labels, one")):
        shown = io.StringIO()
        bench(one, str(teacher_folder), ["好书", "差酒店"] * 4, Console(file=shown, width=400))
        assert words in shown.getvalue()


def test_a_teacher_without_a_head_is_refused_before_anything_is_timed(
    student: Path, teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    AutoModelForMaskedLM.from_pretrained(teacher_folder).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(tmp_path)
    monkeypatch.setattr("distune.tuning.speed.bench.time_contenders", lambda *arguments: pytest.fail("timed"))
    with pytest.raises(ModelError, match="has no trained classification head"):
        bench(student, str(tmp_path), ["好书"], Console(file=io.StringIO()))
