"""A file read by blocks, and as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distune.corpora import json_blocks, parquet_blocks, streamed
from distune.corpora.block_files import block_files
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import read_table

Columns = dict[str, list[Any]]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "PIECE_BYTES", 64)
    monkeypatch.setattr(json_blocks, "ROWS", 3)
    monkeypatch.setattr(parquet_blocks, "ROWS", 3)


def by_blocks(path: Path, **settings: Any) -> Columns:
    (file,), _ = block_files(TableConfig(path=str(path), **settings), ("text",))
    found: Columns = {}
    for block in file.blocks():
        rows = block.read()
        file.check(rows.manner, block)
        for name in rows.table.columns:
            found.setdefault(name, []).extend(rows.table.column(name))
    return found


def as_a_whole(path: Path, **settings: Any) -> Columns:
    table = read_table(TableConfig(path=str(path), **settings), ("text",))
    return {name: table.column(name) for name in table.columns}
