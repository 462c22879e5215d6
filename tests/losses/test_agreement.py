"""The agreement of several teachers, and the weight that it gives to a text."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from distune.losses.agreement import agreement, agreement_of_labels, shares_of
from distune.losses.config import LossConfig
from distune.losses.objective import Objective

EVEN = torch.tensor([0.5, 0.5])


def logits_of(*probabilities: float) -> Tensor:
    """Logits `[teachers, 1, 2]` of teachers that give the first class these probabilities."""
    p = torch.tensor(probabilities, dtype=torch.float64)
    return torch.stack([p, 1 - p], dim=-1).log().unsqueeze(1)


@pytest.mark.parametrize(
    ("probabilities", "shares", "expected"),
    [
        # H(0.7, 0.3) = 0.610864; H(0.9, 0.1) = 0.325083; H(0.5, 0.5) = 0.693147: 1 - (0.610864 - 0.509115) / ln 2
        ((0.9, 0.5), (0.5, 0.5), 0.853207),
        # H(0.8, 0.2) = 0.500402; H(0.75, 0.25) = 0.562335: 1 - (0.500402 - 0.417099) / 0.562335
        ((0.9, 0.5), (0.75, 0.25), 0.851862),
        # H(19/30, 11/30) = 0.657158; at most ln 2 of two classes, and not ln 3: 1 - (0.657158 - 0.325083) / ln 2
        ((0.9, 0.9, 0.1), (1 / 3, 1 / 3, 1 / 3), 0.520917),
        ((0.7, 0.7), (0.5, 0.5), 1.0),
    ],
)
def test_agreement_by_hand(probabilities: tuple[float, ...], shares: tuple[float, ...], expected: float) -> None:
    found = agreement(logits_of(*probabilities), torch.tensor(shares))
    assert found.tolist() == pytest.approx([expected], abs=1e-5)


def test_certain_answers_agree_wholly_or_not_at_all() -> None:
    logits = torch.tensor([[[50.0, -50.0, 0.0], [50.0, -50.0, 0.0]], [[-50.0, 50.0, 0.0], [50.0, -50.0, 0.0]]])
    torch.testing.assert_close(agreement(logits, EVEN), torch.tensor([0.0, 1.0]))


def test_agreement_of_labels_is_the_mean_over_them() -> None:
    # The first label as above, 0.853207; on the second both say the same.
    p = torch.tensor([[[0.9, 0.3]], [[0.5, 0.3]]], dtype=torch.float64)
    assert agreement_of_labels(p.logit(), EVEN).tolist() == pytest.approx([(0.853207 + 1) / 2], abs=1e-5)
    certain = torch.tensor([[[100.0, -100.0]], [[-100.0, -100.0]]])
    torch.testing.assert_close(agreement_of_labels(certain, EVEN), torch.tensor([0.5]))


def test_shares_are_even_for_the_mean_and_by_weight_otherwise() -> None:
    weights = torch.tensor([3.0, 1.0])
    assert shares_of("mean", weights).tolist() == [0.5, 0.5]
    assert shares_of("weighted", weights).tolist() == shares_of("sampled", weights).tolist() == [0.75, 0.25]


def loss_of(agreed: Tensor | None, **settings: Any) -> float:
    config = LossConfig.model_validate({"kd_weight": 1, "teacher_term": {"kind": "mse"}, **settings})
    student, teacher = torch.zeros(2, 2), torch.tensor([[1.0, -1.0], [3.0, -3.0]])
    return float(Objective(config)(student, teacher, torch.tensor([-1, -1]), agreement=agreed))


def test_the_teacher_term_is_a_mean_weighted_by_agreement() -> None:
    # The rows of mse are 1 and 9: (0.5 * 1 + 0.25 * 9) / 0.75
    agreed = torch.tensor([0.5, 0.25])
    assert loss_of(agreed, weigh_by_agreement=True) == pytest.approx(2.75 / 0.75)
    assert loss_of(agreed) == loss_of(None) == 5.0
    assert loss_of(torch.tensor([0.0, 0.0]), weigh_by_agreement=True) == 0.0


def test_confidence_and_agreement_are_multiplied() -> None:
    # 1 - H(0.880797, 0.119203) / ln 2 = 0.472935 and 1 - H(0.997527, 0.002473) / ln 2 = 0.975025
    first, second = 0.472935 * 0.5, 0.975025 * 0.25
    expected = (first * 1 + second * 9) / (first + second)
    found = loss_of(torch.tensor([0.5, 0.25]), weigh_by_agreement=True, weigh_by_confidence=True)
    assert found == pytest.approx(expected, rel=1e-3)


def test_one_teacher_is_refused() -> None:
    with pytest.raises(ValueError, match="weigh_by_agreement needs the logits of several teachers, and there is one"):
        loss_of(None, weigh_by_agreement=True)
