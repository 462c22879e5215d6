"""CSV and TSV by blocks of whole rows: cut between two rows, and each read by the reader of whole files."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from distune._plural import n_of
from distune.corpora.blocks import Block, Rows
from distune.corpora.delimited import DELIMITERS, MARKS, Delimited, Manner, read_columns
from distune.corpora.foreign_headers import SEPARATORS
from distune.corpora.line_ends import ends_in_returns
from distune.corpora.places import Place
from distune.corpora.raw_rows import Quoting
from distune.corpora.row_names import RowNames
from distune.corpora.rulers import FOOTER, WHOLE, Part
from distune.corpora.streamed import PIECE_BYTES, Decoded, streamed
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import Table, endings, in_encoding
from distune.corpora.texts import CorpusError, EmptyFileError

HINT = "; a file without a header is given the names of its columns by --columns"
LONGEST_BLOCK = 32
"""How many pieces a block may have until its quotation marks are paired."""


@dataclass(frozen=True, kw_only=True)
class DelimitedBlock:
    """The text of some rows, which the lines of the file's beginning make a file of its own."""

    config: TableConfig
    wanted: tuple[str, ...]
    head: str
    text: str
    n_lines_before: int
    """The number of lines of the file before `text`."""
    n_bytes: int
    part: Part = WHOLE
    beginning: Delimited | None = None
    """How the file's beginning was read, for a block that is not the first."""

    def read(self) -> Rows:
        """The rows of the block."""
        found = self._columns()
        shift = self.n_lines_before - self.head.count("\n" if "\n" in self.head else "\r")
        table = Table(
            name=self.config.name,
            columns=found.columns,
            n_rows=len(found.numbers),
            rows=RowNames(
                file=self.config.name, unit="line", numbers=array("q", (one + shift for one in found.numbers))
            ),
            hint=HINT,
        )
        return Rows(table=table, manner=found.manner, notes=found.left_out, blank_is_missing=True)

    def _columns(self) -> Delimited:
        ending = endings(Place(self.config.name).name)[0]
        try:
            return read_columns(
                self.head + self.text, DELIMITERS[ending], self.config, self.wanted, self.part, self.beginning
            )
        except CorpusError as error:
            if not self.n_lines_before:
                raise
            raise CorpusError(
                f"{error} (in the block of lines from line {self.n_lines_before + 1:,} on, counted from its beginning)"
            ) from error


class DelimitedFile:
    """A file of CSV or TSV that is read block by block.

    Each block shows the separator of its columns and the meaning of its quotation marks, which must be the same in all.
    """

    ending = ".csv"
    schema = None

    def __init__(self, config: TableConfig, wanted: Sequence[str]) -> None:
        self._config, self._wanted = config, tuple(wanted)
        self.name = config.name
        self._place = Place(self.name)
        self.total = self._place.n_bytes()
        first, encoding = self._first()
        found = first._columns()
        if len(found.columns) < len(found.names):
            repeated = next(name for name in found.names if found.names.count(name) > 1)
            raise CorpusError(f"{self.name}: has two columns {repeated!r}, and each is carried on; rename one of them")
        self.names = found.names
        self._head = ("\ufeff" if first.text.startswith("\ufeff") else "") + found.head
        self._beginning = found._replace(columns={}, notes=[], numbers=(), left_out=[])
        self._manner = found.manner
        self._has_marks, self._has_backslashes = '"' in first.text, "\\\\" in first.text
        self.notes = [
            f"{self.name}: {_in_words(found, self._has_marks)}{in_encoding(encoding)}",
            *(f"  {note}" for note in found.notes[1:] if note not in found.left_out),
        ]

    def _first(self) -> tuple[DelimitedBlock, str]:
        """The first block, before it is known how the file is read."""
        for text, n_bytes, encoding in self._texts(self._config.quoting):
            block = DelimitedBlock(
                config=self._config, wanted=self._wanted, head="", text=text, n_lines_before=0, n_bytes=n_bytes
            )
            return block, encoding
        raise EmptyFileError(f"{self.name}: the file is empty")

    def blocks(self) -> Iterator[DelimitedBlock]:
        """Yield the blocks in order."""
        quoting = self._manner.quoting if self._has_marks else self._config.quoting
        held: DelimitedBlock | None = None
        for block in self._blocks(quoting):
            if held is not None:
                yield held
            held = block
        if held is not None:
            # Its rows are counted only if its last line may be their number: all blocks before are read again for that.
            ends_in_number = held.n_lines_before and FOOTER.fullmatch(_last_line(held.text).strip('"'))
            before = self._blocks(quoting) if ends_in_number else iter(())
            n_rows = sum(
                len(block._columns().numbers) for block in before if block.n_lines_before < held.n_lines_before
            )
            yield replace(held, part=replace(held.part, is_last=True, n_rows_before=n_rows))

    def _blocks(self, quoting: Quoting) -> Iterator[DelimitedBlock]:
        """The blocks, each as one that others follow."""
        n_lines, last = 0, ""
        names = _last_line(self._head)
        for text, n_bytes, _ in self._texts(quoting):
            yield DelimitedBlock(
                config=self._config,
                wanted=self._wanted,
                head=self._head if n_lines else "",
                text=text,
                n_lines_before=n_lines,
                n_bytes=n_bytes,
                part=Part(follows_names=not n_lines or (len(self.names) > 1 and last == names), is_last=False),
                beginning=self._beginning if n_lines else None,
            )
            last = _last_line(text)
            n_lines += text.count("\n" if "\n" in text else "\r")

    def _texts(self, quoting: Quoting) -> Iterator[tuple[str, int, str]]:
        pieces = streamed(self._place, self.name, endings(self._place.name)[1], self._config.encoding)
        return cut_between_rows(pieces, quoting, self.name)

    def tells_more(self, block: Block) -> bool:
        """Whether a block may have what those before it had not: the first quotation marks or doubled backslashes."""
        return isinstance(block, DelimitedBlock) and (
            ('"' in block.text and not self._has_marks) or ("\\\\" in block.text and not self._has_backslashes)
        )

    def check(self, manner: Manner | None, block: Block) -> None:
        """Raise CorpusError for a block that was read in another manner than those before it."""
        if not isinstance(block, DelimitedBlock) or manner is None:
            raise TypeError(f"a block of {self.name} must be of CSV, but got {block!r:.100}")
        found, known = manner, self._manner
        has_marks, has_backslashes = '"' in block.text, "\\\\" in block.text
        if not has_marks:
            found = found._replace(quoting=known.quoting, skips_spaces=known.skips_spaces)
        if not has_backslashes:
            found = found._replace(halves_backslashes=known.halves_backslashes)
        if not self._has_marks:
            known = known._replace(quoting=found.quoting, skips_spaces=found.skips_spaces)
        if not self._has_backslashes:
            known = known._replace(halves_backslashes=found.halves_backslashes)
        if found != known:
            raise CorpusError(
                f"{self.name}: {_difference(known, found)} in the lines from line {block.n_lines_before + 1:,} on; say what they "
                "are by --quoting csv, none or backslash, or divide the file"
            )
        self._manner = known
        self._has_marks |= has_marks
        self._has_backslashes |= has_backslashes


