from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), place, "# card\n")


@pytest.fixture
def folder(tmp_path: Path, exported: Path) -> Path:
    """A checkpoint folder of a test's own; torch takes a second to export the graph of each."""
    return shutil.copytree(exported, tmp_path / "student")
