"""One contract for every compression of every student family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from distune.models.compression.apply import Compressed, compress, graph_logits, rebuild
from distune.models.compression.config import (
    AnyCompressionConfig,
    EmbeddingInt8Config,
    HalfConfig,
    Int8Config,
    Int8StaticConfig,
    LowRankConfig,
    PruneUnitsConfig,
    PruneWeightsConfig,
    TrimVocabularyConfig,
)
from distune.models.compression.embedding import Int8Table
from distune.models.compression.low_rank import factors
from distune.models.compression.trained import AfterStep, CalibrationData, Trained
from distune.models.compression.weights import largest_weights
from distune.models.errors import ModelError
from distune.models.network import open_session, run_network
from distune.models.students.config import AnyStudentConfig, AverageConfig, BiLSTMConfig
from distune.models.students.student import count_parameters, pad, student_logits
from tests.conftest import STUDENTS, student_name

N_TOKENS, DIMENSION = 40, 8
RNG = np.random.default_rng(0)
VECTORS = np.concatenate([np.zeros((1, DIMENSION)), RNG.normal(size=(N_TOKENS - 1, DIMENSION))]).astype(np.float32)
ROWS = [RNG.integers(1, N_TOKENS, n) for n in (1, 2, 7, 12, 3)]
MATERIAL = CalibrationData(ROWS)
CONFIGS: list[AnyCompressionConfig] = [
    *(kind(kind=get_args(kind.model_fields["kind"].annotation)[0]) for kind in get_args(AnyCompressionConfig)),
    LowRankConfig(kind="low_rank", rank=2),
    HalfConfig(kind="half", dtype="bfloat16"),
]


# Of each family the plainest, the one with every part that may be left out, and the deepest.
FEWER = [
    config
    for config in STUDENTS
    if config.channels == "tuned"
    and (config.pooling == "attention" or not config.layer_norm)
    and (config.hidden_layer == 0 or config.hidden_layers == 2)
]


@pytest.fixture(params=FEWER, ids=student_name)
def student_config(request: pytest.FixtureRequest) -> AnyStudentConfig:
    value: AnyStudentConfig = request.param
    return value


@pytest.fixture(params=CONFIGS, ids=lambda config: "-".join(map(str, config.model_dump(exclude_unset=True).values())))
def config(request: pytest.FixtureRequest) -> AnyCompressionConfig:
    value: AnyCompressionConfig = request.param
    return value


def trained_student(config: AnyStudentConfig) -> Trained:
    torch.manual_seed(1)
    return Trained(config.build(VECTORS, 3).eval(), config)


def same_parts(student: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in student.state_dict().items()}


def test_every_compression_is_under_the_contract() -> None:
    assert set(get_args(AnyCompressionConfig)) == {type(config) for config in CONFIGS}


def test_the_contract_of_every_compression(student_config: AnyStudentConfig, config: AnyCompressionConfig) -> None:
    trained = trained_student(student_config)
    before = same_parts(trained.student)
    compressed = compress(trained, [config], MATERIAL)
    student = compressed.trained.student
    # The student that it was made from is left as it was.
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.student.state_dict().items())
    assert not student.training
    # Torch answers as the graph does, unless the graph is quantized.
    expected = student_logits(student, ROWS)
    found = graph_logits(compressed.graph, ROWS)
    assert compressed.is_exact == (not isinstance(config, Int8Config | Int8StaticConfig))
    assert found.shape == (len(ROWS), 3)
    assert np.isfinite(found).all()
    if compressed.is_exact:
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # Padding never changes an answer.
    alone = np.concatenate([student_logits(student, [row]) for row in ROWS])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    if not isinstance(config, Int8Config):  # whose ranges are those of the batch
        together = run_network(open_session(compressed.graph), [row.tolist() for row in ROWS])
        np.testing.assert_allclose(together, found, atol=1e-4)
    # It is built again for its weights.
    again = rebuild(compressed.trained.config, compressed.trained.structure, np.zeros_like(VECTORS), 3)
    again.student.load_state_dict(student.state_dict())
    np.testing.assert_array_equal(student_logits(again.student, ROWS), expected)


def lstm(**settings: Any) -> Trained:
    return trained_student(BiLSTMConfig.model_validate({"kind": "bilstm", "hidden_size": 8, **settings}))


def compressed_by(trained: Trained, **settings: Any) -> Compressed:
    kinds = {get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(AnyCompressionConfig)}
    return compress(trained, [kinds[settings["kind"]](**settings)], MATERIAL)


def test_the_largest_weights_are_kept() -> None:
    matrix = torch.tensor([[1.0, -4.0], [2.0, -3.0]])
    assert largest_weights(matrix, 0.5).tolist() == [[False, True], [False, True]]
    assert largest_weights(matrix, 0.0).all()


def test_pruned_weights_are_zero_and_stay_it_while_the_rest_is_tuned() -> None:
    def fine_tune(student: nn.Module, epochs: int, after_step: AfterStep) -> None:
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        for _ in range(epochs):
            student(*pad(ROWS)).square().sum().backward()
            optimizer.step()
            after_step()

    trained = lstm()
    config = PruneWeightsConfig(kind="prune_weights", sparsity=0.75, epochs=2)
    tuned = compress(trained, [config], CalibrationData(ROWS, fine_tune)).trained.student
    untuned = compress(trained, [config], MATERIAL).trained.student
    for student in (tuned, untuned):
        for name, parameter in student.named_parameters():
            if parameter.dim() == 2 and not name.startswith("embedding"):
                assert (parameter == 0).float().mean() == 0.75, name
    assert not torch.equal(tuned.head[1].weight, untuned.head[1].weight)


def test_pruned_units_leave_an_ordinary_smaller_student() -> None:
    compressed = compressed_by(lstm(hidden_layer=6, layer_norm=True, layers=2), kind="prune_units", keep=0.5)
    config = compressed.trained.config
    assert (config.hidden_size, config.hidden_layer, config.layers) == (4, 3, 2)
    ordinary = config.build(VECTORS, 3)
    assert count_parameters(compressed.trained.student) == count_parameters(ordinary)


def test_units_whose_weights_are_zero_can_be_removed_without_a_trace() -> None:
    """Half of the units of a hidden layer are dead: pruning finds them, and no answer changes."""
    trained = trained_student(AverageConfig(kind="average", hidden_layer=6))
    dead = [0, 3, 5]
    with torch.no_grad():
        for parameter in (trained.student.head[1].weight, trained.student.head[1].bias):
            parameter[dead] = 0
    compressed = compressed_by(trained, kind="prune_units", keep=0.5)
    assert compressed.trained.config.hidden_layer == 3
    np.testing.assert_allclose(
        student_logits(compressed.trained.student, ROWS), student_logits(trained.student, ROWS), atol=1e-6
    )


@pytest.mark.parametrize("kind", ["bilstm", "bigru", "textcnn", "transformer"])
def test_removed_units_are_those_of_the_smallest_weights(kind: str) -> None:
    """Units with weights near zero hardly change an answer; those with large weights would."""
    config = next(c for c in STUDENTS if c.kind == kind).model_copy(
        update={"hidden_size": 4, "filters": 4, "feedforward": 4, "channels": "tuned", "pooling": "mean"}
    )
    trained = trained_student(type(config).model_validate(config.model_dump(include=set(type(config).model_fields))))
    with torch.no_grad():
        for name, parameter in trained.student.named_parameters():
            if "weight_ih" in name or "weight_hh" in name or "bias_ih" in name or "bias_hh" in name:
                parameter.view(-1, 4, *parameter.shape[1:])[:, [1, 2]] *= 1e-3
                if "weight_hh" in name:
                    parameter[:, [1, 2]] *= 1e-3
            elif "body.layers" in name or "feedforward.0" in name:
                parameter[[1, 2]] *= 1e-3
            elif "feedforward.2.weight" in name:
                parameter[:, [1, 2]] *= 1e-3
    pruned = compressed_by(trained, kind="prune_units", keep=0.5).trained.student
    np.testing.assert_allclose(student_logits(pruned, ROWS), student_logits(trained.student, ROWS), atol=3e-3)


def test_factors_by_hand() -> None:
    # diag(3, 2, 1) at rank 2 loses the 1.
    left, right = factors(torch.diag(torch.tensor([3.0, 2.0, 1.0])), 2)
    assert (left.shape, right.shape) == ((3, 2), (2, 3))
    assert torch.allclose(left @ right, torch.diag(torch.tensor([3.0, 2.0, 0.0])), atol=1e-6)


def test_a_matrix_of_low_rank_is_factorised_without_a_trace() -> None:
    trained = trained_student(AverageConfig(kind="average", hidden_layer=0))
    with torch.no_grad():
        table = trained.student.embedding.tables[0].weight
        table.copy_(table[:, :2] @ torch.ones(2, DIMENSION))
    compressed = compressed_by(trained, kind="low_rank", energy=0.9999).trained
    assert compressed.structure.ranks == {"embedding.tables.0": 1}
    np.testing.assert_allclose(
        student_logits(compressed.student, ROWS), student_logits(trained.student, ROWS), atol=1e-5
    )
    assert count_parameters(compressed.student) == N_TOKENS + DIMENSION + DIMENSION * 3 + 3


def test_recurrent_matrices_are_stored_as_factors() -> None:
    trained = lstm(hidden_size=32)
    whole, thin = compress(trained, [], MATERIAL).graph, compressed_by(trained, kind="low_rank", rank=2).graph
    assert len(thin) < 0.5 * len(whole)
    stored = {tensor.name: tuple(tensor.dims) for tensor in onnx.load_from_string(thin).graph.initializer}
    assert (2, 128, 2) in stored.values()
    assert (2, 128, 32) not in stored.values()


def test_words_that_are_trimmed_become_the_unknown_word() -> None:
    trained = lstm()
    compressed = compressed_by(trained, kind="trim_vocabulary", keep=0.5)
    assert compressed.trained.student.embedding.tables[0].weight.shape == (20, DIMENSION)
    rows = [np.array([5, 30, 19, 20])]
    expected = student_logits(trained.student, [np.array([5, 1, 19, 1])])
    np.testing.assert_allclose(student_logits(compressed.trained.student, rows), expected, atol=1e-6)
    np.testing.assert_allclose(graph_logits(compressed.graph, rows), expected, atol=1e-5)


def test_a_vector_in_8_bits_by_hand() -> None:
    # The largest of 1, -0.5, 0.3 is 127 steps: 127, -63.5 (to the even 64), 38.1.
    table = Int8Table(torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.5, 0.3]]))
    assert table.codes.tolist() == [[0, 0, 0], [127, -64, 38]]
    assert table(torch.tensor([1]))[0].tolist() == pytest.approx([1, -64 / 127, 38 / 127])


def test_half_weights_are_rounded_in_torch_as_in_the_graph_and_take_half_the_bytes() -> None:
    trained = lstm(hidden_size=32)
    whole = compress(trained, [], MATERIAL).graph
    for dtype in ("float16", "bfloat16"):
        half = compressed_by(trained, kind="half", dtype=dtype)
        assert len(half.graph) < 0.6 * len(whole)
        weight = half.trained.student.embedding.tables[0].weight
        assert torch.equal(weight, weight.to(getattr(torch, dtype)).float())


@pytest.mark.parametrize("kind", ["int8", "int8_static"])
def test_int8_makes_the_file_smaller_and_answers_nearly_as_before(kind: str) -> None:
    torch.manual_seed(0)
    config = AverageConfig(kind="average", hidden_layer=32)
    vectors = np.random.default_rng(0).normal(size=(500, 32)).astype(np.float32)
    vectors[0] = 0
    trained = Trained(config.build(vectors, 3).eval(), config)
    whole, small = compress(trained, [], MATERIAL), compressed_by(trained, kind=kind)
    assert len(small.graph) < 0.5 * len(whole.graph)
    np.testing.assert_allclose(graph_logits(small.graph, ROWS), graph_logits(whole.graph, ROWS), atol=0.1)


def test_compressions_may_follow_one_another() -> None:
    configs = [
        TrimVocabularyConfig(kind="trim_vocabulary", keep=0.5),
        PruneUnitsConfig(kind="prune_units", keep=0.5),
        PruneWeightsConfig(kind="prune_weights", sparsity=0.5),
        EmbeddingInt8Config(kind="embedding_int8"),
        HalfConfig(kind="half"),
    ]
    trained = lstm()
    compressed = compress(trained, configs, MATERIAL)
    np.testing.assert_allclose(
        graph_logits(compressed.graph, ROWS), student_logits(compressed.trained.student, ROWS), atol=1e-5
    )
    assert compressed.trained.structure.dtype == "float16"
    again = rebuild(compressed.trained.config, compressed.trained.structure, np.zeros_like(VECTORS), 3)
    again.student.load_state_dict(compressed.trained.student.state_dict())
    assert compress(again, [Int8Config(kind="int8")], MATERIAL).is_exact is False


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LowRankConfig(kind="low_rank"), PruneUnitsConfig(kind="prune_units")),
        (LowRankConfig(kind="low_rank", rank=1), EmbeddingInt8Config(kind="embedding_int8")),
        (EmbeddingInt8Config(kind="embedding_int8"), TrimVocabularyConfig(kind="trim_vocabulary")),
        (EmbeddingInt8Config(kind="embedding_int8"), LowRankConfig(kind="low_rank")),
    ],
    ids=lambda config: config.kind,
)
def test_what_cannot_follow_is_refused(first: AnyCompressionConfig, second: AnyCompressionConfig) -> None:
    with pytest.raises(ModelError, match=f"{second.kind} cannot follow"):
        compress(lstm(), [first, second], MATERIAL)


def test_static_int8_learns_its_ranges_from_the_rows() -> None:
    trained = lstm()
    config = Int8StaticConfig(kind="int8_static", calibration_texts=4)
    same, other = (
        compress(trained, [config], replace(MATERIAL, rows=rows)).graph for rows in (ROWS, [np.array([1])] * 4)
    )
    assert same != other