def cut_between_rows(pieces: Iterator[Decoded], quoting: Quoting, name: str) -> Iterator[tuple[str, int, str]]:
    """Yield the text of each block, how many bytes of the file lie before its end, and the encoding.

    A block ends with a line behind which its quotation marks are paired, as no cell goes on there.
    """
    held: list[str] = []
    n_bytes, encoding, end = 0, "", ""
    for piece in pieces:
        held.append(piece.text)
        n_bytes, encoding = piece.n_bytes, piece.encoding
        text = "".join(held)
        end = end or ("\r" if ends_in_returns(text) else "\n")
        place = _end_of_rows(text, end, quoting)
        if place:
            yield text[:place], n_bytes, encoding
            held = [text[place:]]
        elif len(held) > LONGEST_BLOCK:
            raise CorpusError(
                f"{name}: a quotation mark opens a cell that does not end within {LONGEST_BLOCK * PIECE_BYTES >> 20} MB; set --quoting none "
                "if quotation marks are characters like any other"
            )
    if (last := "".join(held)).strip():
        yield last, n_bytes, encoding


def _end_of_rows(text: str, end: str, quoting: Quoting) -> int:
    """The place behind the last line after which no quotation is open; 0 without one."""
    place = text.rfind(end) + 1
    n_marks, n_escaped = text.count('"', 0, place), text.count('\\"', 0, place)
    while place:
        is_paired = n_marks % 2 == 0
        is_paired_by_backslash = (n_marks - n_escaped) % 2 == 0
        fits = {
            "none": True,
            "csv": is_paired,
            "backslash": is_paired_by_backslash,
            "auto": is_paired and is_paired_by_backslash,
        }
        if fits[quoting]:
            return place
        before = text.rfind(end, 0, place - 1) + 1
        n_marks -= text.count('"', before, place)
        n_escaped -= text.count('\\"', before, place)
        place = before
    return 0


def _last_line(text: str) -> str:
    """The last line that is not blank, without the spaces around it."""
    return text.rstrip().replace("\r", "\n").rpartition("\n")[2].strip("\ufeff ")


def _in_words(found: Delimited, has_marks: bool) -> str:
    marks = f", quotation marks {MARKS[found.manner.quoting]}" if has_marks else ""
    return f"{n_of(len(found.names), 'column')}{marks}"


def _difference(known: Manner, found: Manner) -> str:
    if known.delimiter != found.delimiter:
        shown = [SEPARATORS.get(one, repr(one)) for one in (known.delimiter, found.delimiter)]
        return f"its columns are separated by {shown[0]} at the beginning and by {shown[1]}"
    if known.quoting != found.quoting:
        return f"its quotation marks are {MARKS[known.quoting]} at the beginning and {MARKS[found.quoting]}"
    return "its spaces behind commas, or its doubled backslashes, mean something else at the beginning than"
