"""How fast the bare networks of the student families answer a text of 20 words: ONNX Runtime against torch, paired.

Milliseconds are the median over rounds in which all contenders take turns, on one thread; nothing else should run.
The last line is one JSON object. Run: python -m benchmarks.speed.student_speed
"""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import torch

from distune.models.compression.int8 import quantize_graph
from distune.models.network import open_session, run_network
from distune.models.onnx_export import export_onnx
from distune.models.students.config import (
    AnyStudentConfig,
    AverageConfig,
    BiGRUConfig,
    BiLSTMConfig,
    TextCNNConfig,
    TransformerConfig,
)
from distune.models.students.student import count_parameters, student_logits
from distune.tuning.speed.latency import cpu_name, one_thread, timed_ms

WORDS, DIMENSION, LENGTH, ROUNDS = 20_000, 100, 20, 2000
CONFIGS: dict[str, AnyStudentConfig] = {
    "average": AverageConfig(kind="average"),
    "bilstm 32": BiLSTMConfig(kind="bilstm", hidden_size=32),
    "bilstm 64": BiLSTMConfig(kind="bilstm", hidden_size=64),
    "bilstm 128": BiLSTMConfig(kind="bilstm", hidden_size=128),
    "bigru 64": BiGRUConfig(kind="bigru", hidden_size=64),
    "textcnn 64": TextCNNConfig(kind="textcnn", filters=64),
    "transformer 64": TransformerConfig(kind="transformer", heads=4, head_size=16),
}


def main() -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(WORDS, DIMENSION)).astype(np.float32)
    row = rng.integers(2, WORDS, LENGTH)
    students = {name: config.build(vectors, 2).eval() for name, config in CONFIGS.items()}
    calls = {}
    for name, student in students.items():
        graph = export_onnx(student)
        small = quantize_graph(graph)
        calls[f"{name} onnxruntime"] = partial(run_network, open_session(graph), [row.tolist()])
        calls[f"{name} int8"] = partial(run_network, open_session(small), [row.tolist()])
        calls[f"{name} torch"] = partial(student_logits, student, [row])
    samples: dict[str, list[float]] = {name: [] for name in calls}
    with one_thread(), torch.inference_mode():
        for _ in range(ROUNDS):
            for name, call in calls.items():
                samples[name].append(timed_ms(call))
    medians = {name: round(float(np.median(values)), 4) for name, values in samples.items()}
    for name, student in students.items():
        fast, slow, int8 = (medians[f"{name} {runtime}"] for runtime in ("onnxruntime", "torch", "int8"))
        print(
            f"{name:14} {count_parameters(student):>9,} parameters: onnxruntime {fast:.3f} ms, its int8 {int8:.3f} ms, "
            f"torch {slow:.3f} ms, {slow / fast:.1f} times"
        )
    print(json.dumps({"cpu": cpu_name(), "length": LENGTH, "median_ms": medians}))


if __name__ == "__main__":
    main()
