"""The overlap of a pair's texts, as features of the student's head."""

from __future__ import annotations

from math import exp
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from distune.corpora.encoding import load_encoder
from distune.models.checkpoint_folder import CheckpointError
from distune.models.predictor import Predictor
from distune.models.students.config import AverageConfig, PairKind
from distune.models.students.student import Student
from tests.making.checkpoints import save_student
from tests.making.pairs import pair_checkpoint

W = exp(1)  # The weight of the token 4; all others weigh 1.


def student_with_weights(pair: PairKind) -> Student:
    """A student whose vectors are 0 for all tokens but one, which its score makes e times as heavy."""
    vectors = np.zeros((7, 2), dtype=np.float32)
    vectors[4, 0] = 1
    config = AverageConfig(kind="average", pair=pair, overlap=True, hidden_layer=0, dropout=0)
    student = config.build(vectors, 2).eval()
    assert student.overlap is not None
    student.overlap.score.weight.data = torch.tensor([[1.0, 0.0]])
    return student


def overlap_of(student: Student, rows: list[list[int]]) -> list[list[float]]:
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = torch.tensor([row + [0] * (int(lengths.max()) - len(row)) for row in rows])
    return cast("list[list[float]]", student.pooled(token_ids, lengths)[:, -5:].tolist())


@pytest.mark.parametrize("pair", ["joined", "siamese", "symmetric"])
def test_the_shares_of_two_texts_are_those_of_their_weighed_tokens(pair: PairKind) -> None:
    # 3 4 5 against 4 6: they share the token 4, which weighs e. The padding of the row, and the other rows, change nothing.
    both = (2 + W) + (1 + W)
    one, other = W / (2 + W), W / (1 + W)
    expected = [2 * W / both, one, other, 1 / (2 + W), 0.3]
    rows = [[3, 4, 5, 2, 4, 6], [3, 2, 5, 4, 6, 6, 6, 6]]
    assert overlap_of(student_with_weights(pair), rows)[0] == pytest.approx(expected, abs=1e-6)
    assert overlap_of(student_with_weights(pair), rows[:1])[0] == pytest.approx(expected, abs=1e-6)


def test_the_first_text_has_the_first_share_unless_the_order_does_not_matter() -> None:
    turned = [[4, 6, 2, 3, 4, 5]]
    first, second = W / (2 + W), W / (1 + W)
    assert overlap_of(student_with_weights("siamese"), turned)[0][1:3] == pytest.approx([second, first])
    assert overlap_of(student_with_weights("symmetric"), turned)[0][1:3] == pytest.approx([first, second])


def test_equal_texts_share_all_and_other_ones_nothing() -> None:
    same, other = overlap_of(student_with_weights("siamese"), [[3, 5, 2, 5, 3], [3, 5, 2, 6, 6]])
    assert same == pytest.approx([1, 1, 1, 0, 0])
    assert other == pytest.approx([0, 0, 0, 0, 0.4])


def test_a_token_that_comes_twice_counts_twice_in_its_text_alone() -> None:
    (found,) = overlap_of(student_with_weights("siamese"), [[3, 3, 5, 2, 3]])
    assert found == pytest.approx([3 / 4, 2 / 3, 1, 2 / 3, 0.1])


def test_the_weights_of_tokens_are_learnt() -> None:
    student = student_with_weights("siamese")
    student.pooled(torch.tensor([[3, 4, 5, 2, 4, 6]]), torch.tensor([6]))[:, -5:].sum().backward()
    assert student.overlap is not None
    assert student.overlap.score.weight.grad is not None
    assert student.overlap.score.weight.grad[0, 0] != 0


def test_a_student_with_overlap_is_kept_and_gives_no_vector_of_one_text(tmp_path: Path) -> None:
    folder = save_student(pair_checkpoint(overlap=True), tmp_path / "student")
    predictor = Predictor(folder, load_encoder(folder))
    assert predictor.probabilities([("好书", "好")]).shape == (1, 2)
    with pytest.raises(CheckpointError, match=r"student\.overlap: true"):
        predictor.encode(["好书"])
