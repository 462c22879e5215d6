"""Losses by hand. Softmax of [0, ln 3] is [1/4, 3/4]; of [0, 0] it is [1/2, 1/2]."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from losses.kl import KLLoss
from losses.mse import LogitMSELoss
from losses.objective import LossConfig, Objective, build_objective, build_teacher_term

LN3 = math.log(3)
EVEN, SKEWED = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, LN3]])
# KL(skewed || even) = 1/4 ln(1/4 : 1/2) + 3/4 ln(3/4 : 1/2) = -0.173287 + 0.304099
KL_SKEWED_EVEN = 0.130812
# KL(even || skewed) = 1/2 ln(1/2 : 1/4) + 1/2 ln(1/2 : 3/4) = 0.346574 - 0.202733
KL_EVEN_SKEWED = 0.143841


def test_kl_is_of_the_teacher_from_the_student_and_not_the_other_way_round() -> None:
    assert KLLoss(1.0)(EVEN, SKEWED).item() == pytest.approx(KL_SKEWED_EVEN, abs=1e-6)
    assert KLLoss(1.0)(SKEWED, EVEN).item() == pytest.approx(KL_EVEN_SKEWED, abs=1e-6)


def test_kl_is_multiplied_by_the_square_of_the_temperature() -> None:
    # Twice the logits at T = 2 are the same probabilities, so the same divergence times 4.
    assert KLLoss(2.0)(2 * EVEN, 2 * SKEWED).item() == pytest.approx(4 * KL_SKEWED_EVEN, abs=1e-6)


def test_kl_is_the_mean_over_the_batch() -> None:
    student, teacher = torch.cat([EVEN, EVEN]), torch.cat([SKEWED, EVEN])
    assert KLLoss(1.0)(student, teacher).item() == pytest.approx(KL_SKEWED_EVEN / 2, abs=1e-6)


def test_kl_of_equal_logits_is_zero_whatever_their_offset() -> None:
    assert KLLoss(3.0)(SKEWED + 5, SKEWED).item() == pytest.approx(0, abs=1e-6)


def test_kl_tends_to_the_squared_distance_of_centred_logits_as_the_temperature_grows() -> None:
    # Hinton et al. 2015, section 2.1: T² KL -> sum of squares / (2 classes). Here (1² + 3² + 2²) / 6 = 14 / 6.
    student, teacher = torch.tensor([[1.0, 0.0, -1.0]]).double(), torch.tensor([[2.0, -3.0, 1.0]]).double()
    assert KLLoss(1000.0)(student, teacher).item() == pytest.approx(14 / 6, rel=2e-3)


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=rf"temperature must be > 0, but got temperature={temperature}"):
        KLLoss(temperature)
    with pytest.raises(ValidationError, match="greater than 0"):
        LossConfig.model_validate({"teacher_term": {"kind": "kl", "temperature": temperature}})


def test_mse_is_of_logits_and_not_of_probabilities() -> None:
    # (1² + 3² + 0² + 4²) / 4
    student, teacher = torch.tensor([[1.0, 2.0], [0.0, 5.0]]), torch.tensor([[0.0, 5.0], [0.0, 1.0]])
    assert LogitMSELoss()(student, teacher).item() == pytest.approx(6.5)
    # The same probabilities at another offset are another answer.
    assert LogitMSELoss()(student + 1, student).item() == pytest.approx(1.0)


TERMS = [{"kind": "kl", "temperature": 2.0}, {"kind": "mse"}]


@pytest.fixture(params=TERMS, ids=lambda term: term["kind"])
def loss(request: pytest.FixtureRequest) -> LossConfig:
    return LossConfig.model_validate({"kd_weight": 0.25, "teacher_term": request.param})


def random_batch() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator)
    return student.requires_grad_(), teacher.requires_grad_(), torch.tensor([0, 2, -1, 1])


def test_every_term_is_zero_where_student_and_teacher_agree(loss: LossConfig) -> None:
    term = build_teacher_term(loss.teacher_term)
    assert term(SKEWED, SKEWED).item() == pytest.approx(0, abs=1e-6)
    assert term(EVEN, SKEWED).item() > 0


def test_the_gradient_reaches_the_student_only(loss: LossConfig) -> None:
    student, teacher, labels = random_batch()
    build_objective(loss)(student, teacher, labels).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_at_weight_1_the_loss_is_the_teacher_term(loss: LossConfig) -> None:
    student, teacher, labels = random_batch()
    term = build_teacher_term(loss.teacher_term)
    assert Objective(1.0, term)(student, teacher, labels).item() == pytest.approx(term(student, teacher).item())


def test_at_weight_0_the_loss_is_the_cross_entropy_of_the_labelled_rows(loss: LossConfig) -> None:
    student, teacher, labels = random_batch()
    kept = torch.nn.functional.cross_entropy(student[[0, 1, 3]], labels[[0, 1, 3]])
    assert Objective(0.0, build_teacher_term(loss.teacher_term))(student, teacher, labels).item() == pytest.approx(
        kept.item()
    )


def test_the_mix_by_hand() -> None:
    # MSE = (0² + ln3²) / 2 = 0.603474; cross-entropy of the label 1 at even odds = ln 2 = 0.693147
    value = Objective(0.25, LogitMSELoss())(EVEN, SKEWED, torch.tensor([1]))
    assert value.item() == pytest.approx(0.25 * 0.603474 + 0.75 * 0.693147, abs=1e-6)


def test_a_row_without_a_label_counts_in_the_teacher_term_only() -> None:
    student, teacher = torch.cat([EVEN, EVEN]), torch.cat([EVEN, SKEWED])
    value = Objective(0.5, LogitMSELoss())(student, teacher, torch.tensor([1, -1]))
    # MSE over both rows = ln3² / 4 = 0.301737; cross-entropy of the first row = ln 2
    assert value.item() == pytest.approx(0.5 * 0.301737 + 0.5 * 0.693147, abs=1e-6)


def test_a_batch_without_a_label_has_a_finite_gradient() -> None:
    for kd_weight in (0.0, 0.5):
        student = torch.zeros(2, 2, requires_grad=True)
        Objective(kd_weight, LogitMSELoss())(student, torch.ones(2, 2), torch.tensor([-1, -1])).backward()
        assert student.grad is not None
        assert torch.isfinite(student.grad).all()


def test_label_smoothing_by_hand() -> None:
    # Targets 0.1 and 0.9 of log-probabilities ln 1/4 and ln 3/4: 0.1 * 1.386294 + 0.9 * 0.287682
    value = Objective(0.0, LogitMSELoss(), label_smoothing=0.2)(SKEWED, EVEN, torch.tensor([1]))
    assert value.item() == pytest.approx(0.397543, abs=1e-6)


@pytest.mark.parametrize("kd_weight", [-0.1, 1.1])
def test_a_weight_out_of_bounds_is_refused(kd_weight: float) -> None:
    with pytest.raises(ValueError, match=rf"kd_weight must be in \[0, 1\], but got kd_weight={kd_weight}"):
        Objective(kd_weight, LogitMSELoss())
