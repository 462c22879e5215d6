"""Losses by hand. Softmax of [0, ln 3] is [1/4, 3/4]; of [0, 0] it is [1/2, 1/2]."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from distune.losses.annealing import Annealed
from distune.losses.config import LossConfig, TeachersKind
from distune.losses.decoupled import DecoupledLoss
from distune.losses.hidden import HiddenCosineLoss, HiddenLoss, HiddenMSELoss
from distune.losses.jensen_shannon import JensenShannonLoss
from distune.losses.kl import KLLoss, ReverseKLLoss
from distune.losses.mse import LogitMSELoss
from distune.losses.objective import build_objective, confidence
from distune.losses.softened import standardised
from distune.losses.teachers import combined_logits

LN3 = math.log(3)
EVEN, SKEWED = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, LN3]])
# KL(skewed || even) = 1/4 ln(1/4 : 1/2) + 3/4 ln(3/4 : 1/2) = -0.173287 + 0.304099
KL_SKEWED_EVEN = 0.130812
# KL(even || skewed) = 1/2 ln(1/2 : 1/4) + 1/2 ln(1/2 : 3/4) = 0.346574 - 0.202733
KL_EVEN_SKEWED = 0.143841


def mean(term: torch.nn.Module, student: Tensor, teacher: Tensor, label: int = -1, progress: float = 0.0) -> float:
    """The mean of a term's rows, all of one label."""
    return float(term(student, teacher, torch.full((len(student),), label), progress).mean())


def logs(*probabilities: float) -> Tensor:
    return torch.tensor([probabilities]).log()


def test_kl_is_of_the_teacher_from_the_student_and_not_the_other_way_round() -> None:
    assert mean(KLLoss(1.0), EVEN, SKEWED) == pytest.approx(KL_SKEWED_EVEN, abs=1e-6)
    assert mean(KLLoss(1.0), SKEWED, EVEN) == pytest.approx(KL_EVEN_SKEWED, abs=1e-6)


def test_kl_is_multiplied_by_the_square_of_the_temperature() -> None:
    # Twice the logits at T = 2 are the same probabilities, so the same divergence times 4.
    assert mean(KLLoss(2.0), 2 * EVEN, 2 * SKEWED) == pytest.approx(4 * KL_SKEWED_EVEN, abs=1e-6)


def test_kl_is_the_mean_over_the_batch() -> None:
    student, teacher = torch.cat([EVEN, EVEN]), torch.cat([SKEWED, EVEN])
    assert mean(KLLoss(1.0), student, teacher) == pytest.approx(KL_SKEWED_EVEN / 2, abs=1e-6)


def test_kl_of_equal_logits_is_zero_whatever_their_offset() -> None:
    assert mean(KLLoss(3.0), SKEWED + 5, SKEWED) == pytest.approx(0, abs=1e-6)


def test_kl_tends_to_the_squared_distance_of_centred_logits_as_the_temperature_grows() -> None:
    # Hinton et al. 2015, section 2.1: T² KL -> sum of squares / (2 classes). Here (1² + 3² + 2²) / 6 = 14 / 6.
    student, teacher = torch.tensor([[1.0, 0.0, -1.0]]).double(), torch.tensor([[2.0, -3.0, 1.0]]).double()
    assert mean(KLLoss(1000.0), student, teacher) == pytest.approx(14 / 6, rel=2e-3)


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=rf"temperature must be > 0, but got temperature={temperature}"):
        KLLoss(temperature)
    with pytest.raises(ValidationError, match="greater than 0"):
        LossConfig.model_validate({"teacher_term": {"kind": "kl", "temperature": temperature}})


def test_mse_is_of_logits_and_not_of_probabilities() -> None:
    # (1² + 3² + 0² + 4²) / 4
    student, teacher = torch.tensor([[1.0, 2.0], [0.0, 5.0]]), torch.tensor([[0.0, 5.0], [0.0, 1.0]])
    assert mean(LogitMSELoss(), student, teacher) == pytest.approx(6.5)
    # The same probabilities at another offset are another answer.
    assert mean(LogitMSELoss(), student + 1, student) == pytest.approx(1.0)


