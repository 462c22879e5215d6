"""Labels and probabilities from a checkpoint folder, by ONNX Runtime alone.

A copy of this file travels with every checkpoint as `predict.py`: it imports nothing of the project. There it runs as
`python predict.py < texts` (one text a line in, one JSON object a line out).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import onnxruntime
from numpy.typing import NDArray

FILES = ("model.onnx", "weights.safetensors", "config.json", "vocabulary.txt", "labels.json", "README.md")


class CheckpointError(ValueError):
    """A folder that is no checkpoint; the message says what it lacks."""


def check_folder(folder: Path) -> None:
    """Raise CheckpointError unless the folder holds every file of a checkpoint."""
    if not folder.is_dir():
        raise CheckpointError(f"no such checkpoint folder: {folder}")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"{folder} is no checkpoint folder: it lacks {', '.join(missing)}")


class Answer(TypedDict):
    label: str
    probabilities: dict[str, float]


def open_session(model: str | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU, of a path or a graph in memory."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_network(session: onnxruntime.InferenceSession, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Logits `[rows, classes]` of rows of token ids, computed as one batch."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    token_ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int64)
    for i, row in enumerate(rows):
        token_ids[i, : len(row)] = row
    logits: NDArray[np.float32] = session.run(None, {"token_ids": token_ids, "lengths": lengths})[0]
    return logits


class Predictor:
    """A checkpoint folder, ready to answer; `encode` is the folder's encoder (`encoding.load_encoder(folder)`)."""

    def __init__(self, folder: str | Path, encode: Callable[[str], list[int]], threads: int = 1) -> None:
        self.encode = encode
        self.labels: list[str] = json.loads((Path(folder) / "labels.json").read_text(encoding="utf-8"))
        self.session = open_session(str(Path(folder) / "model.onnx"), threads)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits `[texts, classes]`, computed as one batch."""
        return run_network(self.session, [self.encode(text) for text in texts])

    def label(self, text: str) -> str:
        """The label of one text."""
        return self.labels[int(self.logits([text])[0].argmax())]

    def answers(self, texts: Iterable[str], batch_size: int = 32) -> Iterator[Answer]:
        """The label and the probabilities of each text, in order, a batch in memory at a time."""
        for batch in _batches(texts, batch_size):
            logits = self.logits(batch)
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            for row in exponentials / exponentials.sum(axis=1, keepdims=True):
                named = {label: round(float(p), 6) for label, p in zip(self.labels, row, strict=True)}
                yield Answer(label=self.labels[int(row.argmax())], probabilities=named)


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def main() -> None:
    """Answer the lines of stdin with the folder that this file stands in."""
    from encoding import load_encoder  # type: ignore[import-not-found]  # Its neighbour in a checkpoint folder.

    folder = Path(__file__).resolve().parent
    load: Callable[[Path], Any] = load_encoder
    for answer in Predictor(folder, load(folder)).answers(line.rstrip("\n") for line in sys.stdin):
        print(json.dumps(answer, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
