"""The model registry: champions come in as versions, win or do not win the alias `champion`, and are pulled as folders."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from corpora.encoding import needed_packages
from corpora.places import Place
from tuning.faults import StudyError
from tuning.study import StudyConfig
from tuning.tracking import quiet_mlflow

CHAMPION, CHALLENGER = "champion", "challenger"
TAG = "distune."


@dataclass(frozen=True)
class Candidate:
    """What decides between two winners of searches; `speedup` is over the teacher, timed in the same run, 0 where there was
    none to be timed."""

    corpus: str
    teacher: str
    rule: str
    by_speed: bool
    """Whether the rule picks the fastest, else the most accurate."""
    dev_accuracy: float
    p50_ms: float
    speedup: float

    def tags(self) -> dict[str, str]:
        return {TAG + name: str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Registered:
    """A new version, whether it is the champion now, and why."""

    version: str
    is_champion: bool
    reason: str


def candidate_of(tags: dict[str, str]) -> Candidate | None:
    """What a version's tags say, or None where they were not written by us."""
    kinds: dict[str, Callable[[str], Any]] = {"str": str, "float": float, "bool": lambda value: value == "True"}
    try:
        return Candidate(**{field.name: kinds[str(field.type)](tags[TAG + field.name]) for field in fields(Candidate)})
    except KeyError:
        return None


def wins(new: Candidate, old: Candidate | None) -> tuple[bool, str]:
    """Whether a candidate takes the alias of another: only on the same dev texts, against the same teacher, by the same
    rule; and why."""
    if old is None:
        return False, "how it was chosen is not known"
    for name, other in (("corpus", "another corpus"), ("teacher", "another teacher"), ("rule", "another rule")):
        if getattr(new, name) != getattr(old, name):
            return False, f"it was chosen by {other}"
    if new.by_speed:
        if not new.speedup or not old.speedup:
            return False, "there was no teacher to time them against"
        return new.speedup > old.speedup, f"{new.speedup:,.1f} against {old.speedup:,.1f} times as fast as the teacher"
    return new.dev_accuracy > old.dev_accuracy, f"dev accuracy {new.dev_accuracy:.4f} against {old.dev_accuracy:.4f}"


def register(
    config: StudyConfig, run_id: str, checkpoint: Path, example: Sequence[str], candidate: Candidate
) -> Registered | None:
    """Log a checkpoint folder as a pyfunc to a search's run and register it.

    The first version of a name is its champion; a later one takes the alias only if it wins, and is the challenger else.
    Returns None where the study registers nothing. The pyfunc needs no file of this project.
    """
    quiet_mlflow()
    model_uri, model_id = _log(config, run_id, checkpoint, example)
    name = config.tracking.register_as
    if name is None:
        return None
    client = MlflowClient(config.tracking.uri)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    before = _champion(client, name)
    card = (checkpoint / "README.md").read_text(encoding="utf-8")
    version = str(client.create_model_version(name, model_uri, run_id, candidate.tags(), model_id=model_id).version)
    # The registry shows Markdown, and no header of the hub.
    client.update_model_version(name, version, card.split("---\n", 2)[-1])
    if before is None:
        client.set_registered_model_alias(name, CHAMPION, version)
        return Registered(version, True, "the first of its name")
    won, reason = wins(candidate, candidate_of(before.tags))
    client.set_registered_model_alias(name, CHAMPION if won else CHALLENGER, version)
    return Registered(version, won, f"version {before.version} was the champion: {reason}")


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        return None


def _log(config: StudyConfig, run_id: str, checkpoint: Path, example: Sequence[str]) -> tuple[str, str]:
    """The URI and the id of the logged model."""
    mlflow.set_tracking_uri(config.tracking.uri)
    answer = {"label": ["0"], **{f"probability_{label}": [0.5] for label in _json(checkpoint / "labels.json")}}
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
    return info.model_uri, info.model_id


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def pull(uri: str, reference: str, target: Path) -> Path:
    """Copy a checkpoint folder to `target`.

    `reference` is `NAME` (its champion), `NAME@ALIAS` or `NAME/VERSION` of the registry, `runs:/RUN_ID/student` of a search's
    run, or the folder of a search's results, by path or URI. Raises StudyError for what is not there, and for a target that
    exists.
    """
    if target.exists():
        raise StudyError(f"{target} exists already; pull into a new folder")
    if not reference.startswith("runs:/") and ("://" in reference or Path(reference).is_dir()):
        return _pull_results(Place(reference), target)
    quiet_mlflow()
    place = reference if "@" in reference or "/" in reference else f"{reference}@{CHAMPION}"
    mlflow.set_tracking_uri(uri)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            full = place if place.startswith("runs:/") else f"models:/{place}"
            model = Path(mlflow.artifacts.download_artifacts(full, dst_path=scratch))
            folders = [path.parent for path in model.rglob("labels.json")]
            if len(folders) != 1:
                raise StudyError(f"{full} holds no checkpoint folder of distune")
            shutil.copytree(folders[0], target)
    except (MlflowException, OSError) as error:
        known = [model.name for model in MlflowClient(uri).search_registered_models()]
        raise StudyError(f"cannot pull {place} from {uri}: {str(error).splitlines()[0]}; "
                         f"registered there: {', '.join(known) or 'nothing'}") from error  # fmt: skip
    return target


def _pull_results(place: Place, target: Path) -> Path:
    found = [one for one in (place, place / "champion") if (one / "labels.json").is_file()]
    if not found:
        raise StudyError(f"{place} holds neither a checkpoint nor the results of a search that has a champion")
    with found[0].to_read() as folder:
        shutil.copytree(folder, target)
    return target
