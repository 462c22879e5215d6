"""How many of our files a text enters, from the CSV to the champion's answer: a tiny search is watched, in which some texts bear a mark.

    python -m benchmarks.data.text_way            # prints the files in the order in which they are entered, and one JSON line

A file counts when a function in it is called with a marked text: as a string, or anywhere within the sequences, mappings, dataclasses
and attributes of an argument. The process that searches is watched; its workers are given token ids, and no text. Where a file only
hands a corpus on, it counts as well: to be told what need not be told is what is counted.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import itertools
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import distune

MARK = "记号"
PACKAGE = str(Path(distune.__file__).parent)
N_ROWS, DEEPEST = 60, 8


class Way:
    """The files of ours that marked texts have entered, in their order, while it is watched."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def __enter__(self) -> Way:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(PACKAGE):
            return
        file = str(Path(code.co_filename).relative_to(PACKAGE))
        if file in self.files:
            return
        n_arguments = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
        if any(bears_mark(frame.f_locals.get(name), DEEPEST) for name in code.co_varnames[:n_arguments]):
            self.files.append(file)


def bears_mark(value: Any, depth: int) -> bool:
    """Whether a marked text is in a value; only the first thousand items of a sequence are looked at."""
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, bytes):
        return MARK.encode() in value
    parts: Iterable[Any] = ()
    if isinstance(value, Mapping):
        parts = (one for pair in value.items() for one in pair)
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    elif dataclasses.is_dataclass(value) or type(value).__module__.startswith("distune."):
        parts = getattr(value, "__dict__", {}).values()
    return depth > 0 and any(bears_mark(one, depth - 1) for one in itertools.islice(parts, 1000))


def write_study(folder: Path) -> dict[str, Any]:
    """A corpus in which every other text is marked, with logits of its teacher, and a study that two trials end."""
    marks = [MARK if row % 4 < 2 else "" for row in range(N_ROWS)]
    rows = [f"{'很好' if row % 2 else '太差'}{marks[row]}第{row}本书" for row in range(N_ROWS)]
    texts = "\n".join(["text,label", *(f"{text},{row % 2}" for row, text in enumerate(rows))])
    logits = "\n".join(["text,logit_0,logit_1", *(f"{text},{1 - row % 2},{row % 2}" for row, text in enumerate(rows))])
    (folder / "corpus.csv").write_text(texts + "\n", encoding="utf-8")
    (folder / "logits.csv").write_text(logits + "\n", encoding="utf-8")
    return {
        "name": "way",
        "corpus": {"source": str(folder / "corpus.csv"), "labelled": 20, "dev_fraction": 0.2, "test_fraction": 0.2},
        "teacher": {"logits": str(folder / "logits.csv")},
        "storage": str(folder / "storage"),
        "search": {"trials": 2, "finalists": 1, "seeds": 1, "scheduler": "none"},
        "champion": {"max_latency_ms": 1000.0},
        "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        "trial": {
            "tokens": {"kind": "characters", "min_count": 1},
            "vectors": {"kind": "random", "dimension": 8},
            "student": {"kind": "average"},
            "learning_rate": {"log": [0.01, 0.1]},
            "epochs": 1,
        },
    }


def files_of_a_search() -> list[str]:
    """The files that marked texts enter, from the reading of the corpus to an answer of the champion."""
    with tempfile.TemporaryDirectory() as folder, Way() as way:
        found = distune.search(distune.load_study(write_study(Path(folder))))
        distune.load(found.champion).predict([f"很好{MARK}"])
    return way.files


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    files = files_of_a_search()
    print("\n".join(files))
    print(json.dumps({"files": len(files)}))


if __name__ == "__main__":
    main()
