"""Losses by hand. Softmax of [0, ln 3] is [1/4, 3/4]; of [0, 0] it is [1/2, 1/2]."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from losses.annealing import Annealed
from losses.decoupled import DecoupledLoss
from losses.hidden import HIDDEN_TERMS, AnyHiddenConfig, HiddenCosineLoss, HiddenLoss
from losses.jensen_shannon import JensenShannonLoss
from losses.kl import KLLoss, ReverseKLLoss
from losses.mse import LogitMSELoss
from losses.objective import TEACHER_TERMS, AnyTeacherTerm, Hidden, LossConfig, build_objective, confidence
from losses.softened import standardised
from losses.teachers import TeachersKind, combined_logits

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
@pytest.mark.parametrize(("term", "expected"), [(HiddenLoss, 2.5), (HiddenCosineLoss, 1 - 2 / math.sqrt(5))])
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


def test_one_teacher_is_drawn_for_each_batch_by_weight() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = [
        combined_logits("sampled", TEACHERS, torch.tensor([1.0, 3.0]), generator)[0, 0].item() for _ in range(1000)
    ]
    assert set(drawn) == {0.0, 4.0}
    assert np.mean(drawn) == pytest.approx(3.0, abs=0.15)


def kinds(*configs: type[Any]) -> list[str]:
    return [get_args(config.model_fields["kind"].annotation)[0] for config in configs]


@pytest.fixture(params=kinds(*TEACHER_TERMS))
def loss(request: pytest.FixtureRequest) -> LossConfig:
    return LossConfig.model_validate({"kd_weight": 0.25, "teacher_term": {"kind": request.param}})


def test_every_term_is_under_the_contract() -> None:
    assert set(TEACHER_TERMS) == set(get_args(AnyTeacherTerm))
    assert set(HIDDEN_TERMS) == set(get_args(AnyHiddenConfig))


def with_weight(loss: LossConfig, kd_weight: float) -> LossConfig:
    return loss.model_copy(update={"kd_weight": kd_weight})


def random_batch() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator)
    return student.requires_grad_(), teacher.requires_grad_(), torch.tensor([0, 2, -1, 1])


def test_every_term_gives_one_value_a_row_and_is_zero_where_student_and_teacher_agree(loss: LossConfig) -> None:
    term = build_objective(loss).teacher_term
    student, teacher, labels = random_batch()
    rows = term(student, teacher, labels)
    assert rows.shape == (4,)
    assert (rows > 0).all()
    assert term(student, student, labels).tolist() == pytest.approx([0] * 4, abs=1e-6)
    alone = torch.cat([term(student[i : i + 1], teacher[i : i + 1], labels[i : i + 1]) for i in range(4)])
    assert alone.tolist() == pytest.approx(rows.tolist(), abs=1e-6)


def test_every_term_stays_finite_for_a_teacher_that_is_certain(loss: LossConfig) -> None:
    student = torch.zeros(1, 3, requires_grad=True)
    build_objective(loss)(student, torch.tensor([[200.0, -200.0, 0.0]]), torch.tensor([2])).backward()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_the_gradient_reaches_the_student_only(loss: LossConfig) -> None:
    student, teacher, labels = random_batch()
    build_objective(loss)(student, teacher, labels).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_at_weight_1_the_loss_is_the_mean_of_the_teacher_term(loss: LossConfig) -> None:
    student, teacher, labels = random_batch()
    objective = build_objective(with_weight(loss, 1.0))
    expected = objective.teacher_term(student, teacher, labels).mean().item()
    assert objective(student, teacher, labels).item() == pytest.approx(expected)


def test_at_weight_0_the_loss_is_the_cross_entropy_of_the_labelled_rows(loss: LossConfig) -> None:
    student, teacher, labels = random_batch()
    kept = torch.nn.functional.cross_entropy(student[[0, 1, 3]], labels[[0, 1, 3]])
    value = build_objective(with_weight(loss, 0.0))(student, teacher, labels)
    assert value.item() == pytest.approx(kept.item())


def mse_loss(kd_weight: float, **settings: Any) -> LossConfig:
    return LossConfig.model_validate({"kd_weight": kd_weight, "teacher_term": {"kind": "mse"}, **settings})


def test_the_mix_by_hand() -> None:
    # MSE = (0² + ln3²) / 2 = 0.603474; cross-entropy of the label 1 at even odds = ln 2 = 0.693147
    value = build_objective(mse_loss(0.25))(EVEN, SKEWED, torch.tensor([1]))
    assert value.item() == pytest.approx(0.25 * 0.603474 + 0.75 * 0.693147, abs=1e-6)


def test_the_mix_may_change_while_the_student_learns() -> None:
    objective = build_objective(mse_loss(1.0, kd_annealing="linear", final_kd_weight=0.5))
    values = [objective(EVEN, SKEWED, torch.tensor([1]), progress).item() for progress in (0.0, 0.5)]
    assert values == pytest.approx([0.603474, 0.75 * 0.603474 + 0.25 * 0.693147], abs=1e-6)


def test_hidden_states_are_weighed_and_their_projection_is_learnt() -> None:
    objective = build_objective(mse_loss(1.0, hidden_weight=0.5), n_student=2, n_teacher=3)
    hidden = Hidden(torch.ones(1, 2), torch.zeros(1, 3))
    plain = build_objective(mse_loss(1.0))(EVEN, SKEWED, torch.tensor([1])).item()
    value = objective(EVEN, SKEWED, torch.tensor([1]), 0.0, hidden)
    assert objective.hidden_term is not None
    distance = objective.hidden_term(hidden.student, hidden.teacher).mean().item()
    assert value.item() == pytest.approx(plain + 0.5 * distance, abs=1e-6)
    value.backward()
    assert objective.hidden_term.projection.weight.grad is not None
    with pytest.raises(ValueError, match=r"hidden_weight=0.5 needs the teacher's hidden states, and there are none"):
        build_objective(mse_loss(1.0, hidden_weight=0.5), n_student=2)


def test_plain_is_a_loss_without_any_teacher() -> None:
    assert mse_loss(0.0).is_plain
    assert not mse_loss(0.0, hidden_weight=0.1).is_plain
    assert not mse_loss(0.0, kd_annealing="linear", final_kd_weight=1.0).is_plain
    plain = mse_loss(0.7, hidden_weight=0.1, label_smoothing=0.2, kd_annealing="cosine").plain()
    assert plain.is_plain
    assert plain.label_smoothing == 0.2


def test_a_row_without_a_label_counts_in_the_teacher_term_only() -> None:
    student, teacher = torch.cat([EVEN, EVEN]), torch.cat([EVEN, SKEWED])
    value = build_objective(mse_loss(0.5))(student, teacher, torch.tensor([1, -1]))
    # MSE over both rows = ln3² / 4 = 0.301737; cross-entropy of the first row = ln 2
    assert value.item() == pytest.approx(0.5 * 0.301737 + 0.5 * 0.693147, abs=1e-6)


def test_a_batch_without_a_label_has_a_finite_gradient() -> None:
    for kd_weight in (0.0, 0.5):
        student = torch.zeros(2, 2, requires_grad=True)
        build_objective(mse_loss(kd_weight))(student, torch.ones(2, 2), torch.tensor([-1, -1])).backward()
        assert student.grad is not None
        assert torch.isfinite(student.grad).all()


def test_label_smoothing_by_hand() -> None:
    # Targets 0.1 and 0.9 of log-probabilities ln 1/4 and ln 3/4: 0.1 * 1.386294 + 0.9 * 0.287682
    value = build_objective(mse_loss(0.0, label_smoothing=0.2))(SKEWED, EVEN, torch.tensor([1]))
    assert value.item() == pytest.approx(0.397543, abs=1e-6)


@pytest.mark.parametrize("kd_weight", [-0.1, 1.1])
def test_a_weight_out_of_bounds_is_refused(kd_weight: float) -> None:
    with pytest.raises(ValidationError, match="kd_weight"):
        mse_loss(kd_weight)
