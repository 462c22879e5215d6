"""Losses of texts with several labels, by hand. The sigmoid of ln 3 is 3/4, of 0 it is 1/2, of -ln 3 it is 1/4."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from distune.losses.config import AnyTeacherTerm, LossConfig
from distune.losses.hard import weights_of_labels
from distune.losses.objective import build_objective, confidence_of_labels

LN3 = math.log(3)
KINDS = [get_args(config.model_fields["kind"].annotation)[0] for config in get_args(AnyTeacherTerm)]
# KL((1/4, 3/4) || (1/2, 1/2)) = 1/4 ln(1/2) + 3/4 ln(3/2)
KL_SKEWED_EVEN = 0.130812


def objective(**settings: Any) -> nn.Module:
    class_counts = settings.pop("class_counts", None)
    labels = settings.pop("labels", ())
    return build_objective(
        LossConfig.model_validate(settings), class_counts=class_counts, labels=labels, is_multi_label=True
    )


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Logits of student and teacher, and labels of which some are unknown."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator)
    return student, teacher, torch.tensor([[0, 1, 1], [0, 0, 0], [-1, 1, 0], [-1, -1, -1]])


def test_the_hard_term_is_the_mean_binary_cross_entropy_of_the_labels_that_are_known() -> None:
    logits = torch.tensor([[LN3, 0.0], [LN3, 5.0]])
    # ln 4/3 of a label that is there at 3/4, ln 2 of one that is not at 1/2, ln 4 of one that is not at 3/4; the 5 is unknown.
    loss = objective(kd_weight=0.0)(logits, torch.zeros(2, 2), torch.tensor([[1, 0], [0, -1]]))
    assert float(loss) == pytest.approx((math.log(4 / 3) + math.log(2) + math.log(4)) / 3, abs=1e-6)


def test_rows_without_any_label_add_nothing_to_the_hard_term() -> None:
    student, teacher, labels = batch()
    of_all = objective(kd_weight=0.0)(student, teacher, labels)
    assert float(of_all) == pytest.approx(float(objective(kd_weight=0.0)(student[:3], teacher[:3], labels[:3])))
    assert float(objective(kd_weight=0.0)(student, teacher, torch.full((4, 3), -1))) == 0.0


def test_kl_is_binary_and_the_mean_over_labels_times_the_square_of_the_temperature() -> None:
    loss = objective(kd_weight=1.0, teacher_term={"kind": "kl", "temperature": 2.0})
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * LN3, 0.0]])
    # One label of two differs: 4 * KL / 2.
    assert float(loss(student, teacher, torch.tensor([[1, 0]]))) == pytest.approx(2 * KL_SKEWED_EVEN, abs=1e-6)


def test_kl_is_of_the_teacher_from_the_student_and_not_the_other_way_round() -> None:
    loss = objective(kd_weight=1.0, teacher_term={"kind": "kl", "temperature": 1.0})
    # KL(even || skewed) = 1/2 ln 2 + 1/2 ln 2/3
    assert float(loss(torch.tensor([[LN3]]), torch.tensor([[0.0]]), torch.tensor([[1]]))) == pytest.approx(
        0.143841, abs=1e-6
    )


def test_mse_is_of_the_logits_themselves() -> None:
    loss = objective(kd_weight=1.0, teacher_term={"kind": "mse"})
    found = loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.0]]), torch.tensor([[-1, -1]]))
    assert float(found) == pytest.approx(2.0)  # (2² + 0²) / 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_term_gives_a_value_a_row_and_is_zero_where_student_and_teacher_agree(kind: str) -> None:
    term = objective(kd_weight=1.0, teacher_term={"kind": kind}).teacher_term
    student, teacher, labels = batch()
    assert term(student, teacher, labels).shape == (4,)
    assert term(teacher, teacher, labels).abs().max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_every_term_teaches_each_label_by_itself(kind: str) -> None:
    loss = objective(kd_weight=1.0, teacher_term={"kind": kind})
    student = torch.zeros(1, 3, requires_grad=True)
    loss(student, torch.tensor([[2.0, 0.0, -2.0]]), torch.full((1, 3), -1)).backward()
    assert student.grad is not None
    assert student.grad[0, 0] < 0 < student.grad[0, 2]
    assert float(student.grad[0, 1]) == pytest.approx(0, abs=1e-6)


def test_focal_loss_counts_a_label_by_how_wrong_it_is() -> None:
    loss = objective(kd_weight=0.0, focal_gamma=2.0)
    found = loss(torch.tensor([[LN3, 0.0]]), torch.zeros(1, 2), torch.tensor([[1, 0]]))
    # (1/4)² ln 4/3 and (1/2)² ln 2, in the mean.
    assert float(found) == pytest.approx((math.log(4 / 3) / 16 + math.log(2) / 4) / 2, abs=1e-6)


def test_label_smoothing_goes_half_way_to_an_even_label() -> None:
    loss = objective(kd_weight=0.0, label_smoothing=0.5)
    found = loss(torch.tensor([[LN3]]), torch.zeros(1, 1), torch.tensor([[1]]))
    assert float(found) == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4), abs=1e-6)


def test_balanced_weights_give_both_sides_of_a_label_the_same_say() -> None:
    config = LossConfig(class_weights="balanced")
    # One text of four has the first label, two the second: 4 / (2 * 3), 4 / (2 * 1); 1 and 1.
    weights = weights_of_labels(config, torch.tensor([[3, 2], [1, 2]]))
    assert weights is not None
    assert weights.tolist() == [pytest.approx([2 / 3, 1.0]), pytest.approx([2.0, 1.0])]


def test_a_weight_by_name_is_that_of_the_texts_with_the_label() -> None:
    config = LossConfig(class_weights={"late": 3.0})
    weights = weights_of_labels(config, torch.tensor([[1, 1], [1, 1]]), ["broken", "late"])
    assert weights is not None
    assert weights.tolist() == [pytest.approx([1.0, 0.5]), pytest.approx([1.0, 1.5])]
    with pytest.raises(ValueError, match=r"loss\.class_weights: 'lost' is none of the labels 'broken', 'late'"):
        weights_of_labels(LossConfig(class_weights={"lost": 2.0}), torch.ones(2, 2), ["broken", "late"])


def test_weights_of_labels_count_in_the_loss() -> None:
    loss = objective(kd_weight=0.0, class_weights="balanced", class_counts=torch.tensor([[3], [1]]))
    found = loss(torch.tensor([[0.0], [LN3]]), torch.zeros(2, 1), torch.tensor([[1], [0]]))
    # Weights 2 and 2/3.
    assert float(found) == pytest.approx((2 * math.log(2) + 2 / 3 * math.log(4)) / (2 + 2 / 3), abs=1e-6)


def test_confidence_is_one_for_certain_labels_and_zero_for_even_ones() -> None:
    found = confidence_of_labels(torch.tensor([[0.0, 0.0], [50.0, -50.0], [0.0, 50.0]]))
    assert found.tolist() == pytest.approx([0.0, 1.0, 0.5], abs=1e-6)


@pytest.mark.parametrize("is_multi_label", [False, True])
def test_a_certain_answer_has_a_finite_gradient_in_the_focal_loss(is_multi_label: bool) -> None:
    loss = build_objective(LossConfig(kd_weight=0.0, focal_gamma=0.5), is_multi_label=is_multi_label)
    logits = torch.tensor([[-60.0, 60.0]], requires_grad=True)
    loss(logits, torch.zeros(1, 2), torch.tensor([[0, 1]]) if is_multi_label else torch.tensor([1])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
