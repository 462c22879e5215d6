"""Parquet by blocks: batches of rows, of which no more are in memory than one at a time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from distune._plural import n_of
from distune.corpora.arrow_columns import FAULTS, arrow_columns, cannot_be_read
from distune.corpora.blocks import Block, Rows
from distune.corpora.delimited import Manner
from distune.corpora.places import Place
from distune.corpora.row_names import RowNames
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import LFS, Table, content_of
from distune.corpora.texts import CorpusError, EmptyFileError

ROWS = 8192
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ParquetBlock:
    """Some rows of a file."""

    name: str
    batch: pa.RecordBatch
    n_rows_before: int

    @property
    def n_bytes(self) -> int:
        """How many rows of the file lie before the block's end."""
        return self.n_rows_before + int(self.batch.num_rows)

    def read(self) -> Rows:
        """The rows of the block."""
        batch = self.batch
        columns = arrow_columns(
            self.name,
            "Parquet",
            batch.schema.names,
            lambda column: pa.chunked_array([batch.column(batch.schema.get_field_index(column))]),
        )
        numbers = array("q", range(self.n_rows_before + 1, self.n_rows_before + batch.num_rows + 1))
        table = Table(
            name=self.name, columns=columns, n_rows=batch.num_rows, rows=RowNames(file=self.name, numbers=numbers)
        )
        return Rows(table=table, batch=batch)


class ParquetFile:
    """A file of Parquet that is read batch by batch."""

    ending = ".parquet"

    def __init__(self, config: TableConfig) -> None:
        self.name = config.name
        self._place = Place(self.name)
        if not content_of(self._place, self.name, n_bytes=len(LFS)):
            raise EmptyFileError(f"{self.name}: the file is empty")
        with self._open() as file:
            self.schema: pa.Schema = file.schema_arrow
            self.total: int = file.metadata.num_rows
        self.names: list[str] = self.schema.names
        repeated = next((one for one in self.names if self.names.count(one) > 1), None)
        if repeated is not None:
            raise CorpusError(f"{self.name}: has two columns {repeated!r}; rename one of them")
        self.notes = [f"{self.name}: {n_of(self.total, 'row')} of Parquet", *_about_index(self.schema)]

    def _open(self) -> pyarrow.parquet.ParquetFile:
        try:
            source: Any = self._place.open_at_random()
            return pyarrow.parquet.ParquetFile(source, buffer_size=READ_BYTES, pre_buffer=False)
        except FAULTS as error:
            raise cannot_be_read(self.name, "Parquet", error) from error

    def blocks(self) -> Iterator[ParquetBlock]:
        """Yield the blocks in order."""
        n_rows = 0
        with self._open() as file:
            batches = file.iter_batches(batch_size=ROWS, use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except FAULTS as error:
                    raise cannot_be_read(self.name, "Parquet", error) from error
                if batch is None:
                    return
                yield ParquetBlock(name=self.name, batch=batch, n_rows_before=n_rows)
                n_rows += batch.num_rows

    def tells_more(self, block: Block) -> bool:
        """Whether a block may tell more of how the file is read: never."""
        return False

    def check(self, manner: Manner | None, block: Block) -> None:
        """Parquet is read in one manner alone."""


def _about_index(schema: pa.Schema) -> list[str]:
    """The line about an index with a name that is no column: pandas keeps one of regular numbers in the metadata alone."""
    try:
        listed = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
        named = [one["name"] for one in listed if isinstance(one, dict) and one["name"] is not None]
    except (ValueError, KeyError, TypeError):
        return []
    return [
        f"  its index {name!r} is no column: pandas keeps a range of numbers in the metadata alone, and CSV and JSON lines lack it; "
        "to_parquet(..., index=True) writes it as a column"
        for name in named
    ]
