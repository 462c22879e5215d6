"""SQLite files that are no store, or one of another MLflow: told without MLflow, which would change them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.db.utils import _get_latest_schema_revision

from distune.tuning.cli import main
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.tracking.schema import _schemas, sqlite_file
from distune.tuning.tracking.store import check_readable, check_store, has_store

FIRST = "451aebb31d03"
"""The first schema that MLflow ever had."""


def database(file: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(file)) as made:
        for statement in statements:
            made.execute(statement)
        made.commit()
    return file


def of_schema(file: Path, version: str | None, *statements: str) -> Path:
    """A file that says it has a schema of MLflow's."""
    said = f"INSERT INTO alembic_version VALUES ('{version}')"
    return database(file, "CREATE TABLE alembic_version (version_num TEXT)", said, *statements)


def checked(document: dict[str, Any], file: Path) -> None:
    """What `check` does of a store."""
    check_store(Study({**document, "tracking": {"uri": f"sqlite:///{file}"}}).config)


def test_the_last_schema_is_the_one_that_mlflow_asks_for() -> None:
    assert _schemas().head == _get_latest_schema_revision()
    assert FIRST in _schemas().all


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        (FIRST, "older MLflow .*mlflow db upgrade sqlite:///"),
        ("ffffffffffff", "newer MLflow .schema ffffffffffff.; install that one"),
    ],
)
def test_a_store_of_another_mlflow_is_refused_and_left_as_it_is(
    document: dict[str, Any], tmp_path: Path, version: str, fault: str
) -> None:
    file = of_schema(tmp_path / "mlflow.db", version)
    before = file.read_bytes()
    with pytest.raises(StudyError, match=f"tracking.uri: .*{fault}"):
        checked(document, file)
    with pytest.raises(StudyError, match=fault):
        check_readable(f"sqlite:///{file}", "my-student")
    assert file.read_bytes() == before


def test_what_is_no_store_of_mlflows_is_refused(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is a database of another program"):
        checked(document, database(tmp_path / "accounts.db", "CREATE TABLE accounts (id INTEGER)"))
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at")
    with pytest.raises(StudyError, match="is no database of MLflow's"):
        checked(document, tmp_path / "text.db")


def test_a_file_that_is_empty_or_not_there_is_a_new_store(document: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("empty.db", "none.db"):
        checked(document, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]


def test_an_experiment_that_was_deleted_is_told_before_the_search(document: dict[str, Any], tmp_path: Path) -> None:
    columns = "experiment_id INTEGER, name TEXT, lifecycle_stage TEXT"
    rows = ("(3, 'tiny', 'deleted')", "(4, 'other', 'active')")
    file = of_schema(
        tmp_path / "mlflow.db",
        _schemas().head,
        f"CREATE TABLE experiments ({columns})",
        *(f"INSERT INTO experiments VALUES {row}" for row in rows),
    )
    with pytest.raises(StudyError, match=r"the MLflow experiment tiny .* was deleted, .* restore --experiment-id 3"):
        checked(document, file)
    checked({**document, "name": "other"}, file)


@pytest.mark.parametrize(
    "uri", ["sqlite:///no.db", "sqlite+pysqlite:///no.db", "mlruns", "file:mlruns", "sqlite:///a.db"]
)
def test_to_look_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, uri: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.db").touch()
    for command in (["ui"], ["pull", "nobody", "out"]):
        with pytest.raises(SystemExit) as caught:
            main([*command, "--uri", uri])
        assert caught.value.code == 2
        assert f"there is no MLflow store at {uri}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]
    assert not has_store(uri)


def test_files_of_sqlite_have_several_names() -> None:
    names = {
        "sqlite:///a.db": "a.db",
        "sqlite:////data/a.db": "/data/a.db",
        "sqlite+pysqlite:///a.db?timeout=30": "a.db",
        "http://server:5000": None,
        "mlruns": None,
    }
    assert {uri: file and str(file) for uri, file in ((uri, sqlite_file(uri)) for uri in names)} == names
