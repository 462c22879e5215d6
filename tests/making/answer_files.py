"""Files of answers of language models and people, and the probabilities that are made of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import AnswersFile, read_answers_file

LABELS = ("bad", "good")


def answers(
    tmp_path: Path,
    *rows: dict[str, Any],
    labels: tuple[str, ...] = LABELS,
    is_multi_label: bool = False,
    **rule: Any,
) -> AnswersFile:
    path = tmp_path / "votes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_answers_file(str(path), labels, AnswerRule(**rule), is_multi_label)


def probabilities(found: AnswersFile, text: str = "a") -> list[float]:
    return [float(one) for one in np.exp(found.file.of([text]).logits[0])]
