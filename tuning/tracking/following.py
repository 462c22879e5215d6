"""A process that looks for the version of an alias again and again, and pulls each new one: `python -m distune.tuning.tracking.following JSON`.

It prints an object of JSON for each version, and one for each fault that is not the one of before. It ends with the process that
began it, which holds its stdin open.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import IO, Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from distune.corpora.away import AwayError
from distune.models.checkpoint_folder import CheckpointError
from distune.models.errors import first_line
from distune.tuning.study.errors import StudyError
from distune.tuning.tracking.promotion import CHAMPION
from distune.tuning.tracking.pulling import pull
from distune.tuning.tracking.schema import refuse_other_schema, sqlite_file
from distune.tuning.tracking.store import has_store, quiet_mlflow


def follow(asked: dict[str, Any], out: IO[str]) -> None:
    """Tell each version once, until stdin ends."""
    known, last_fault, n_pulled = asked["known"], "", 0
    while True:
        told: dict[str, str] = {}
        try:
            version = version_of(asked["uri"], asked["name"], asked["alias"])
            if version != known:
                n_pulled += 1
                folder = Path(asked["scratch"]) / f"{version}-{os.getpid()}-{n_pulled}"
                pull(asked["uri"], f"{asked['name']}/{version}", folder)
                known, told = version, {"version": version, "folder": str(folder)}
            last_fault = ""
        except (StudyError, CheckpointError, AwayError, MlflowException, OSError) as error:
            fault = first_line(error)
            told = {} if fault == last_fault else {"fault": fault}
            last_fault = fault
        if told:
            print(json.dumps(told, ensure_ascii=False), file=out, flush=True)
        if select.select([sys.stdin], [], [], asked["every_s"])[0]:
            return


def version_of(uri: str, name: str, alias: str) -> str:
    """The version that an alias of a registered model points to, "" for its champion. Raises StudyError if there is none."""
    if not has_store(uri):
        raise StudyError(f"there is no MLflow store at {uri}")
    if file := sqlite_file(uri):
        refuse_other_schema(file, uri)  # MLflow would change it.
    alias = alias or CHAMPION
    try:
        return str(MlflowClient(uri).get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        raise StudyError(f"{name}@{alias} is not known at {uri}: {first_line(error)}") from error


if __name__ == "__main__":
    quiet_mlflow()
    # Others may print: what is for the server has a stream of its own.
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    follow(json.loads(sys.argv[1]), stream)
