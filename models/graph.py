"""The graph of a checkpoint, which answers rows of token ids in batches.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .checkpoint_folder import PULL_AGAIN, CheckpointError, read_json
from .network import REFUSALS, RUN_OPTIONS, check_graph, opened, run_network, run_padded

BATCH_SIZE = 16
"""Texts that the network answers together. They are taken in the order of their lengths, as padding costs what words cost."""
UNKNOWN = 1
"""The id of every token that the vocabulary lacks."""
SEPARATOR = 2
"""The id of the token between the two texts of a pair."""


class Graph:
    """`model.onnx` of a checkpoint folder; `output` is the name of its logits, of which there are `n_classes`.

    Raises CheckpointError for a graph that is not of such a student.
    """

    def __init__(self, folder: Path, output: str, n_classes: int, threads: int) -> None:
        self.place = folder / "model.onnx"
        self.threads = threads
        self.outputs = [output]
        self._n_classes = n_classes
        content = self.place.read_bytes()
        self.session = opened(content, threads, self.place)
        check_graph(self.session, self.place, output)
        found = self.session.get_outputs()[0].shape[-1]
        if isinstance(found, int) and found != n_classes:
            raise CheckpointError(
                f"{folder}: labels.json has {n_classes} names, but model.onnx answers for {found} classes; {PULL_AGAIN}"
            )
        # Dynamic INT8 takes its ranges from the whole batch: only alone is a text's answer its own.
        self.batch_size = 1 if b"DynamicQuantize" in content else BATCH_SIZE

    def check_table(self, is_of_pairs: bool) -> None:
        """Raise CheckpointError unless the table has a row for each token and no more, and the graph answers for each class: a row beyond
        its end is refused by ONNX Runtime."""
        folder = self.place.parent
        n_tokens = (folder / "vocabulary.txt").read_bytes().count(b"\n")
        config: Any = read_json(folder / "config.json")
        rows = [[n_tokens - 1], [UNKNOWN]]
        logits = self.run([[*row, SEPARATOR, UNKNOWN] for row in rows] if is_of_pairs else rows)
        if logits.shape != (2, self._n_classes) or not np.isfinite(logits).all():
            raise CheckpointError(
                f"{self.place} does not answer by a number for each of the {self._n_classes} labels; {PULL_AGAIN}"
            )
        structure = config.get("structure")
        if isinstance(structure, dict) and structure.get("n_tokens") is not None:
            return  # A trimmed student maps what is beyond its table to the unknown token.
        quiet = onnxruntime.RunOptions()
        quiet.log_severity_level = 4
        try:
            run_network(self.session, [[n_tokens, SEPARATOR, UNKNOWN] if is_of_pairs else [n_tokens]], quiet)
        except REFUSALS:
            return
        raise CheckpointError(
            f"{self.place} has a table of more rows than the {n_tokens} tokens of vocabulary.txt; {PULL_AGAIN}"
        )

    def run(self, rows: Sequence[Sequence[int]], outputs: Sequence[str] | None = None) -> NDArray[np.float32]:
        """The logits of rows of token ids, or another output, computed as one batch."""
        try:
            return run_network(self.session, rows, outputs=outputs or self.outputs)
        except REFUSALS as error:
            raise self._misfit(error) from error

    def logits(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Logits `[rows, classes]`; rows of about one length are computed together."""
        if len(rows) == 1:
            return self.run(rows)
        logits = np.empty((len(rows), self._n_classes), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for first in range(0, len(order), self.batch_size):
            batch = order[first : first + self.batch_size]
            logits[batch] = self.run([rows[i] for i in batch])
        return logits

    def logits_of_flat(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """As `logits`, of the token ids of all rows one behind the other: in the same batches, so to the digit the same."""
        logits = np.empty((len(lengths), self._n_classes), dtype=np.float32)
        starts = np.cumsum(lengths) - lengths
        order = np.argsort(lengths, kind="stable")
        for first in range(0, len(order), self.batch_size):
            batch = order[first : first + self.batch_size]
            places = np.arange(int(lengths[batch[-1]]))  # The last one is the longest.
            is_token = places < lengths[batch, None]
            token_ids = np.zeros(is_token.shape, dtype=np.int64)
            token_ids[is_token] = ids[(starts[batch, None] + places)[is_token]]
            try:
                logits[batch] = run_padded(self.session, token_ids, lengths[batch], RUN_OPTIONS, self.outputs)
            except REFUSALS as error:
                raise self._misfit(error) from error
        return logits

    def _misfit(self, error: Exception) -> CheckpointError:
        said = " ".join(str(error).split())
        return CheckpointError(
            f"{self.place} cannot answer ({said:.200}); it does not fit vocabulary.txt and config.json: {PULL_AGAIN}"
        )
