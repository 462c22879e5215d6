from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora import encoding
from distune.models.checkpoint import save_checkpoint
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint folder."""
    return save_checkpoint(checkpoint_of(STUDENTS[0]), tmp_path / "student", "# card\n", Path(encoding.__file__))
