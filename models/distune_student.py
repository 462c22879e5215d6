"""A student that answers, by ONNX Runtime alone: `load()` opens the folder that contains this package, `load(FOLDER)`
another.

    from distune_student import load

    student = load()
    student.label("很好")
    list(student.answers(["很好", "太慢了"]))

A student of several labels a text has no `label`, and answers `labels_of`.

Every checkpoint has a copy of this file as `distune_student/__init__.py`, next to `predictor.py` and `encoding/`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from .answer_lines import answer_lines
from .checkpoint_folder import CheckpointError, check_folder
from .predictor import Answer, AnyAnswer, Predictor, SetAnswer, TextError

__all__ = ["Answer", "AnyAnswer", "CheckpointError", "Predictor", "SetAnswer", "TextError", "load", "main"]


def load(folder: str | Path | None = None, threads: int = 1) -> Predictor:
    """A checkpoint folder, ready to answer; raises CheckpointError for a folder that is none."""
    place = Path(__file__).resolve().parent.parent
    if folder is not None:
        place = Path(folder)
    elif (nearest := _first_on_path()) not in (None, place):
        # Python imports a package of one name once: the student meant here would be answered for by the first.
        raise CheckpointError(
            f"two students are on sys.path, and this package is that of {place}, not of {nearest}: name the folder, as in load({str(nearest)!r})"
        )
    check_folder(place)
    # Beside this file in a checkpoint, and nowhere else.
    from .encoding import load_encoder  # type: ignore[import-not-found]

    encode: Any = load_encoder(place)
    return Predictor(place, encode, threads)


def _first_on_path() -> Path | None:
    """The first folder on sys.path in which a package of this name stands."""
    places = (Path(one or ".") for one in sys.path)
    return next((place.resolve() for place in places if (place / __name__ / "__init__.py").is_file()), None)


def main() -> None:
    """Answer the lines of the files that are given, or of stdin, with the folder in which this package stands: a JSON object
    for each."""
    from .encoding import TokensError

    paths = sys.argv[1:]
    if any(path.startswith("-") and path != "-" for path in paths):
        print(
            "usage: python FOLDER [FILE ...]: answers each line of the files, or of stdin, by a JSON object",
            file=sys.stderr,
        )
        sys.exit(0 if paths[0] in ("-h", "--help") else 2)
    try:
        student = load(Path(__file__).resolve().parent.parent)
        for path in paths or ["-"]:
            with open(0 if path == "-" else path, "rb", closefd=path != "-") as texts:
                answer_lines(student, texts, sys.stdout.buffer)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Whoever read has had enough; Python would complain at its end.
    except KeyboardInterrupt:
        sys.exit(130)
    except (CheckpointError, TextError, TokensError, ImportError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
