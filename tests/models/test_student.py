"""One contract for every family of students and every kind of channels."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from distune.models.students.config import (
    AnyStudentConfig,
    AverageConfig,
    BiGRUConfig,
    BiLSTMConfig,
    TextCNNConfig,
    TransformerConfig,
)
from distune.models.students.student import count_parameters, pad, student_logits
from distune.models.students.transformer import positions
from tests.conftest import STUDENTS, student_name

VECTORS = np.concatenate([np.zeros((1, 4)), np.random.default_rng(0).normal(size=(6, 4))]).astype(np.float32)
ROWS = [np.array(row) for row in ([2], [1, 2, 3, 4, 5, 6], [3, 3], [6, 5, 4])]


@pytest.fixture(params=STUDENTS, ids=student_name)
def config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


def test_every_family_is_under_the_contract() -> None:
    assert {type(config) for config in STUDENTS} == set(get_args(AnyStudentConfig))


def student_of(config: AnyStudentConfig) -> nn.Module:
    torch.manual_seed(0)
    return config.build(VECTORS, 3)


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
    # Embedding; two directions of 3 gates; head 4 x 3 + 3
    bigru = BiGRUConfig(kind="bigru", hidden_size=2)
    assert count_parameters(student_of(bigru)) == 28 + 2 * (3 * (4 * 2 + 2 * 2 + 2 + 2)) + 15
    # Embedding; two filters of width 3 and two of width 4 over 4 features, with biases; head 4 x 3 + 3
    textcnn = TextCNNConfig(kind="textcnn", filters=2, width=3, widths=2)
    assert count_parameters(student_of(textcnn)) == 28 + (2 * 3 * 4 + 2) + (2 * 4 * 4 + 2) + 15
    # Embedding; projection 4 x 4 + 4; attention 4 x 12 + 12 and 4 x 4 + 4; feed-forward 4 x 6 + 6 and 6 x 4 + 4;
    # three norms of 4 + 4; head 4 x 3 + 3
    transformer = TransformerConfig(kind="transformer", heads=2, head_size=2, feedforward=6)
    assert count_parameters(student_of(transformer)) == 28 + 20 + 60 + 20 + 30 + 28 + 24 + 15


def test_the_average_student_answers_with_the_mean_of_its_vectors() -> None:
    student = student_of(AverageConfig(kind="average", hidden_layer=0))
    weight, bias = student.head[1].weight.detach().numpy(), student.head[1].bias.detach().numpy()
    expected = (VECTORS[1] + VECTORS[3] + VECTORS[3]) / 3 @ weight.T + bias
    np.testing.assert_allclose(student_logits(student, [np.array([1, 3, 3])])[0], expected, atol=1e-6)


def test_the_maximum_is_over_the_text_and_not_over_its_padding() -> None:
    student = student_of(AverageConfig(kind="average", hidden_layer=0, pooling="max"))
    weight, bias = student.head[1].weight.detach().numpy(), student.head[1].bias.detach().numpy()
    expected = np.maximum(VECTORS[1], VECTORS[3]) @ weight.T + bias
    np.testing.assert_allclose(student_logits(student, [np.array([1, 3]), ROWS[1]])[0], expected, atol=1e-6)


def test_attention_weighs_the_words_by_the_softmax_of_their_scores() -> None:
    student = student_of(AverageConfig(kind="average", hidden_layer=0, pooling="attention"))
    weight, bias = student.head[1].weight.detach().numpy(), student.head[1].bias.detach().numpy()
    scores = np.exp(VECTORS[[1, 3]] @ student.pooling.score.weight.detach().numpy()[0])
    expected = (scores / scores.sum()) @ VECTORS[[1, 3]] @ weight.T + bias
    np.testing.assert_allclose(student_logits(student, [np.array([1, 3]), ROWS[1]])[0], expected, atol=1e-6)


def test_a_convolution_reads_its_window_and_zeros_beyond_the_text() -> None:
    student = student_of(TextCNNConfig(kind="textcnn", filters=1, width=3, widths=1))
    conv = student.body.layers[0][0]
    weight, bias = conv.weight.detach().numpy()[0], conv.bias.detach().numpy()
    vectors = np.concatenate([np.zeros((1, 4)), VECTORS[[2, 5]], np.zeros((1, 4))])
    windows = [float((vectors[i : i + 3].T * weight).sum() + bias[0]) for i in range(2)]
    pooled = student.eval().pooled(*pad([np.array([2, 5])]))
    np.testing.assert_allclose(pooled.item(), max(0.0, *windows), atol=1e-6)


def test_positions_are_sines_and_cosines() -> None:
    # size 4: frequencies 1 and 10000^(-2/4) = 0.01
    expected = [[0, 0, 1, 1], [math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)]]
    np.testing.assert_allclose(positions(2, 4).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    "config",
    [
        BiLSTMConfig(kind="bilstm", hidden_size=3),
        BiGRUConfig(kind="bigru", hidden_size=3),
        TextCNNConfig(kind="textcnn", filters=3),
        TransformerConfig(kind="transformer"),
    ],
    ids=lambda config: config.kind,
)
def test_the_order_of_the_words_counts_but_in_the_average(config: AnyStudentConfig) -> None:
    student = student_of(config)
    forwards, backwards = student_logits(student, [np.array([1, 2, 3]), np.array([3, 2, 1])])
    assert np.abs(forwards - backwards).max() > 1e-3


def test_rows_are_padded_with_zero() -> None:
    token_ids, lengths = pad(ROWS[:3])
    assert token_ids.tolist() == [[2, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6], [3, 3, 0, 0, 0, 0]]
    assert lengths.tolist() == [1, 6, 2]
