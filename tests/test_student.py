"""One contract for every family of students and every kind of channels."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from models.student import FAMILIES, AnyStudentConfig, build_student, count_parameters, pad, student_logits
from models.students.average import AverageConfig
from models.students.bilstm import BiLSTMConfig
from models.students.embedding import Channels

VECTORS = np.concatenate([np.zeros((1, 4)), np.random.default_rng(0).normal(size=(6, 4))]).astype(np.float32)
ROWS = [np.array(row) for row in ([2], [1, 2, 3, 4, 5, 6], [3, 3], [6, 5, 4])]


@pytest.fixture(
    params=[
        family(kind=get_args(family.model_fields["kind"].annotation)[0], channels=channels, hidden_layer=hidden_layer)
        for family in FAMILIES
        for channels in get_args(Channels)
        for hidden_layer in (0, 5)
    ],
    ids=lambda config: f"{config.kind}-{config.channels}-{config.hidden_layer}",
)
def config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


def student_of(config: AnyStudentConfig) -> nn.Module:
    torch.manual_seed(0)
    return build_student(config, VECTORS, 3)


def step(student: nn.Module) -> None:
    """One optimizer step on a batch with padding."""
    optimizer = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=0.1)
    student(*pad(ROWS)).square().sum().backward()
    optimizer.step()


def test_padding_never_changes_an_answer(config: AnyStudentConfig) -> None:
    student = student_of(config)
    together = student_logits(student, ROWS)
    alone = np.concatenate([student_logits(student, [row]) for row in ROWS])
    assert together.shape == (4, 3)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_padding_never_changes_an_answer_after_training_either(config: AnyStudentConfig) -> None:
    student = student_of(config)
    step(student)
    alone = np.concatenate([student_logits(student, [row]) for row in ROWS])
    np.testing.assert_allclose(student_logits(student, ROWS), alone, atol=1e-6)


def test_answers_come_in_the_order_of_the_rows(config: AnyStudentConfig) -> None:
    student = student_of(config)
    np.testing.assert_allclose(student_logits(student, ROWS[::-1])[::-1], student_logits(student, ROWS), atol=1e-6)
    np.testing.assert_allclose(student_logits(student, ROWS, batch_size=2), student_logits(student, ROWS), atol=1e-6)


def test_asking_leaves_a_student_in_the_mode_that_it_was_in(config: AnyStudentConfig) -> None:
    student = student_of(config).train()
    first = student_logits(student, ROWS)
    assert student.training
    np.testing.assert_array_equal(student_logits(student, ROWS), first)  # no dropout in an answer


def test_static_channels_are_not_trained_and_tuned_ones_are(config: AnyStudentConfig) -> None:
    student = student_of(config)
    before = [table.weight.clone() for table in student.embedding.tables]
    step(student)
    changed = [not torch.equal(a, table.weight) for a, table in zip(before, student.embedding.tables, strict=True)]
    assert changed == {"tuned": [True], "static": [False], "both": [True, False]}[config.channels]


def test_every_other_weight_is_trained(config: AnyStudentConfig) -> None:
    student = student_of(config)
    student(*pad(ROWS)).square().sum().backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is None or parameter.grad.abs().sum() > 0, name
        assert parameter.requires_grad == (parameter.grad is not None), name


def test_the_padding_vector_stays_zero(config: AnyStudentConfig) -> None:
    student = student_of(config)
    step(student)
    assert all(table.weight[0].abs().sum() == 0 for table in student.embedding.tables)


def test_parameters_are_counted_by_hand() -> None:
    # Embedding 7 x 4; two directions of 4 gates of 4 x 2 inputs, 2 x 2 states and 2 + 2 biases; head 4 x 3 + 3
    bilstm = BiLSTMConfig(kind="bilstm", hidden_size=2)
    assert count_parameters(student_of(bilstm)) == 28 + 2 * (4 * (4 * 2 + 2 * 2 + 2 + 2)) + 15
    # Embedding 7 x 4; hidden 4 x 5 + 5; head 5 x 3 + 3
    average = AverageConfig(kind="average", hidden_layer=5)
    assert count_parameters(student_of(average)) == 28 + 25 + 18


def test_the_average_student_answers_with_the_mean_of_its_vectors() -> None:
    student = student_of(AverageConfig(kind="average", hidden_layer=0))
    weight, bias = student.head[1].weight.detach().numpy(), student.head[1].bias.detach().numpy()
    expected = (VECTORS[1] + VECTORS[3] + VECTORS[3]) / 3 @ weight.T + bias
    np.testing.assert_allclose(student_logits(student, [np.array([1, 3, 3])])[0], expected, atol=1e-6)


def test_the_bilstm_student_reads_in_both_directions() -> None:
    student = student_of(BiLSTMConfig(kind="bilstm", hidden_size=3))
    forwards, backwards = student_logits(student, [np.array([1, 2, 3]), np.array([3, 2, 1])])
    assert np.abs(forwards - backwards).max() > 1e-3


def test_rows_are_padded_with_zero() -> None:
    token_ids, lengths = pad(ROWS[:3])
    assert token_ids.tolist() == [[2, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6], [3, 3, 0, 0, 0, 0]]
    assert lengths.tolist() == [1, 6, 2]