def test_reverse_kl_is_of_the_student_from_the_teacher() -> None:
    assert mean(ReverseKLLoss(1.0), EVEN, SKEWED) == pytest.approx(KL_EVEN_SKEWED, abs=1e-6)
    assert mean(ReverseKLLoss(2.0), 2 * EVEN, 2 * SKEWED) == pytest.approx(4 * KL_EVEN_SKEWED, abs=1e-6)


def test_jensen_shannon_by_hand_is_symmetric_and_bounded() -> None:
    # The middle is [3/8, 5/8]: (1/2 ln 4/3 + 1/2 ln 4/5 + 1/4 ln 2/3 + 3/4 ln 6/5) / 2 = (0.032269 + 0.035375) / 2
    assert mean(JensenShannonLoss(1.0), EVEN, SKEWED) == pytest.approx(0.033822, abs=1e-6)
    assert mean(JensenShannonLoss(1.0), SKEWED, EVEN) == pytest.approx(0.033822, abs=1e-6)
    certain = torch.tensor([[100.0, -100.0]])
    assert mean(JensenShannonLoss(1.0), certain, -certain) == pytest.approx(math.log(2), abs=1e-5)


TEACHER, STUDENT = logs(1 / 2, 1 / 4, 1 / 4), logs(1 / 4, 1 / 4, 1 / 2)


def test_decoupled_distillation_by_hand() -> None:
    # Target 0: 1/2 ln 2 + 1/2 ln 2/3 = 0.143841. The others: [1/2, 1/2] from [1/3, 2/3], 1/2 ln 3/2 + 1/2 ln 3/4.
    assert mean(DecoupledLoss(1.0, 1.0, 0.0), STUDENT, TEACHER, label=0) == pytest.approx(0.143841, abs=1e-6)
    assert mean(DecoupledLoss(1.0, 0.0, 1.0), STUDENT, TEACHER, label=0) == pytest.approx(0.058892, abs=1e-6)
    # Target 2: 1/4 ln 1/2 + 3/4 ln 3/2 = 0.130812; the others 2/3 ln 4/3 + 1/3 ln 2/3 = 0.056633.
    assert mean(DecoupledLoss(1.0, 1.0, 2.0), STUDENT, TEACHER, label=2) == pytest.approx(0.244078, abs=1e-6)


def test_decoupled_distillation_takes_the_teachers_answer_where_there_is_no_label() -> None:
    term = DecoupledLoss(1.0, 1.0, 2.0)
    assert mean(term, STUDENT, TEACHER, label=-1) == mean(term, STUDENT, TEACHER, label=0)


def test_decoupled_distillation_with_the_teachers_own_weight_is_kl() -> None:
    # Zhao et al. 2022, equation 6: KL = TCKD + (1 - p_target) NCKD, here with p_target = 1/2.
    kl = mean(KLLoss(1.0), STUDENT, TEACHER)
    assert mean(DecoupledLoss(1.0, 1.0, 0.5), STUDENT, TEACHER, label=0) == pytest.approx(kl, abs=1e-6)


def test_two_classes_leave_nothing_to_rank_to_decoupled_distillation() -> None:
    assert mean(DecoupledLoss(1.0, 0.0, 1.0), EVEN, SKEWED, label=1) == 0
    assert mean(DecoupledLoss(1.0, 1.0, 9.0), EVEN, SKEWED, label=1) == pytest.approx(KL_SKEWED_EVEN, abs=1e-6)


def test_standardised_logits_by_hand() -> None:
    # The spread of 1, 2, 3 is the root of 2/3.
    expected = [-math.sqrt(1.5), 0.0, math.sqrt(1.5)]
    assert standardised(torch.tensor([[1.0, 2.0, 3.0]]))[0].tolist() == pytest.approx(expected)
    assert standardised(torch.tensor([[10.0, 10.0]]))[0].tolist() == [0, 0]


