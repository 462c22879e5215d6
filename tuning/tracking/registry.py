"""The model registry: champions come in as versions, win or do not win the alias `champion`, and are pulled as folders."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from distune.corpora.encoding import needed_packages
from distune.corpora.places import Place, PlaceError, check_place
from distune.models.errors import first_line
from distune.models.predictor import check_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.tracking.promotion import CHAMPION, Candidate, Registered, candidate_of, wins
from distune.tuning.tracking.store import check_readable, quiet_mlflow

ABOUT = """Students that searches of Distune found; each version's description is its model card. `champion` is the one to \
serve. A later version takes that alias only if it wins by the same rule on the same dev texts and labels, and is `challenger` else.

    distune pull {name} my-student
    mlflow.pyfunc.load_model("models:/{name}@champion")
"""


@dataclass(frozen=True)
class LoggedModel:
    """A checkpoint as a model of MLflow's, in the run of its search."""

    uri: str
    model_id: str
    run_id: str
    card: str


def register(uri: str, name: str, model: LoggedModel, candidate: Candidate) -> Registered:
    """Register a logged model as a new version.

    The first version of a name is its champion; a later one takes the alias only if it wins, and is the challenger else.
    """
    quiet_mlflow()
    client = MlflowClient(uri)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=ABOUT.format(name=name))
    before = _champion(client, name)
    made = client.create_model_version(name, model.uri, model.run_id, candidate.tags(), model_id=model.model_id)
    version = str(made.version)
    # A server does this by itself, a local store does not.
    client.set_logged_model_tags(
        model.model_id, {"mlflow.modelVersions": json.dumps([{"name": name, "version": made.version}])}
    )
    # The registry shows Markdown, and no header of the hub.
    client.update_model_version(name, version, model.card.split("---\n", 2)[-1])
    if before is None:
        client.set_registered_model_alias(name, CHAMPION, version)
        return Registered(version, True, "the first of its name")
    won, reason = wins(candidate, candidate_of(before.tags))
    registered = Registered(version, won, f"version {before.version} was the champion: {reason}")
    client.set_registered_model_alias(name, registered.alias, version)
    return registered


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        return None


def log_model(uri: str, run_id: str, checkpoint: Path, example: Sequence[str]) -> LoggedModel:
    """Log a checkpoint folder as a pyfunc to a search's run; it needs no file of this project."""
    quiet_mlflow()
    mlflow.set_tracking_uri(uri)
    labels = _json(checkpoint / "labels.json")
    answer = {"label": ["0"], **{f"probability_{label}": [0.5] for label in labels}, "has_known_token": [True]}
    table = pd.DataFrame({"text": list(example)})
    needed = ("onnxruntime", "numpy", "pandas", *needed_packages(_json(checkpoint / "config.json")["tokens"]))
    with mlflow.start_run(run_id=run_id):
        info = mlflow.pyfunc.log_model(
            name="student",
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"checkpoint": str(checkpoint)},
            signature=infer_signature(table, pd.DataFrame(answer)),
            input_example=table,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in needed],
        )
    return LoggedModel(info.model_uri, info.model_id, run_id, (checkpoint / "README.md").read_text(encoding="utf-8"))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def pull(uri: str, reference: str, target: Path) -> Path:
    """Copy a checkpoint folder to `target`.

    `reference` is `NAME` (its champion), `NAME@ALIAS` or `NAME/VERSION` of the registry, `runs:/RUN_ID/student` of a search's
    run, or the folder of a search's results, by path or URI. Raises StudyError for what is not there, for a target that exists,
    and for a store that is not there: none is made.
    """
    if target.exists():
        raise StudyError(f"{target} exists already; pull into a new folder")
    if not reference.startswith("runs:/") and ("://" in reference or Path(reference).is_dir()):
        return _pull_results(Place(reference), target)
    check_readable(uri, reference)
    quiet_mlflow()
    place = reference if "@" in reference or "/" in reference else f"{reference}@{CHAMPION}"
    try:
        MlflowClient(uri)  # Raises for what is no store, before MLflow is left pointing there.
        mlflow.set_tracking_uri(uri)
        with tempfile.TemporaryDirectory() as scratch:
            full = place if place.startswith("runs:/") else f"models:/{place}"
            model = Path(mlflow.artifacts.download_artifacts(full, dst_path=scratch))
            folders = [path.parent for path in model.rglob("labels.json")]
            if len(folders) != 1:
                raise StudyError(f"{full} holds no checkpoint folder of distune")
            check_folder(folders[0], has_weights=True)
            shutil.copytree(folders[0], target)
    except (MlflowException, OSError) as error:
        raise StudyError(f"cannot pull {place} from {uri}: {first_line(error)}{_registered(uri)}") from error
    return target


def _registered(uri: str) -> str:
    """What a store has, to end a line with; nothing where it cannot say."""
    try:
        known = [model.name for model in MlflowClient(uri).search_registered_models()]
    except (MlflowException, OSError):
        return ""
    return f"; registered there: {', '.join(known) or 'nothing'}"


def _pull_results(place: Place, target: Path) -> Path:
    try:
        check_place(str(place))
        found = [one for one in (place, place / "champion") if (one / "labels.json").is_file()]
    except PlaceError as error:
        raise StudyError(f"cannot pull: {error}") from error
    except (OSError, ValueError) as error:  # A URI that pyarrow does not open is a ValueError.
        raise StudyError(f"cannot pull {place}: {first_line(error)}") from error
    if not found:
        raise StudyError(f"{place} holds neither a checkpoint nor the results of a search that has a champion")
    with found[0].to_read() as folder:
        check_folder(folder, has_weights=True)
        shutil.copytree(folder, target)
    return target
