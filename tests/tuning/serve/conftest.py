from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora import json_blocks, parquet_blocks, streamed
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A student that answers."""
    return save_student(checkpoint_of(STUDENTS[0]), tmp_path / "student")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "PIECE_BYTES", 256)
    monkeypatch.setattr(json_blocks, "ROWS", 5)
    monkeypatch.setattr(parquet_blocks, "ROWS", 5)
