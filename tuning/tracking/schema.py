"""The content of a SQLite file, read without MLflow, because MLflow makes missing tables and may update old ones."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from distune.tuning.study.errors import StudyError

_REVISION = re.compile(r"""^(down_)?revision(?:: [^=]+)? = ["'](\w+)["']""", re.MULTILINE)


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store, None if the store is another."""
    scheme, _, place = uri.partition(":")
    return Path(place.removeprefix("///").partition("?")[0]) if scheme.partition("+")[0] == "sqlite" else None


def is_store(file: Path) -> bool:
    """Whether a file is a SQLite database with tables, of whichever program."""
    try:
        return file.is_file() and bool(_tables(file))
    except sqlite3.DatabaseError:
        return False


def refuse_other_schema(file: Path, setting: str) -> None:
    """Raise StudyError for a file that this MLflow cannot use as it is; one without tables is a new store."""
    try:
        tables = _tables(file)
        version = _value(file, "SELECT version_num FROM alembic_version") if "alembic_version" in tables else None
    except sqlite3.DatabaseError as error:
        raise StudyError(f"{setting}: {file} is no database of MLflow's ({error}); name another file") from error
    known = _schemas()
    if not tables or version == known.head or known.head is None:
        return
    if version is None:
        raise StudyError(f"{setting}: {file} is a database of another program; name another file")
    if version in known.all:
        raise StudyError(
            f"{setting}: {file} was made by an older MLflow (schema {version}, and {known.head} is asked for): copy the file, then run "
            f"mlflow db upgrade sqlite:///{file}"
        )
    raise StudyError(
        f"{setting}: {file} was made by a newer MLflow (schema {version}); install that one, or name another file"
    )


def deleted_experiment(file: Path, name: str) -> str | None:
    """The id of the deleted MLflow experiment of that name."""
    if "experiments" not in _tables(file):
        return None
    found = _value(file, "SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'deleted' AND name = ?", name)
    return None if found is None else str(found)


def _tables(file: Path) -> set[str]:
    with closing(_opened(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _value(file: Path, query: str, *values: str) -> str | None:
    with closing(_opened(file)) as database:
        row = database.execute(query, values).fetchone()
    return None if row is None else row[0]


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True, timeout=30)


@dataclass(frozen=True)
class _Schemas:
    """All schemas of the MLflow that is installed, and the last; None if it does not keep them where it did."""

    all: frozenset[str]
    head: str | None


@cache
def _schemas() -> _Schemas:
    spec = importlib.util.find_spec("mlflow")
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    revisions: set[str] = set()
    earlier: set[str] = set()
    for folder in folders:
        for script in (folder / "store" / "db_migrations" / "versions").glob("*.py"):
            for down, name in _REVISION.findall(script.read_text(encoding="utf-8")):
                (earlier if down else revisions).add(name)
    heads = revisions - earlier
    return _Schemas(frozenset(revisions), next(iter(heads)) if len(heads) == 1 else None)
