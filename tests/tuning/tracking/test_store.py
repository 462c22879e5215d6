from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.tracking import store
from distune.tuning.tracking.store import check_store, make_store


def test_a_store_is_made_whole_and_one_that_is_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []  # That MLflow itself makes its tables is in every test of a search.
    monkeypatch.setattr(store, "_make_tables", lambda file: (made.append(file), file.touch()))
    for _ in range(2):
        make_store(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mlflow.db"]
    assert len(made) == 1


def test_of_two_searches_that_make_a_store_at_once_the_first_has_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(file: Path) -> None:
        file.write_text("the second")
        (tmp_path / "mlflow.db").write_text("the first")

    monkeypatch.setattr(store, "_make_tables", slowly)
    make_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("mlflow.db", "the first")]


def test_a_store_that_could_not_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(file: Path) -> None:
        file.write_text("half")
        file.with_name(f"{file.name}-journal").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_make_tables", ends)
    with pytest.raises(KeyboardInterrupt):
        make_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "postgresql://host/db"])
def test_a_server_is_not_made(uri: str) -> None:
    make_store(uri)


@pytest.mark.parametrize("uri", ["postgresql://127.0.0.1:1/db", "mysql+pymysql://127.0.0.1:1/db"])
def test_a_database_where_nobody_listens_is_refused_before_mlflow_tries_for_a_minute(
    uri: str, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study({**document, "tracking": {"uri": uri}})
    monkeypatch.setattr("mlflow.tracking.MlflowClient", lambda uri: pytest.fail("MLflow was asked"))
    with pytest.raises(StudyError, match=r"tracking.uri: the MLflow store .*127.0.0.1:1/db cannot be used: .*refused"):
        check_store(study.config)


@pytest.mark.parametrize(
    ("path", "uri"),
    [("mlflow.db", "sqlite:///mlflow.db"), ("./mlruns", "sqlite:///mlflow.db"), ("/srv/a.db", "sqlite:////srv/a.db")],
)
def test_a_path_in_place_of_a_uri_is_refused_with_the_uri(path: str, uri: str, document: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match=rf"tracking.uri: {path} is a path, .* by its URI: {uri}$"):
        check_store(Study({**document, "tracking": {"uri": path}}).config)


def test_a_database_without_its_driver_is_refused_in_a_line(document: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        study = Study({**document, "tracking": {"uri": f"mssql+absent://127.0.0.1:{port}/db"}})
        with pytest.raises(StudyError, match=r"tracking.uri: the MLflow store .* cannot be used: "):
            check_store(study.config)


@pytest.mark.parametrize("port", ["x", "99999"])
def test_a_port_of_a_database_that_is_none_is_refused_in_a_line(port: str, document: dict[str, Any]) -> None:
    study = Study({**document, "tracking": {"uri": f"postgresql://127.0.0.1:{port}/db"}})
    with pytest.raises(StudyError, match=r"tracking.uri: the MLflow store .* cannot be used: "):
        check_store(study.config)
