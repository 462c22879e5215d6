from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from distune.corpora import encoding
from distune.models.checkpoint import save_checkpoint
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported") / "student"
    return save_checkpoint(checkpoint_of(STUDENTS[0]), place, "# card\n", Path(encoding.__file__))


@pytest.fixture
def folder(tmp_path: Path, exported: Path) -> Path:
    """A checkpoint folder of a test's own; torch takes a second to export the graph of each."""
    return shutil.copytree(exported, tmp_path / "student")