def test_with_standardised_logits_a_student_need_not_learn_the_teachers_spread() -> None:
    narrow, wide = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[10.0, 20.0, 40.0]])
    assert mean(KLLoss(2.0), narrow, wide) > 1
    assert mean(KLLoss(2.0, standardise=True), narrow, wide) == pytest.approx(0, abs=1e-6)


def test_annealing_by_hand() -> None:
    assert Annealed(4, 2).at(0.5) == 4
    assert [Annealed(4, 2, "linear").at(progress) for progress in (0, 0.5, 1)] == [4, 3, 2]
    cosine = Annealed(0, 1, "cosine")
    assert [cosine.at(progress) for progress in (0, 0.25, 0.5, 1)] == pytest.approx([0, 0.146447, 0.5, 1], abs=1e-6)


def test_a_temperature_may_fall_while_the_student_learns() -> None:
    term = KLLoss(Annealed(2, 1, "linear"))
    student, teacher = 2 * EVEN, 2 * SKEWED
    assert mean(term, student, teacher) == pytest.approx(4 * KL_SKEWED_EVEN, abs=1e-6)
    assert mean(term, student, teacher, progress=1.0) == pytest.approx(mean(KLLoss(1.0), student, teacher), abs=1e-6)


def test_confidence_by_hand() -> None:
    # The entropy of [1/4, 3/4] is 0.562335 of at most ln 2 = 0.693147.
    found = confidence(torch.cat([EVEN, SKEWED, torch.tensor([[0.0, 1000.0]])]))
    assert found.tolist() == pytest.approx([0, 0.188722, 1], abs=1e-6)


def test_rows_of_which_the_teacher_is_unsure_count_less() -> None:
    teacher = torch.cat([EVEN, SKEWED])
    student = torch.cat([SKEWED, EVEN])
    loss = LossConfig.model_validate({"kd_weight": 1, "teacher_term": {"kind": "mse"}, "weigh_by_confidence": True})
    # The first row has weight 0, so what is left is the second row's ln3² / 2.
    value = build_objective(loss)(student, teacher, torch.tensor([-1, -1]))
    assert value.item() == pytest.approx(LN3**2 / 2, abs=1e-5)


# [1, 2] and [0, 4]: (1² + 2²) / 2, and 1 - 8 / (root of 5 * 4)
@pytest.mark.parametrize(("term", "expected"), [(HiddenMSELoss, 2.5), (HiddenCosineLoss, 1 - 2 / math.sqrt(5))])
def test_hidden_terms_by_hand(term: type[HiddenLoss], expected: float) -> None:
    loss = term(2, 2)
    with torch.no_grad():
        loss.projection.weight.copy_(torch.eye(2))
        loss.projection.bias.zero_()
    found = loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]))
    assert found.tolist() == pytest.approx([expected], abs=1e-6)


TEACHERS = torch.tensor([[[0.0, 1.0]], [[4.0, 3.0]]])


@pytest.mark.parametrize(("kind", "expected"), [("mean", [2.0, 2.0]), ("weighted", [3.0, 2.5])])
def test_logits_of_several_teachers_are_combined(kind: TeachersKind, expected: list[float]) -> None:
    generator = torch.Generator().manual_seed(0)
    assert combined_logits(kind, TEACHERS, torch.tensor([1.0, 3.0]), generator)[0].tolist() == expected
    assert combined_logits(kind, TEACHERS[:1], torch.tensor([1.0]), generator)[0].tolist() == [0, 1]


def test_teachers_of_one_weight_are_averaged_to_the_last_digit() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 50, 4, generator=generator)
    weights = torch.tensor([0.1, 0.1, 0.1])
    assert torch.equal(combined_logits("weighted", logits, weights, generator), logits.mean(dim=0))


def test_students_learn_from_their_teachers_by_weight_unless_told_otherwise() -> None:
    assert LossConfig().teachers == "weighted"


def test_one_teacher_is_drawn_for_each_batch_by_weight() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = [
        combined_logits("sampled", TEACHERS, torch.tensor([1.0, 3.0]), generator)[0, 0].item() for _ in range(1000)
    ]
    assert set(drawn) == {0.0, 4.0}
    assert np.mean(drawn) == pytest.approx(3.0, abs=0.15)
