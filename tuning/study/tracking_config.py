"""The settings of MLflow in a study: its store, and the name in its model registry."""

from __future__ import annotations

import os
import posixpath
import shlex
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel

MLFLOW = "MLFLOW_TRACKING_URI"
"""The variable of the environment in which MLflow looks for its store."""
SECRETS = ("password", "passwd", "pwd", "secret", "token", "apikey", "api_key", "odbc_connect")


def without_secret(uri: str) -> str:
    """A URI that may be kept with results and printed. Raises ValueError for another."""
    parts = urlsplit(uri)
    secret = next((key for key, _ in parse_qsl(parts.query) if any(one in key.lower() for one in SECRETS)), None)
    if secret:
        raise ValueError(
            f"must hold no password, as it is kept with the results, but has {secret} in its query: run an MLflow server for the "
            f"database, and name that; but got {parts.scheme}:...?{secret}=..."
        )
    if "@" in parts.netloc and "://" in uri:
        raise ValueError(
            "must hold no user or password, as it is kept with the results: set MLFLOW_TRACKING_USERNAME and "
            f"MLFLOW_TRACKING_PASSWORD, and run a server for a database; but got {parts.scheme}://"
            f"...@{parts.netloc.rpartition('@')[2]}"
        )
    return uri


LONGEST_NAME = 250


def _registrable(name: str) -> str:
    """A name that the registry takes, and that its own searches can ask for."""
    is_path = posixpath.normpath(name) != name or name in (".", "..")
    if not name.strip() or is_path or not name.isprintable() or set(name) & set("'\"`/:@") or len(name) > LONGEST_NAME:
        raise ValueError(
            f"must be a name that MLflow's registry takes: of at most {LONGEST_NAME} characters, not blank, no '.' or '..', and "
            f"without quotation marks, '/', ':' and '@'; but got {name!r}"
        )
    return name


class TrackingConfig(BaseModel, frozen=True, extra="forbid"):
    """The MLflow store and the name in its model registry (nothing is registered without one)."""

    uri: Annotated[str, AfterValidator(without_secret)] = "sqlite:///mlflow.db"
    """The MLflow store: `sqlite:///FILE`, or the address of a server; never with a user or password in it. A study
    without a store takes `MLFLOW_TRACKING_URI`."""
    register_as: Annotated[str, AfterValidator(_registrable)] | None = None
    """The name that the champion gets in the model registry."""

    @property
    def store(self) -> str:
        """The MLflow store that is used: the one that a study names, else that of the environment, else the default."""
        return self.uri if "uri" in self.model_fields_set else os.environ.get(MLFLOW) or self.uri

    @property
    def option(self) -> str:
        """The option that names the store to a command, ` --uri STORE`; empty if a command finds it by itself."""
        return "" if self.store == TrackingConfig().store else f" --uri {shlex.quote(self.store)}"

    @property
    def setting(self) -> str:
        """The place that names it."""
        return "tracking.uri" if "uri" in self.model_fields_set or not os.environ.get(MLFLOW) else MLFLOW
