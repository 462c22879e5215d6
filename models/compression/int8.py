"""INT8 by ONNX Runtime: weights in 8 bits, and activations by the range that they have (dynamic) or had (static).

A dynamic range is that of a whole batch: answers differ a little with the company a text is in. Weights use 7 of the 8
bits (`reduce_range`): on CPUs without VNNI the products of full ones overflow, and answers would depend on the CPU.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from distune.models.compression.config import Int8StaticConfig
from distune.models.compression.trained import CalibrationData
from distune.models.students.student import pad


def quantize_graph(graph: bytes) -> bytes:
    """A graph in dynamic INT8."""

    def write(model: onnx.ModelProto, path: Path) -> None:
        quantize_dynamic(model, path, weight_type=QuantType.QInt8, reduce_range=True)

    return _written(graph, write)


def quantize_graph_static(graph: bytes, config: Int8StaticConfig, material: CalibrationData) -> bytes:
    """A graph in static INT8, its ranges taken from rows of train texts."""

    def write(model: onnx.ModelProto, path: Path) -> None:
        quantize_static(
            model,
            path,
            _Rows(material, config.calibration_texts),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=STATIC_OPERATORS,
            reduce_range=True,
        )

    return _written(graph, write)


STATIC_OPERATORS = ["MatMul", "Gemm", "Conv", "Gather"]


class _Rows(CalibrationDataReader):  # type: ignore[misc]
    """Feeds rows of token ids, one text at a time."""

    def __init__(self, material: CalibrationData, n_texts: int) -> None:
        chosen = np.random.default_rng(0).permutation(len(material.rows))[:n_texts]
        self._feeds: Iterator[dict[str, Any]] = (self._feed(material.rows[i]) for i in chosen)

    @staticmethod
    def _feed(row: Any) -> dict[str, Any]:
        token_ids, lengths = pad([row])
        return {"token_ids": token_ids.numpy(), "lengths": lengths.numpy()}

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def _written(graph: bytes, write: Any) -> bytes:
    quiet = logging.getLogger()
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # It advises to pre-process graphs, which has no effect on ours.
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            write(onnx.load_from_string(graph), path)
            return path.read_bytes()
    finally:
        quiet.setLevel(level)
