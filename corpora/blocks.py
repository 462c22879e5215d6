"""A file of any size as blocks of rows, each read as the reader of corpora reads a whole file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from distune.corpora.delimited import Manner
from distune.corpora.table_file import Table


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one block: as a table, and in the form in which they are carried on unchanged."""

    table: Table
    lines: Sequence[str] | None = None
    """The spelling of each row of JSON lines, which is carried on as it is."""
    batch: Any = None
    """The record batch of Arrow that holds the rows of Parquet."""
    manner: Manner | None = None
    """How a block of CSV was read."""
    notes: Sequence[str] = ()
    """Notes on what was left out of it."""
    blank_is_missing: bool = False
    """Whether an empty cell is no value, as in CSV, which has no other spelling for that."""

    def with_columns(self, names: Sequence[str]) -> Rows:
        """The same rows, of which none has a value in these columns if the table has no such column.

        That is for JSON and Parquet: a record may lack a key, and a nested value may be null. The rows are carried on unchanged.
        """
        missing = [] if self.manner is not None else [name for name in names if not self.table.has(name)]
        if not missing:
            return self
        nothing = {name: [None] * self.table.n_rows for name in missing}
        return replace(self, table=replace(self.table, columns={**self.table.columns, **nothing}))


class Block(Protocol):
    """Some unread rows of a file; another process can get and read them."""

    @property
    def n_bytes(self) -> int:
        """How many bytes of the file lie before the block's end; of Parquet, how many rows."""
        ...

    def read(self) -> Rows:
        """The rows. Raises CorpusError for what cannot be read rightly."""
        ...


class BlockFile(Protocol):
    """One file that is read block by block."""

    @property
    def name(self) -> str:
        """Its path or URI."""
        ...

    @property
    def names(self) -> Sequence[str] | None:
        """The names of its columns in order; None for JSON lines, of which each may have others."""
        ...

    @property
    def ending(self) -> str:
        """The ending of an output in its format."""
        ...

    @property
    def schema(self) -> Any:
        """The schema of Arrow, or None."""
        ...

    @property
    def total(self) -> int:
        """The `n_bytes` of its last block, as far as is known."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """How it is read."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks in order. Raises CorpusError for what cannot be read rightly."""
        ...

    def tells_more(self, block: Block) -> bool:
        """Whether a block must be checked even if its answers exist already."""
        ...

    def check(self, manner: Manner | None, block: Block) -> None:
        """Raise CorpusError if a block was read in another manner than those before it."""
        ...
