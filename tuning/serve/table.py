"""`distune predict ... --out`: tables in, the same tables with answers out."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from distune._plural import n_of
from distune.corpora.blocks import Block, BlockFile
from distune.corpora.place_checks import PlaceError, check_place, check_writable
from distune.corpora.places import Place
from distune.models.checkpoint_folder import CheckpointError, check_folder
from distune.tuning.serve.answer_blocks import AnsweredBlock
from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.flags import with_flags
from distune.tuning.serve.progress import progress_of
from distune.tuning.serve.table_input import InputSettings, TableInput, open_input
from distune.tuning.serve.table_output import PART_BLOCKS, PartsFolder, ending_of, file_sink, part_content
from distune.tuning.serve.workers import Answer, workers

After = Callable[[int, int], object]
"""Gets how many texts were answered, and how much of the input lies behind."""


@dataclass
class Counts:
    """How many rows were answered, and of what kinds."""

    n_rows: int = 0
    n_missing: int = 0
    n_unknown: int = 0
    n_parts_before: int = 0

    def add(self, block: AnsweredBlock) -> None:
        self.n_rows += block.n_rows
        self.n_missing += block.n_missing
        self.n_unknown += block.n_unknown


def predict_table(
    folder: Path, source: InputSettings, asked: AnswerSettings, out: str, n_workers: int, format_: str | None = None
) -> None:
    """Answer the texts of tables by a checkpoint folder, and write the tables with the answers to `out`.

    Raises CheckpointError, CorpusError and PlaceError for what cannot be used, before the first answer as far as it can be told.
    """
    check_folder(folder)
    if not out.strip():
        raise CheckpointError("--out is empty; name a file, or a folder by a / at its end")
    try:
        check_place(out)
    except PlaceError as error:
        raise PlaceError(f"--out {error}") from error
    ending = ending_of(out)
    place = Place(out)
    if ending and format_ is not None and f".{format_}" != ending:
        raise CheckpointError(f"--out {out} is a file of {ending[1:]}, but --format is {format_}; leave --format out")
    with with_flags(), workers(folder, n_workers) as (predictor, answer):
        found = open_input(predictor, source, asked, ending or (f".{format_}" if format_ else ""))
        _refuse_own_input(place, found.files)
        check_writable(place.parent if ending else place)
        for note in found.notes:
            print(note, file=sys.stderr)
        total = sum(file.total for file in found.files)
        with progress_of(total) as after:
            run = _file if ending else _parts
            counts = run(folder, place, found, answer, after)
    _say(counts, out, asked)


def _refuse_own_input(place: Place, files: Sequence[BlockFile]) -> None:
    for file in files:
        path, out = Place(file.name).path, place.path
        if file.name == place.uri or (
            path is not None and out is not None and out.resolve() in (path.resolve(), path.resolve().parent)
        ):
            raise CheckpointError(f"--out {place} is where the input is; name another place")


def _file(folder: Path, place: Place, found: TableInput, answer: Answer, after: After) -> Counts:
    counts = Counts()
    blocks = _Blocks(found.files)
    with place.to_write_file() as path, file_sink(path, found.plan) as sink:
        for block, answered in answer(found.plan, blocks):
            blocks.check(block, answered)
            sink.write(answered.rendered)
            counts.add(answered)
            after(answered.n_rows, blocks.behind(block))
    return counts


def _parts(folder: Path, place: Place, found: TableInput, answer: Answer, after: After) -> Counts:
    counts = Counts()
    target = PartsFolder(place, folder, [file.name for file in found.files], found.reading, found.plan)
    blocks = _Blocks(found.files, lambda number: target.has(number // PART_BLOCKS))
    answered_blocks = ((blocks.number(block), block, one) for block, one in answer(found.plan, blocks))
    for part, group in itertools.groupby(answered_blocks, lambda numbered: numbered[0] // PART_BLOCKS):
        rendered = []
        for _, block, answered in group:
            blocks.check(block, answered)
            rendered.append(answered.rendered)
            counts.add(answered)
            after(answered.n_rows, blocks.behind(block))
        target.write(part, part_content(rendered, found.plan))
    counts.n_parts_before = blocks.n_left_out // PART_BLOCKS + bool(blocks.n_left_out % PART_BLOCKS)
    if not blocks.n_blocks and not target.has(0):
        target.write(0, part_content([], found.plan))
    return counts


class _Blocks:
    """The blocks of all files in order, without those that are answered already; and which file each is of."""

    def __init__(self, files: Sequence[BlockFile], is_answered: Callable[[int], bool] = lambda number: False) -> None:
        self._files, self._is_answered = files, is_answered
        self._about: dict[int, tuple[BlockFile, int, int]] = {}
        self.n_blocks = self.n_left_out = 0

    def __iter__(self) -> Iterator[Block]:
        n_before = 0
        for file in self._files:
            for block in file.blocks():
                number = self.n_blocks
                self.n_blocks += 1
                if self._is_answered(number):
                    self.n_left_out += 1
                    if file.tells_more(block):
                        file.check(block.read().manner, block)
                    continue
                self._about[id(block)] = file, number, n_before + block.n_bytes
                yield block
            n_before += file.total

    def number(self, block: Block) -> int:
        return self._about[id(block)][1]

    def behind(self, block: Block) -> int:
        """How much of the input lies before the end of a block; the block is then forgotten."""
        return self._about.pop(id(block))[2]

    def check(self, block: Block, answered: AnsweredBlock) -> None:
        self._about[id(block)][0].check(answered.manner, block)
        for note in answered.notes:
            print(f"{self._about[id(block)][0].name}: {note}", file=sys.stderr)


def _say(counts: Counts, out: str, asked: AnswerSettings) -> None:
    said = [f"{out}: {n_of(counts.n_rows, 'row')} answered"]
    if counts.n_parts_before:
        said.append(f"{n_of(counts.n_parts_before, 'part')} of an earlier run kept")
    if counts.n_missing:
        said.append(f"{n_of(counts.n_missing, 'row has', 'rows have')} no text, and no answer")
    if counts.n_unknown:
        said.append(
            f"{n_of(counts.n_unknown, 'text has', 'texts have')} no word that the student knows ({asked.prefix}has_known_token is false)"
        )
    print("; ".join(said), file=sys.stderr)
