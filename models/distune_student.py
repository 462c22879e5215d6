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
from .answers import Answer, AnyAnswer, SetAnswer, TextError, check_abstaining
from .checkpoint_folder import CheckpointError, check_folder
from .predictor import Predictor

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

    abstain_below, paths = _read(sys.argv[1:])
    try:
        student = load(Path(__file__).resolve().parent.parent)
        for path in paths or ["-"]:
            with open(0 if path == "-" else path, "rb", closefd=path != "-") as texts:
                answer_lines(student, texts, sys.stdout.buffer, abstain_below=abstain_below)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Whoever read has had enough; Python would complain at its end.
    except KeyboardInterrupt:
        sys.exit(130)
    except (CheckpointError, TextError, TokensError, ImportError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _read(arguments: list[str]) -> tuple[float | None, list[str]]:
    """The probability to abstain below, and the files; ends with the usage for anything else."""
    if not any(one.startswith("-") and one != "-" for one in arguments):
        return None, arguments
    import argparse  # It takes longer to import than a text to answer.

    def share(text: str) -> float:
        try:
            check_abstaining(number := float(text))
        except ValueError:
            raise argparse.ArgumentTypeError(f"needs a number from 0 to 1, but got {text!r:.100}") from None
        return number

    parser = argparse.ArgumentParser(
        prog="python FOLDER",
        allow_abbrev=False,
        description="Answers each line of the files, or of stdin, by a JSON object.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="one text a line; - is stdin")
    parser.add_argument(
        "--abstain-below", type=share, metavar="P", help="say of each answer whether its probability is below P"
    )
    options = parser.parse_args(arguments)
    return options.abstain_below, options.files
