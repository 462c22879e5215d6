"""The model registry: champions come in as versions, and win or do not win the alias `champion`."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from distune._pairs import sides
from distune.corpora.encoding import needed_packages
from distune.models.checkpoint_folder import check_folder
from distune.models.errors import first_line
from distune.tuning.tracking.promotion import (
    CHAMPION,
    TAG,
    Beside,
    Candidate,
    Present,
    Registered,
    Terms,
    candidate_of,
    wins,
)
from distune.tuning.tracking.pulling import download
from distune.tuning.tracking.runs import is_away
from distune.tuning.tracking.store import quiet_mlflow, tracking_at

ABOUT = """Students that searches of Distune found; each version's description is its model card. `champion` is the one to \
serve. A later version takes that alias only if it wins by the same rule on the same dev texts and labels, and otherwise `challenger`.

    distune pull {quoted} my-student
    mlflow.pyfunc.load_model("models:/{name}@champion")
"""


EARLIER_ABOUT = ("and is `challenger` else.", "and otherwise `challenger`.")
"""Its words until November 2026, which are nobody's own either."""
TRIAL = f"{TAG}trial"


@dataclass(frozen=True, kw_only=True)
class LoggedModel:
    """A checkpoint as a model of MLflow's, in the run of its search; `trial` is the one that brought it forth."""

    uri: str
    model_id: str
    run_id: str
    trial: int
    card: str
    outcome: str = ""
    """The result of the search, in a sentence."""


def present_champion(uri: str, name: str, terms: Terms, scratch: Path) -> Present | None:
    """The champion that a name has now, copied into a folder; None if it has none, or one that was chosen on other
    terms.

    Raises what may work when it is asked for again. All else is the fault of the champion, and costs no search its end.
    """
    quiet_mlflow()
    version, client = "", MlflowClient(uri)
    try:
        version = (_aliases(client, name) or {}).get(CHAMPION, "")
        old = candidate_of(client.get_model_version(name, version).tags) if version else None
        if old is None or terms.other_in(old.terms):
            return None
        folder = scratch / uuid.uuid4().hex
        download(uri, f"models:/{name}/{version}", folder)
        check_folder(folder)
    except Exception as error:
        # Files of this machine that are gone do not come back.
        if is_away(error) and not isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
            raise
        return Present(version=version, fault=first_line(error))
    return Present(version=version, folder=folder)


def register(uri: str, name: str, model: LoggedModel, candidate: Candidate, beside: Beside | None = None) -> Registered:
    """Register a logged model as a new version, or go on with the one that the same trial of the same search has already.

    The first version of a name is its champion; a later one takes the alias only if it wins, and is the challenger else.
    """
    quiet_mlflow()
    client = MlflowClient(uri)
    aliases = _aliases(client, name)
    if aliases is None:
        client.create_registered_model(name, description=_about(name))
        aliases = {}
    earlier = _version_of(client, name, model)
    tags = {**candidate.tags(), TRIAL: str(model.trial)}
    with tracking_at(uri):  # Where MLflow looks a model up.
        made = earlier or client.create_model_version(name, model.uri, model.run_id, tags, model_id=model.model_id)
    version = str(made.version)
    # A server does this by itself, a local store does not.
    client.set_logged_model_tags(
        model.model_id, {"mlflow.modelVersions": json.dumps([{"name": name, "version": made.version}])}
    )
    # The registry shows Markdown, and no header of the hub; its list of versions shows how a description begins, as plain text.
    card = model.card.split("---\n", 2)[-1].removeprefix(f"# {name}\n\n")
    client.update_model_version(name, version, card if model.outcome in card else f"{model.outcome}.\n\n{card}")
    if earlier is not None and aliases.get(CHAMPION) == version:
        return Registered(version, True, "this search had registered it already")
    if CHAMPION in aliases:
        before = client.get_model_version(name, aliases[CHAMPION])
        # Another search may have made another champion meanwhile.
        timed = beside if beside is not None and beside.version in ("", aliases[CHAMPION]) else None
        won, why = wins(candidate, candidate_of(before.tags), timed)
        reason = f"version {before.version} was the champion: {why}"
    else:
        won, reason = True, _why_first(client, name, version)
    registered = Registered(version, won, reason)
    client.set_registered_model_alias(name, registered.alias, version)
    if registered.is_champion and model.outcome:
        _describe(client, name, f"**{model.outcome}** (version {version}, the champion).")
    return registered


