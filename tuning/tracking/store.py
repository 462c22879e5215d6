"""The MLflow store of a study: whether it can be used, and how little MLflow says of it."""

from __future__ import annotations

import logging
import os
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from distune.corpora.disk import UNFINISHED
from distune.corpora.place_checks import PlaceError, check_writable
from distune.corpora.places import Place
from distune.models.errors import first_line
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.tracking_config import MLFLOW, without_secret
from distune.tuning.tracking.schema import deleted_experiment, is_store, refuse_other_schema, sqlite_file
from distune.tuning.tracking.view import runs_page

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""The default ports of MLflow's databases."""
IS_URI = re.compile(r"\w{2,}(\+\w+)?:|databricks$")
"""The beginning of what names a store and is no path; one letter is a drive of Windows."""
REACHED_WITHIN_S = 10.0


def check_store(config: StudyConfig) -> None:
    """Raise StudyError unless the MLflow store can be used as it is; a file that is not there yet is not made."""
    uri, setting = config.tracking.store, config.tracking.setting
    try:
        without_secret(uri)
    except ValueError as error:
        raise StudyError(f"{setting}: {error}") from error
    if not IS_URI.match(uri) and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
        raise StudyError(
            f"{setting}: {uri} is a path, and MLflow writes no folders any more; name a database by its URI: "
            f"sqlite:///{uri if Path(uri).suffix else 'mlflow.db'}"
        )
    file = sqlite_file(uri)
    if file is None:
        _check_server(uri, setting, config.name)
        return
    try:
        check_writable(Place(str(file.parent)))
    except PlaceError as error:
        raise StudyError(f"{setting}: {error}") from error
    if file.exists():
        refuse_other_schema(file, setting)
        if (deleted := deleted_experiment(file, config.name)) is not None:
            raise StudyError(_about_deleted(uri, setting, config.name, deleted))


def _check_server(uri: str, setting: str, name: str) -> None:
    with _asked(uri, setting) as client:
        client.search_experiments(max_results=1)
        experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage == "deleted":
        raise StudyError(_about_deleted(uri, setting, name, str(experiment.experiment_id)))


@contextmanager
def _asked(uri: str, setting: str) -> Iterator[MlflowClient]:
    """A client of a store. Raises StudyError if a call inside the `with` cannot be answered. It does so at once if
    nothing listens at the address of a database, because MLflow would try for a minute."""
    quiet_mlflow()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient  # MLflow takes seconds to import, and a file needs none of it.
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _reach_database(uri)
        yield MlflowClient(uri)
    # The driver of a database may not be installed, or not exist; a port may be no number.
    except (MlflowException, OSError, ImportError, SQLAlchemyError, ValueError) as error:
        raise StudyError(f"{setting}: the MLflow store {uri} cannot be used: {first_line(error)}") from error


def _reach_database(uri: str) -> None:
    """Raise OSError if nothing listens at the address of a database, and ValueError for what is no address."""
    from sqlalchemy.engine import make_url

    kind = uri.partition(":")[0].partition("+")[0]
    if kind not in PORTS:
        return
    url = make_url(uri)
    if not url.host or "host" in url.query:  # A socket of this machine, or several hosts.
        return
    port = url.port or PORTS[kind]
    if not 0 < port < 1 << 16:
        raise ValueError(f"a port is a number from 1 to 65535, but got {port}")
    socket.create_connection((url.host, port), timeout=REACHED_WITHIN_S).close()


def _about_deleted(uri: str, setting: str, name: str, experiment: str) -> str:
    return (
        f"{setting}: the MLflow experiment {name} in {uri} was deleted, and MLflow keeps its name: restore it by `MLFLOW_TRACKING_URI={uri} "
        f"mlflow experiments restore --experiment-id {experiment}`, or give the study another name"
    )


def check_readable(uri: str, reference: str) -> None:
    """Raise StudyError if there is no MLflow store to pull from, or one of another schema: MLflow makes one of a
    file or a folder that is asked for, and may change it."""
    if not has_store(uri):
        raise StudyError(f"{reference} is no folder, and there is no MLflow store at {uri} to pull it from")
    if file := sqlite_file(uri):
        refuse_other_schema(file, uri)


def has_store(uri: str) -> bool:
    """Whether there is a store, or whatever answers at an address."""
    if file := sqlite_file(uri):
        return is_store(file)
    scheme, mark, _ = uri.partition(":")
    if scheme == "file" or not (mark or scheme.startswith("databricks")):
        return any(Path(unquote(urlsplit(uri).path)).glob("*/meta.yaml"))  # Each experiment has one.
    return True


def page_of_last_search(uri: str) -> str:
    """The part of an address at which MLflow shows the training runs of the last search; empty if the store has none.

    Raises StudyError if the store cannot be read.
    """
    with _asked(uri, "--uri") as client:
        experiments = {str(one.experiment_id): one for one in client.search_experiments()}
        newest_first = ["attributes.start_time DESC"]
        last = client.search_runs(list(experiments), "tags.`distune.study` != ''", order_by=newest_first, max_results=1)
    if not last:
        return ""
    experiment_id = str(last[0].info.experiment_id)
    return runs_page(experiment_id, experiments[experiment_id].tags)


def make_store(uri: str) -> None:
    """Make the SQLite store of a URI if it does not exist. It appears whole, so no search meets the half-made tables
    of another one, and a kill leaves none."""
    file = sqlite_file(uri)
    if file is None or file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        _make_tables(unfinished)
        with suppress(FileExistsError):  # Another search was first.
            os.link(unfinished, file)
    finally:
        for left in file.parent.glob(f"{unfinished.name}*"):  # SQLite has a journal beside it.
            left.unlink(missing_ok=True)


def _make_tables(file: Path) -> None:
    from mlflow.tracking import MlflowClient  # It takes seconds to import.

    MlflowClient(f"sqlite:///{file}").search_experiments(max_results=1)


def quiet_mlflow() -> None:
    """Errors only, and those of a server that is away soon."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # A server that is away is known as such in seconds; `outbox.py` tries again.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It prints pages of what it raises as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


@contextmanager
def tracking_at(uri: str) -> Iterator[None]:
    """MLflow's tracking URI for the length of a `with`: it keeps one for the whole process and in its environment,
    and uses it even if it gets another. Afterwards the caller's own URI is back."""
    import mlflow

    before, variable = mlflow.get_tracking_uri(), os.environ.get(MLFLOW)
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # Which takes the variable away too.
        if variable is not None:
            os.environ[MLFLOW] = variable
        if mlflow.get_tracking_uri() != before:
            mlflow.set_tracking_uri(before)
