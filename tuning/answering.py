"""`distune predict`: texts in, answers out as they come, and how far it is where somebody watches."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from corpora.encoding import load_encoder
from models.predictor import CheckpointError, Predictor, answer_lines, check_folder

BLOCK_BYTES = 65_536
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls")
"""Endings of files whose lines are no texts."""


def predict(folder: Path, texts: Path | None) -> None:
    """Answer the lines of a file, or of stdin, by a checkpoint folder on stdout."""
    check_folder(folder)
    if texts is not None and not texts.is_file():
        raise CheckpointError(f"no such file: {texts}")
    if texts is not None and (ending := texts.suffix.lower()) in TABLES:
        raise CheckpointError(
            f"{texts}: predict answers one text a line, but {ending} is a table; write its text column into a file of its own"
        )
    if texts is not None:
        _refuse_other_text(texts)
    predictor = Predictor(folder, load_encoder(folder))
    with texts.open("rb") if texts else open(0, "rb", closefd=False) as source, _watched(source) as after:
        answer_lines(predictor, source, sys.stdout.buffer, after)


def _refuse_other_text(file: Path) -> None:
    """Raise CheckpointError for a file whose lines do not end as they are read: of UTF-16, or of an old Macintosh."""
    with file.open("rb") as source:
        block = source.read(BLOCK_BYTES)
    if b"\x00" in block or block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CheckpointError(f"{file}: is UTF-16 or no text; save it as UTF-8, one text a line")
    if b"\r" in block and b"\n" not in block:
        raise CheckpointError(
            f"{file}: its lines end in carriage returns alone; save it with line feeds, one text a line"
        )


@contextmanager
def _watched(source: BufferedReader) -> Iterator[Callable[[int], object]]:
    """What is told how many texts were answered and shows it on stderr, where that is a terminal, stdout is none (there the
    answers themselves are seen) and rich is installed."""
    if not sys.stderr.isatty() or sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        yield lambda n_texts: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    about = os.fstat(source.fileno())
    size = about.st_size if stat.S_ISREG(about.st_mode) else None
    counts = TextColumn("{task.fields[n_texts]:,} texts, {task.fields[pace]:,.0f} a second")
    known = [TimeElapsedColumn()] if size is None else [BarColumn(), TimeRemainingColumn(elapsed_when_finished=True)]
    with Progress(counts, *known, console=Console(stderr=True)) as progress:
        task, n_done = progress.add_task("", total=size, n_texts=0, pace=0.0), 0

        def after(n_texts: int) -> None:
            nonlocal n_done
            n_done += n_texts
            elapsed = progress.tasks[0].elapsed or 1e-9
            done = None if size is None else source.tell()
            progress.update(task, completed=done, n_texts=n_done, pace=n_done / elapsed)

        yield after
