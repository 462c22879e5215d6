"""Labels and probabilities from a checkpoint folder, by ONNX Runtime alone.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .answers import (
    Answer,
    Answered,
    AnyAnswer,
    SetAnswer,
    Text,
    TextError,
    abstaining,
    check_abstaining,
    lacking_side,
    six_decimals,
    unknown_shares,
)
from .checkpoint_folder import PULL_AGAIN, SUMS, CheckpointError, read_json
from .decision import AnyDecision, EachLabel, decision_of
from .graph import UNKNOWN, Graph
from .network import OUTPUT, OUTPUT_OF_SETS, opened
from .pair_vectors import PAIR_HEAD, check_head, logits_of_states, refuse_without_head, states_of, texts_to_encode

TEXTS_IN_MEMORY = 1024
"""Texts that are in memory at a time."""


class Predictor:
    """A checkpoint folder, ready to answer; `encoder` is the folder's own, from a text to token ids (`load_encoder(folder)`)."""

    def __init__(self, folder: str | Path, encoder: Callable[[Any], list[int]], threads: int = 1) -> None:
        self.encoder = encoder
        self.labels: list[str] = json.loads((Path(folder) / "labels.json").read_text(encoding="utf-8"))
        self.decision = decision_in(Path(folder), self.labels)
        self.is_of_pairs: bool = getattr(encoder, "is_of_pairs", False)
        """Whether each text is a pair of two strings."""
        self.is_multi_label = isinstance(self.decision, EachLabel)
        """Whether it answers several labels a text, or none."""
        self.graph = Graph(Path(folder), OUTPUT_OF_SETS if self.is_multi_label else OUTPUT, len(self.labels), threads)
        """The network, from token ids to logits."""
        if not (Path(folder) / SUMS).exists():
            self.graph.check_table(self.is_of_pairs)

    def logits(self, texts: Sequence[Text]) -> NDArray[np.float32]:
        """Logits `[texts, classes]`; texts of about one length are computed together. The logits of a text are the
        same in any batch, up to rounding. Raises TextError for a pair without one of its texts."""
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                _refuse_half(text, i)
        return self.graph.logits([self.encoder(text) for text in texts])

    def label(self, text: Text) -> str:
        """The label of one text. Raises TypeError for a student of several labels a text, which answers `labels_of`, and
        TextError for what is no text."""
        if self.is_multi_label:
            raise TypeError("this student answers several labels a text: ask labels_of(text), or answers(texts)")
        return self.labels_of(text)[0]

    def labels_of(self, text: Text) -> list[str]:
        """The labels of one text: exactly one, or any number if the student answers several. Raises TextError for what is no
        text."""
        return self.named(self.decision.of_logits(self.graph.logits(self._encoded([text], 0))))[0]

    def named(self, answers: NDArray[np.int64]) -> list[list[str]]:
        """The labels of each text, of answers as `decision` gives them."""
        return self.decision.labels_of(answers, self.labels)

    def probabilities(self, texts: Sequence[Text], first_row: int = 0) -> NDArray[np.float32]:
        """Probabilities `[texts, classes]`, in the order of `labels`. Raises TextError for a row that is no text; rows are counted
        from `first_row` on."""
        logits = self.graph.logits(self._encoded(texts, first_row))
        return self.decision.probabilities(logits)

    def labels_of_each(self, texts: Sequence[Text], first_row: int = 0) -> list[list[str]]:
        """The labels of each text, and raises what `probabilities` does."""
        return self.named(self.decision.of_logits(self.graph.logits(self._encoded(texts, first_row))))

    def answers(
        self, texts: Iterable[Text], abstain_below: float | None = None, first_row: int = 0
    ) -> Iterator[AnyAnswer]:
        """The answer to each text, in order, TEXTS_IN_MEMORY of them in memory at a time.

        With `abstain_below`, a number from 0 to 1, each answer says whether it `abstained`. Raises TextError for a row that
        is no text, counted from `first_row` on.
        """
        check_abstaining(abstain_below)
        answers = self._answers(texts, first_row)
        return answers if abstain_below is None else (abstaining(answer, abstain_below) for answer in answers)

    def _answers(self, texts: Iterable[Text], n_before: int) -> Iterator[AnyAnswer]:
        for window in _batches(texts, TEXTS_IN_MEMORY):
            answered = self._answered(window, n_before)
            n_before += len(window)
            columns = (
                self.named(answered.answers),
                six_decimals(answered.probabilities).tolist(),
                answered.has_known_token.tolist(),
            )
            for labels, row, has_known_token in zip(*columns, strict=True):
                named = dict(zip(self.labels, row, strict=True))
                if self.is_multi_label:
                    yield SetAnswer(labels=labels, probabilities=named, has_known_token=has_known_token)
                else:
                    yield Answer(label=labels[0], probabilities=named, has_known_token=has_known_token)

    def answered(self, texts: Sequence[Text]) -> Answered:
        """The answers to texts as arrays, to the digit those of `answers`. Raises TextError for a row that is no text."""
        starts = range(0, len(texts), TEXTS_IN_MEMORY)
        parts = [self._answered(texts[start : start + TEXTS_IN_MEMORY], start) for start in starts]
        if not parts:
            shape = (0, len(self.labels))
            answers = np.empty(shape if self.is_multi_label else 0, dtype=np.int64)
            return Answered(answers, np.empty(shape, dtype=np.float32), np.empty(0))
        return Answered(*map(np.concatenate, zip(*parts, strict=True)))

    def _answered(self, texts: Sequence[Text], first_row: int) -> Answered:
        self._refuse_others(texts, first_row)
        encode_all = getattr(self.encoder, "encode_all", None)
        if encode_all is None or len(texts) == 1:
            rows = [self.encoder(text) for text in texts]
            lengths = np.array([len(ids) for ids in rows])
            n_unknown, logits = np.array([ids.count(UNKNOWN) for ids in rows]), self.graph.logits(rows)
        else:
            ids, lengths = encode_all(texts)
            n_unknown = np.add.reduceat(ids == UNKNOWN, np.cumsum(lengths) - lengths, dtype=np.int64)
            logits = self.graph.logits_of_flat(ids, lengths)
        probabilities = self.decision.probabilities(logits)
        shares = unknown_shares(n_unknown, lengths, self.is_of_pairs)
        return Answered(self.decision.of_logits(logits), probabilities, shares)

    @functools.cached_property
    def head(self) -> onnxruntime.InferenceSession:
        """The graph that answers pairs of vectors. Raises CheckpointError for a student that gives no vectors of single texts."""
        graph = self.graph
        outputs = [one.name for one in graph.session.get_outputs()]
        folder = graph.place.parent
        refuse_without_head(folder, outputs, self.is_of_pairs)
        place = folder / PAIR_HEAD
        head = opened(place.read_bytes(), graph.threads, place)
        check_head(head, place, *graph.outputs)
        return head

    def encode(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """The vector of each text `[texts, features]`, for `compare`.

        Raises CheckpointError for a student that is not siamese, and TextError for a row that is no text or a blank one.
        """
        _ = self.head  # What cannot be compared is refused before it is computed.
        return states_of(self, texts_to_encode(texts))

    def compare(self, first: Any, second: Any) -> NDArray[np.float32]:
        """Probabilities `[pairs, classes]` of pairs of vectors, in the order of `labels`.

        `first` and `second` are of `encode`, as many each; one vector on a side is compared with each of the other's. The
        probabilities are those of the pair, up to 1e-5. Raises ValueError for what are no such vectors.
        """
        return self.decision.probabilities(logits_of_states(self, first, second))

    def _encoded(self, texts: Sequence[Text], first_row: int) -> list[list[int]]:
        self._refuse_others(texts, first_row)
        return [self.encoder(text) for text in texts]

    def _refuse_others(self, texts: Sequence[Text], first_row: int) -> None:
        """Raise TextError for a row that is no text."""
        for i, text in enumerate(texts):
            if self.is_of_pairs:
                is_pair = (
                    isinstance(text, tuple | list) and len(text) == 2 and all(isinstance(one, str) for one in text)
                )
                if not is_pair:
                    raise TextError(
                        f"row {first_row + i}: this student answers pairs, so that each text must be two strings, but got {text!r:.200}"
                    )
                _refuse_half(text, first_row + i)
            elif not isinstance(text, str):
                raise TextError(f"row {first_row + i}: a text must be a string, but got {text!r:.200}")


def _refuse_half(pair: Sequence[str], row: int) -> None:
    if lacking := lacking_side(pair):
        raise TextError(f"row {row} is a pair without its {lacking} text, but got {pair!r:.200}")


def decision_in(folder: Path, labels: Sequence[str]) -> AnyDecision:
    """The rule by which a checkpoint folder answers; folders of earlier versions say none. Raises CheckpointError for what is no rule."""
    config: Any = read_json(folder / "config.json")
    try:
        thresholds, is_multi_label = config.get("thresholds", {}), config.get("multi_label", False)
        if not isinstance(thresholds, dict):
            raise ValueError(f"thresholds must be probabilities by the names of labels, but got {thresholds!r:.100}")
        if not isinstance(is_multi_label, bool):
            raise ValueError(f"multi_label must be true or false, but got {is_multi_label!r:.100}")
        return decision_of(thresholds, labels, is_multi_label, config.get("temperature", 1.0))
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{folder / 'config.json'} is damaged: {error}; {PULL_AGAIN}") from error


T = TypeVar("T")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
