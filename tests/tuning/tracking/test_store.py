from __future__ import annotations

from pathlib import Path

import pytest

from distune.tuning.tracking import store
from distune.tuning.tracking.store import make_store


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
