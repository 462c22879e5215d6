"""Texts that are answered together have to the letter the answers that each had when its text was encoded by itself."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.encoding import load_encoder
from distune.models.answer_lines import answer_lines
from distune.models.answers import six_decimals
from distune.models.checkpoint import Checkpoint
from distune.models.compression.trained import Trained
from distune.models.decision import Decision, EachLabel
from distune.models.graph import UNKNOWN
from distune.models.predictor import TEXTS_IN_MEMORY, Predictor
from distune.models.students.config import AverageConfig
from tests.making.checkpoints import save_student
from tests.making.odd_texts import VOCABULARY, odd_texts

TOKENS = {"kind": "words", "segmenter": "rjieba", "hmm": True, "user_words": [], "max_tokens": 6, "cut": "as_spelt"}
LABELS = ("100 %", 'a "b"', "差")


def student(place: Path, pair: str | None = None, **settings: Any) -> Predictor:
    config = AverageConfig(kind="average", hidden_layer=5, **({"pair": pair} if pair else {}))
    vectors = np.random.default_rng(0).normal(size=(len(VOCABULARY), 4)).astype(np.float32)
    checkpoint = Checkpoint(
        trained=Trained(config.build(vectors, len(LABELS)).eval(), config),
        tokens={**TOKENS, "cut": "pairs_as_spelt"} if pair else TOKENS,
        vocabulary=VOCABULARY,
        dimension=4,
        labels=LABELS,
    )
    folder = save_student(replace(checkpoint, **settings), place / "student")
    return Predictor(folder, load_encoder(folder))


def one_by_one(predictor: Predictor, texts: list[Any]) -> str:
    """The lines as they were made before texts were encoded together."""
    lines = []
    for start in range(0, len(texts), TEXTS_IN_MEMORY):
        rows = [predictor.encoder(text) for text in texts[start : start + TEXTS_IN_MEMORY]]
        probabilities = predictor.decision.probabilities(predictor.graph.logits(rows))
        named = predictor.named(predictor.decision.of_probabilities(probabilities))
        for ids, row, labels in zip(rows, probabilities, named, strict=True):
            answer = {
                **({"labels": labels} if predictor.is_multi_label else {"label": labels[0]}),
                "probabilities": {label: round(float(p), 6) for label, p in zip(LABELS, row, strict=True)},
                "has_known_token": ids.count(UNKNOWN) < len(ids) - predictor.is_of_pairs,
            }
            lines.append(json.dumps(answer, ensure_ascii=False) + "\n")
    return "".join(lines)


def answered(predictor: Predictor, lines: list[str]) -> str:
    class AllAtOnce(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read()

    sink = io.BytesIO()
    answer_lines(predictor, AllAtOnce("".join(f"{line}\n" for line in lines).encode()), sink)
    return sink.getvalue().decode()


@pytest.mark.parametrize(
    "settings",
    [{}, {"decision": Decision(2, 0.3)}, {"decision": EachLabel((0.5, 0.4, 0.6))}],
    ids=["", "threshold", "sets"],
)
def test_thousands_of_odd_lines_are_answered_to_the_letter(settings: dict[str, Any], tmp_path: Path) -> None:
    predictor = student(tmp_path, **settings)
    texts = [text.replace("\n", " ").replace("\ud800", "").rstrip("\r") for text in odd_texts(3000)]
    assert answered(predictor, texts) == one_by_one(predictor, texts)


def test_pairs_too(tmp_path: Path) -> None:
    predictor = student(tmp_path, pair="siamese")
    sides = [side for text in odd_texts(1500) if (side := "".join(text.split()).replace("\ud800", ""))]
    pairs = list(pairwise(sides))
    assert answered(predictor, ["\t".join(pair) for pair in pairs]) == one_by_one(predictor, pairs)


def test_probabilities_are_rounded_as_python_rounds_them() -> None:
    draw = np.random.default_rng(0)
    probabilities = np.concatenate([draw.random(20_000), np.exp(-30 * draw.random(20_000)), np.arange(129) / 128])
    of_32_bits = probabilities.astype(np.float32)
    assert six_decimals(of_32_bits).tolist() == [round(float(p), 6) for p in of_32_bits]
