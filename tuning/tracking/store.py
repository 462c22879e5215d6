"""The MLflow store of a study: whether it can be used, and how little MLflow says of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from distune.corpora.places import Place, PlaceError, check_writable
from distune.models.errors import first_line
from distune.tuning.study.config import TrackingConfig
from distune.tuning.study.errors import StudyError


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


def quiet_mlflow() -> None:
    """Errors only, and those of a server that is away soon."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # A server that is away is known as such in seconds; `outbox.py` tries again.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
