"""Files of answers as annotation tools and pipelines write them, over three labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distune.corpora.answers_file import AnswersFile
from tests.making import answer_files

LABELS = ("bad", "good", "so-so")


def answers(
    tmp_path: Path, rows: list[dict[str, Any]], labels: tuple[str, ...] = LABELS, is_multi_label: bool = False
) -> AnswersFile:
    return answer_files.answers(tmp_path, *rows, labels=labels, is_multi_label=is_multi_label)
