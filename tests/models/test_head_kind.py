"""Does a classifier pick one class, or answer each label by itself? Its config.json says it, or the corpus is believed and it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.loading import load_classifier, named_head
from distune.models.teacher.teacher import check_checkpoint, load_teacher, teacher_logits
from distune.models.teacher.training import TrainingTexts, _hard_loss, check_start, train_teacher
from tests.making.berts import edited

MULTI, SINGLE = "multi_label_classification", "single_label_classification"
GOOD, BAD, BOTH, NONE = (
    ["好书", "好人", "很好"],
    ["差书", "差人", "很差"],
    ["好差", "差好", "好而差"],
    ["书", "人", "很"],
)
SETS = TrainingTexts(
    texts=(GOOD + BAD + BOTH + NONE) * 5,
    labels=np.array(
        [[1, -1]] * 3
        + [[0, 1]] * 3
        + [[1, 1]] * 3
        + [[0, 0]] * 3
        + ([[1, 0]] * 3 + [[0, 1]] * 3 + [[1, 1]] * 3 + [[0, 0]] * 3) * 4,
        dtype=np.int8,
    ),
    dev_texts=[GOOD[0], BAD[0], BOTH[0], NONE[0]],
    dev_labels=np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.int8),
    label_names=("good", "bad"),
    score=lambda logits, labels: float(((logits > 0) == labels).mean()),
    score_name="share",
)


def losses_of(said: list[str]) -> list[float]:
    """The loss of each epoch."""
    return [float(line.split("loss ")[1].split(",")[0]) for line in said if line.startswith("teacher epoch")]


def test_a_checkpoint_of_several_labels_is_taken_as_it_is(teacher_folder: Path, tmp_path: Path) -> None:
    folder = edited(teacher_folder, tmp_path / "x", problem_type=MULTI)
    check_checkpoint(str(folder), ["a", "b"], is_multi_label=True)
    teacher = load_teacher(folder, 32, ["a", "b"], is_multi_label=True)
    assert teacher.notes == ()
    np.testing.assert_array_equal(teacher_logits(teacher, GOOD), teacher_logits(load_teacher(teacher_folder, 32), GOOD))


def test_a_checkpoint_that_picks_one_class_is_refused_if_texts_have_several(
    teacher_folder: Path, tmp_path: Path
) -> None:
    folder = edited(teacher_folder, tmp_path / "x", problem_type=SINGLE)
    for load in (
        lambda: check_checkpoint(str(folder), ["a", "b"], is_multi_label=True),
        lambda: load_classifier(folder, is_multi_label=True),
    ):
        with pytest.raises(ModelError) as caught:
            load()
        assert str(caught.value) == (
            f"the teacher {folder} picks one class for each text (problem_type single_label_classification in its config.json), and the "
            "corpus has several labels a text; set epochs >= 1 to fine-tune it. If it was trained on several, write "
            "multi_label_classification there"
        )
    assert load_teacher(folder, 32, ["a", "b"], is_multi_label=False).notes == ()
    check_checkpoint(str(folder), None, is_multi_label=True)  # It is to be fine-tuned.


def test_a_checkpoint_that_does_not_say_what_it_answers_is_told_if_texts_have_several(teacher_folder: Path) -> None:
    assert AutoConfig.from_pretrained(teacher_folder).problem_type is None
    assert load_teacher(teacher_folder, 32, ["a", "b"], is_multi_label=True).notes == (
        f"the teacher {teacher_folder} does not say whether it answers each label by itself (no problem_type in its config.json); it is "
        "taken so. If it was trained to pick one class, set epochs >= 1",
    )
    assert load_teacher(teacher_folder, 32, ["a", "b"], is_multi_label=False).notes == ()


def test_a_checkpoint_with_a_word_that_transformers_does_not_have_is_told(teacher_folder: Path, tmp_path: Path) -> None:
    folder = edited(teacher_folder, tmp_path / "x", problem_type="multilabel")
    (note,) = load_teacher(folder, 32, ["a", "b"], is_multi_label=True).notes
    assert "by itself (problem_type 'multilabel' in its config.json); it is taken so" in note


def test_a_teacher_of_either_task_is_timed_without_a_corpus(teacher_folder: Path, tmp_path: Path) -> None:
    for kind in (MULTI, SINGLE):
        assert load_teacher(edited(teacher_folder, tmp_path / kind, problem_type=kind), 32).n_classes == 2
    with pytest.raises(ModelError, match="problem_type regression, a score and no class"):
        load_teacher(edited(teacher_folder, tmp_path / "x", problem_type="regression"), 32)


def test_transformers_says_the_task_itself_in_a_training_by_its_own_loss(teacher_folder: Path, tmp_path: Path) -> None:
    for labels, kind in ((torch.tensor([[1.0, 0.0]]), MULTI), (torch.tensor([1]), SINGLE)):
        model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
        model(input_ids=torch.tensor([[1, 2]]), labels=labels)
        model.save_pretrained(tmp_path / kind)
        assert AutoConfig.from_pretrained(tmp_path / kind).problem_type == kind


def test_the_loss_of_labels_leaves_out_what_is_unknown() -> None:
    logits = torch.tensor([[0.0, 9.0], [np.log(3.0), -9.0]])
    labels = torch.tensor([[1, -1], [0, -1]], dtype=torch.int8)
    # -log 1/2 and -log 1/4.
    assert _hard_loss(logits, labels).item() == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_a_teacher_of_several_labels_from_scratch_says_its_task(tmp_path: Path, said: list[str]) -> None:
    config = TeacherConfig.model_validate(
        {
            "from_scratch": {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1},
            "epochs": 12,
            "learning_rate": 5e-3,
            "batch_size": 12,
            "max_length": 8,
            "patience": 30,
        }
    )
    folder = train_teacher(config, SETS, tmp_path)
    assert AutoConfig.from_pretrained(folder).problem_type == MULTI
    assert load_teacher(folder, 8, ["good", "bad"], is_multi_label=True).notes == ()
    losses = losses_of(said)
    assert losses[0] == pytest.approx(np.log(2), abs=0.02)  # The mean over labels that it knows nothing of.
    assert losses[-1] < 0.6


@pytest.mark.parametrize("kind", [MULTI, SINGLE, None])
def test_a_checkpoint_of_any_task_is_fine_tuned_to_answer_each_label_by_itself(
    kind: str | None, teacher_folder: Path, tmp_path: Path, said: list[str]
) -> None:
    start = edited(teacher_folder, tmp_path / "start", problem_type=kind)
    settings = {"epochs": 8, "max_length": 8, "learning_rate": 1e-3, "batch_size": 12, "patience": 16}
    config = TeacherConfig.model_validate({"checkpoint": str(start), **settings})
    check_start(config, GOOD, SETS.label_names, is_multi_label=True)
    folder = train_teacher(config, SETS, tmp_path / "teacher")
    assert AutoConfig.from_pretrained(folder).problem_type == MULTI
    assert load_teacher(folder, 8, ["good", "bad"], is_multi_label=True).notes == ()
    losses = losses_of(said)
    assert losses[-1] < losses[0]


def test_a_head_names_its_task() -> None:
    assert named_head(["a", "b"])["problem_type"] == SINGLE
    assert named_head(["a", "b"], is_multi_label=True)["problem_type"] == MULTI
