"""`distune predict`: texts in, answers out as they come, and the progress on a terminal."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from distune._plural import n_of
from distune.corpora.decoding import COMPRESSIONS
from distune.corpora.encoding import load_encoder
from distune.corpora.incoming import BLOCK_BYTES, Utf8
from distune.models.answer_lines import answer_lines
from distune.models.checkpoint_folder import CheckpointError, check_folder
from distune.models.predictor import Predictor
from distune.tuning.serve.progress import progress_of

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls")
"""Endings of files whose lines are no texts."""
BARE_RETURN = re.compile(rb"\r[^\n]")


def predict(folder: Path, texts: str | None, abstain_below: float | None = None) -> None:
    """Answer the lines of a file, or of stdin, by a checkpoint folder on stdout. With `abstain_below` each answer says
    whether it `abstained`."""
    check_folder(folder)
    if texts is not None and (ending := ending_of_texts(Path(texts))) in TABLES and Path(texts).is_file():
        raise CheckpointError(
            f"{texts}: predict answers one text a line, but {ending} is a table; answer its rows by --out FILE, such as --out answers{ending}"
        )
    with open_source(texts) as source, _watched(source) as after:
        predictor = Predictor(folder, load_encoder(folder))
        lines = lines_in(source, texts or "stdin", predictor.is_of_pairs)
        answer_lines(predictor, lines, sys.stdout.buffer, after, abstain_below)


def open_source(texts: str | None) -> BufferedReader[Any]:
    """A file of this machine, or stdin for None, whose lines are read as they come. Raises CheckpointError for no file."""
    if texts is not None and "://" in texts:
        raise CheckpointError(f"{texts}: lines are read from files of this machine; tables may be anywhere")
    if texts is not None and not Path(texts).is_file():
        raise CheckpointError(f"no such file: {texts}")
    return BufferedReader(FileIO(texts or 0, closefd=texts is not None), BLOCK_BYTES)


def lines_in(source: BufferedReader[Any], name: str, of_pairs: bool) -> Utf8:
    """The lines of a source, one text each; a note on stderr tells if they look like JSON or like rows of a table.

    Raises CheckpointError for lines that no line feed ends.
    """
    lines = Utf8(source, name)
    if b"\n" not in lines.first and BARE_RETURN.search(lines.first):
        raise CheckpointError(
            f"{name}: its lines end in carriage returns alone; save it with line feeds, one text a line"
        )
    if hint := _about_json(lines.first) or ("" if of_pairs else _about_tabs(lines.first)):
        print(f"{name}: {hint}", file=sys.stderr)
    return lines


def _about_json(first: bytes) -> str:
    """The note about lines of which several are objects of JSON, whose keys the student reads too."""
    lines = [line.strip() for line in first.split(b"\n")[:-1] if line.strip()]
    if len(lines) < 2 or not all(line.startswith(b'{"') and line.endswith(b"}") for line in lines):
        return ""
    return (
        "every line is an object of JSON, and is answered as one text with its keys; to have the texts within answered, name the file, with an ending "
        "such as .jsonl, and --out"
    )


def _about_tabs(first: bytes) -> str:
    """The note about lines that look like the rows of a table: several, all with the same number of tabs."""
    counts = [line.count(b"\t") for line in first.split(b"\n")[:-1] if line.strip()]
    if len(counts) < 2 or not counts[0] or len(set(counts)) > 1:
        return ""
    return (
        f"every line has {n_of(counts[0], 'tab')}, as a table has, and is answered as one text; if it is a table, "
        "write its text column into a file of its own"
    )


def ending_of_texts(texts: Path) -> str:
    """The ending that tells the format, behind which that of a compression may stand."""
    name = texts.name.lower()
    packed = next((ending for ending in COMPRESSIONS if name.endswith(ending)), "")
    return Path(name.removesuffix(packed)).suffix


def _watched(source: BufferedReader[Any]) -> AbstractContextManager[Callable[[int], object]]:
    """The function that shows the number of answered texts on stderr. It needs none as stdout, which shows the answers
    themselves."""
    if sys.stdout.isatty():
        return nullcontext(lambda n_texts: None)
    about = os.fstat(source.fileno())
    is_file = stat.S_ISREG(about.st_mode)
    return _counting(progress_of(about.st_size if is_file else None), source if is_file else None)


@contextmanager
def _counting(
    progress: AbstractContextManager[Callable[[int, int], object]], source: BufferedReader[Any] | None
) -> Iterator[Callable[[int], object]]:
    with progress as after:
        yield lambda n_texts: after(n_texts, source.tell() if source is not None else 0)
