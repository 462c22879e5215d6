"""A student that answers, by ONNX Runtime alone: `load()` opens the folder in which this package stands, `load(FOLDER)` another.

    from distune_student import load

    student = load()
    student.label("很好")
    list(student.answers(["很好", "太慢了"]))

A copy of this file travels with every checkpoint as `distune_student/__init__.py`, beside `predictor.py` and `encoding/`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .predictor import Answer, CheckpointError, Predictor, TextError, answer_lines, check_folder

__all__ = ["Answer", "CheckpointError", "Predictor", "TextError", "load", "main"]


def load(folder: str | Path | None = None, threads: int = 1) -> Predictor:
    """A checkpoint folder, ready to answer; raises CheckpointError for a folder that is none."""
    # Beside this file in a checkpoint, and nowhere else.
    from .encoding import load_encoder  # type: ignore[import-not-found]

    place = Path(__file__).resolve().parent.parent if folder is None else Path(folder)
    check_folder(place)
    encode: Any = load_encoder(place)
    return Predictor(place, encode, threads)


def main() -> None:
    """Answer the lines of stdin with the folder in which this package stands: a JSON object for each."""
    try:
        student = load()
        with open(0, "rb", closefd=False) as texts:
            answer_lines(student, texts, sys.stdout.buffer)
    except (CheckpointError, TextError, ImportError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
