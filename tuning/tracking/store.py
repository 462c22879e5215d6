"""The MLflow store of a study: whether it can be used, and how little MLflow says of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from distune.corpora.places import Place, PlaceError, check_writable
from distune.models.errors import first_line
from distune.tuning.study.config import TrackingConfig
from distune.tuning.study.errors import StudyError

VARIABLE = "MLFLOW_TRACKING_URI"
"""The variable of MLflow's own."""


def check_store(config: TrackingConfig) -> None:
    """Raise StudyError unless the MLflow store can be used; a SQLite file that is not there yet is not made."""
    if config.uri.startswith("sqlite:///"):
        try:
            check_writable(Place(str(Path(config.uri.removeprefix("sqlite:///")).parent)))
        except PlaceError as error:
            raise StudyError(f"tracking.uri: {error}") from error
        return
    quiet_mlflow()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient  # MLflow takes seconds to import, and a file needs none of it.

    try:
        MlflowClient(config.uri).search_experiments(max_results=1)
    except (MlflowException, OSError) as error:
        raise StudyError(f"tracking.uri: the MLflow store {config.uri} cannot be used: {first_line(error)}") from error


def check_readable(uri: str, reference: str) -> None:
    """Raise StudyError where there is no MLflow store to pull from: MLflow makes one of a file or a folder that is asked for."""
    scheme, mark, place = uri.partition(":")
    if scheme.partition("+")[0] == "sqlite":
        file = Path(place.removeprefix("///").partition("?")[0])
        is_store = file.is_file() and _is_sqlite(file)
    elif scheme == "file" or not (mark or scheme.startswith("databricks")):
        folder = Path(unquote(urlsplit(uri).path))
        is_store = any(folder.glob("*/meta.yaml"))  # Each experiment has one.
    else:
        return
    if not is_store:
        raise StudyError(f"{reference} is no folder, and there is no MLflow store at {uri} to pull it from")


def _is_sqlite(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(15) == b"SQLite format 3"


def quiet_mlflow() -> None:
    """Errors only, and those of a server that is away soon."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # A server that is away is known as such in seconds; `outbox.py` tries again.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def tracking_at(uri: str) -> Iterator[None]:
    """MLflow's tracking URI for the length of a `with`: it keeps one for the whole process and in its environment, and asks it also
    where it is given another. What the caller had is theirs again afterwards."""
    import mlflow

    before, variable = mlflow.get_tracking_uri(), os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # Which takes the variable away too.
        if variable is not None:
            os.environ[VARIABLE] = variable
        if mlflow.get_tracking_uri() != before:
            mlflow.set_tracking_uri(before)
