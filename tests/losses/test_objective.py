"""The contract of all teacher terms, and how a loss is mixed of its terms, by hand."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from distune.losses.config import AnyHiddenConfig, AnyTeacherTerm, LossConfig
from distune.losses.objective import Hidden, build_objective, weights_of_classes

LN3 = math.log(3)
TERMS, HIDDEN = get_args(AnyTeacherTerm), get_args(AnyHiddenConfig)
EVEN, SKEWED = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, LN3]])


def kinds(*configs: type[Any]) -> list[str]:
    return [get_args(config.model_fields["kind"].annotation)[0] for config in configs]


@pytest.fixture(params=kinds(*TERMS))
def loss(request: pytest.FixtureRequest) -> LossConfig:
    return LossConfig.model_validate({"kd_weight": 0.25, "teacher_term": {"kind": request.param}})


def test_every_kind_builds_a_term_of_its_own() -> None:
    terms = [kind(kind=name).build() for kind, name in zip(TERMS, kinds(*TERMS), strict=True)]
    hidden = [kind(kind=name).build(2, 3) for kind, name in zip(HIDDEN, kinds(*HIDDEN), strict=True)]
    assert len({type(term) for term in terms}) == len(TERMS)
    assert len({type(term) for term in hidden}) == len(HIDDEN)


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
    weighted = mse_loss(0.7, class_weights="effective", effective_beta=0.9, focal_gamma=2.0).plain()
    assert (weighted.class_weights, weighted.effective_beta, weighted.focal_gamma) == ("effective", 0.9, 2.0)


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


def test_balanced_weights_count_each_class_alike() -> None:
    # 3 texts and 1 text: weights in the ratio 1/3 to 1, whose mean over the texts, (3 w/3 + w) / 4 = w/2, is 1: w = 2.
    weights = weights_of_classes(mse_loss(0.0, class_weights="balanced"), torch.tensor([3, 1]))
    assert weights is not None
    assert weights.tolist() == pytest.approx([2 / 3, 2])
    assert weights_of_classes(mse_loss(0.0), torch.tensor([3, 1])) is None


def test_effective_weights_by_hand() -> None:
    # beta 1/2: the effective numbers are (1 - 1/8) / (1/2) = 7/4 and 1, the weights 4/7 and 1, over their mean (12/7 + 1) / 4 = 19/28.
    settings = mse_loss(0.0, class_weights="effective", effective_beta=0.5)
    weights = weights_of_classes(settings, torch.tensor([3, 1]))
    assert weights is not None
    assert weights.tolist() == pytest.approx([16 / 19, 28 / 19])
    near_1 = weights_of_classes(settings.model_copy(update={"effective_beta": 0.999999}), torch.tensor([3, 1]))
    assert near_1 is not None
    assert near_1.tolist() == pytest.approx([2 / 3, 2], abs=1e-4)  # as the balanced ones


def test_a_class_without_a_text_has_the_weight_of_one_text() -> None:
    weights = weights_of_classes(mse_loss(0.0, class_weights="balanced"), torch.tensor([3, 1, 0]))
    assert weights is not None
    assert weights.tolist() == pytest.approx([2 / 3, 2, 2])
    with pytest.raises(ValueError, match="class_weights=balanced needs labelled texts, and there are none"):
        weights_of_classes(mse_loss(0.0, class_weights="balanced"), torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="class_weights=balanced needs the number of texts of each class"):
        build_objective(mse_loss(0.0, class_weights="balanced"))


def test_the_weighted_cross_entropy_by_hand() -> None:
    # Both say class 0 with probability 3/4. Weights 2/3 for the label 0, 2 for the label 1: a mean weighted by them.
    logits = torch.tensor([[math.log(3.0), 0.0]] * 2)
    loss = build_objective(mse_loss(0.0, class_weights="balanced"), class_counts=torch.tensor([3, 1]))
    value = loss(logits, torch.zeros(2, 2), torch.tensor([0, 1]))
    assert float(value) == pytest.approx((2 / 3 * math.log(4 / 3) + 2 * math.log(4)) / (2 / 3 + 2), abs=1e-5)


def test_the_focal_loss_by_hand() -> None:
    # p of the label is 3/4 and 1/4: (1/4)^2 * log(4/3) and (3/4)^2 * log 4.
    logits, labels = torch.tensor([[math.log(3.0), 0.0]] * 2), torch.tensor([0, 1])
    value = build_objective(mse_loss(0.0, focal_gamma=2.0))(logits, torch.zeros(2, 2), labels)
    assert float(value) == pytest.approx((math.log(4 / 3) / 16 + 9 * math.log(4) / 16) / 2, abs=1e-5)
    weighted = build_objective(
        mse_loss(0.0, focal_gamma=1e-9, class_weights="balanced"), class_counts=torch.tensor([3, 1])
    )
    without = build_objective(mse_loss(0.0, class_weights="balanced"), class_counts=torch.tensor([3, 1]))
    teacher = torch.zeros(2, 2)
    assert float(weighted(logits, teacher, labels)) == pytest.approx(float(without(logits, teacher, labels)), abs=1e-5)


def test_weights_of_classes_do_not_change_the_teacher_term() -> None:
    student, teacher, labels = random_batch()
    weighted = build_objective(
        mse_loss(1.0, class_weights="balanced", focal_gamma=2.0), class_counts=torch.tensor([3, 1, 1])
    )
    assert torch.equal(weighted(student, teacher, labels), build_objective(mse_loss(1.0))(student, teacher, labels))


def test_a_training_that_was_kept_before_there_were_weights_goes_on() -> None:
    assert (
        build_objective(mse_loss(0.0, class_weights="balanced"), class_counts=torch.tensor([3, 1])).state_dict() == {}
    )


def test_weights_by_name_are_scaled_to_a_mean_of_one_over_the_texts() -> None:
    # Three texts of ham at 1 and one of spam at 5: (3 * 1 + 1 * 5) / 4 = 2 in the mean.
    weights = weights_of_classes(mse_loss(0.0, class_weights={"spam": 5}), torch.tensor([3, 1]), ("ham", "spam"))
    assert weights is not None
    assert weights.tolist() == [0.5, 2.5]
    # A label that YAML reads as a number.
    assert mse_loss(0.0, class_weights={1: 5}).class_weights == {"1": 5.0}
    with pytest.raises(ValueError, match=r"loss\.class_weights: 'eggs' is none of the labels 'ham', 'spam'"):
        weights_of_classes(mse_loss(0.0, class_weights={"eggs": 5}), torch.tensor([3, 1]), ("ham", "spam"))