def _describe(client: MlflowClient, name: str, begin: str) -> None:
    """Let the description of a name begin with what its champion reaches, unless somebody has written one of their own."""
    about = _about(name)
    present = (client.get_registered_model(name).description or "").strip()
    if present.replace(*EARLIER_ABOUT).endswith(about.strip()):
        client.update_registered_model(name, f"{begin}\n\n{about}")


def _about(name: str) -> str:
    return ABOUT.format(name=name, quoted=shlex.quote(name))


def _why_first(client: MlflowClient, name: str, version: str) -> str:
    """The reason of a version that is champion because there is no other."""
    others = [other for other in _versions(client, f"name = '{name}'") if str(other.version) != version]
    if others:
        return f"none of the {len(others)} earlier versions has the alias {CHAMPION}: it was removed"
    return "the first of its name"


def _aliases(client: MlflowClient, name: str) -> dict[str, str] | None:
    """The version of each alias of a name; None if the registry says that it has no such name, and only then."""
    try:
        found = client.get_registered_model(name).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return {alias: str(version) for alias, version in found.items()}


def _version_of(client: MlflowClient, name: str, model: LoggedModel) -> ModelVersion | None:
    """The version that an earlier run of the search has registered of a trial."""
    of_run = _versions(client, f"run_id = '{model.run_id}'")
    return next((one for one in of_run if one.name == name and one.tags.get(TRIAL) == str(model.trial)), None)


def _versions(client: MlflowClient, condition: str) -> list[ModelVersion]:
    found: list[ModelVersion] = []
    page = client.search_model_versions(condition)
    found += page
    while page.token:
        page = client.search_model_versions(condition, page_token=page.token)
        found += page
    return found


def log_model(uri: str, run_id: str, checkpoint: Path, example: Sequence[str], trial: int) -> LoggedModel:
    """Log a checkpoint folder as a pyfunc to a search's run, or find the one that the run has of that trial already; it needs no
    file of this project."""
    quiet_mlflow()
    card = (checkpoint / "README.md").read_text(encoding="utf-8")
    earlier = _logged(MlflowClient(uri), run_id, trial)
    if earlier is not None:
        return LoggedModel(uri=earlier.model_uri, model_id=earlier.model_id, run_id=run_id, trial=trial, card=card)
    pairs = [sides(text) for text in example]
    table = pd.DataFrame(pairs, columns=["text", "text_b"][: len(pairs[0])])
    config = _json(checkpoint / "config.json")
    needed = ("onnxruntime", "numpy", "pandas", *needed_packages(config["tokens"]))
    answer = _answer(_json(checkpoint / "labels.json"), config.get("multi_label") is True)
    with tracking_at(uri), mlflow.start_run(run_id=run_id):
        info = mlflow.pyfunc.log_model(
            name="student",
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"checkpoint": str(checkpoint)},
            signature=infer_signature(table, answer),
            input_example=table,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in needed],
            tags={TRIAL: str(trial)},
        )
    return LoggedModel(uri=info.model_uri, model_id=info.model_id, run_id=run_id, trial=trial, card=card)


def _answer(labels: Sequence[str], is_multi_label: bool) -> pd.DataFrame:
    """A row as `pyfunc_model` answers, by whose types MLflow describes the model."""
    answered: dict[str, list[Any]] = {"labels": [[labels[0]]]} if is_multi_label else {"label": [labels[0]]}
    return pd.DataFrame({**answered, **{f"probability_{label}": [0.5] for label in labels}, "has_known_token": [True]})


def _logged(client: MlflowClient, run_id: str, trial: int) -> Any:
    """The complete model of a trial in a run; None without one."""
    experiment = client.get_run(run_id).info.experiment_id
    found = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    whole = [one for one in found if one.tags.get(TRIAL) == str(trial) and one.status == LoggedModelStatus.READY]
    return whole[0] if whole else None


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
