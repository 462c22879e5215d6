"""Weights stored in 16 bits: half the size, and the same speed, as they are widened when the student is loaded."""

from __future__ import annotations

import copy
from dataclasses import replace

import onnx
import torch
from onnx import TensorProto, helper

from distune.models.compression.config import HalfConfig
from distune.models.compression.trained import CalibrationData, HalfType, Trained

SMALLEST = 64
"""Tensors of fewer numbers are left alone: a node to widen them would be larger."""


def halve(trained: Trained, config: HalfConfig, material: CalibrationData) -> Trained:
    """The student with its weights rounded to 16 bits, so that it answers as the stored one does."""
    student = copy.deepcopy(trained.student)
    dtype = getattr(torch, config.dtype)
    with torch.no_grad():
        for tensor in student.state_dict().values():
            if tensor.dtype == torch.float32:
                tensor.copy_(tensor.to(dtype).float())
    return replace(trained, student=student, structure=replace(trained.structure, dtype=config.dtype))


def halve_graph(graph: bytes, dtype: HalfType) -> bytes:
    """An ONNX graph with its weights in 16 bits, each followed by a Cast.

    ONNX Runtime widens them once, when it loads the graph. A number that 16 bits cannot hold exactly is no rounded
    weight, and does not change.
    """
    model = onnx.load_from_string(graph)
    kind = {"float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}[dtype]
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values, name = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()), tensor.name
        narrow = values.to(getattr(torch, dtype)).contiguous()
        if values.numel() >= SMALLEST and torch.equal(narrow.float(), values):
            tensor.CopyFrom(
                helper.make_tensor(
                    f"{name}.{dtype}", kind, values.shape, narrow.view(torch.int16).numpy().tobytes(), raw=True
                )
            )
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())
