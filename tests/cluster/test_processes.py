"""Looking at what others do: what has gone meanwhile is passed over, and hides nothing else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.processes import command_of, files_under, listening, read

GONE = 2**22 + 1
"""No process: Linux has numbers up to 2²²."""


def test_a_file_that_goes_between_listing_and_looking_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a", "b", "deep/c"):
        (tmp_path / name).write_text(name)
    found = files_under(tmp_path)
    first, mode = next(found)
    assert mode & 0o777 == first.stat().st_mode & 0o777
    for name in {"a", "b"} - {first.name}:
        (tmp_path / name).unlink()  # As PostgreSQL does.
    assert [path.name for path, _ in found] == ["c"]


def test_a_folder_that_goes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_text("a")
    found = files_under(tmp_path)
    next(found)
    (tmp_path / "deep").rmdir()
    assert list(found) == []


def test_what_has_gone_has_no_content_no_command_and_no_address(tmp_path: Path) -> None:
    assert read(tmp_path / "none") is None
    assert command_of(GONE) == ""
    assert listening([GONE]) == set()


def test_a_file_that_a_process_closes_hides_no_address_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: ["99999", *names(path)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert listener.getsockname() in listening([os.getpid()])
