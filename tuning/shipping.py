"""The files of a submitted search: this code, the study, and the files that the study names."""

from __future__ import annotations

import importlib.metadata
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from packaging.requirements import Requirement
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import distune
from distune.corpora.hub_dataset import is_of_hub
from distune.corpora.patterns import is_pattern, matching, pattern_base
from distune.corpora.places import Place
from distune.tuning.storage.paths import dump
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, runnable
from distune.tuning.study.tracking_config import MLFLOW
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import OPEN

LARGEST_MB = 400
"""Ray takes no working directory of more than 500 MiB."""
IGNORE_FILES = (".gitignore", ".rayignore")
"""Ray leaves out of what it sends whatever such a file names, wherever it lies: in a checkpoint often the weights."""
COMMAND = (
    "trap : TERM; here=$(mktemp -d) && cp -r . $here && cd $here && python -m distune search study.yaml{options}; "
    "code=$?; cd /; rm -rf $here; exit $code"
)
"""Runs a search in a copy of the job's folder: Ray removes the folder as soon as the search has left the cluster, and
that is before the finalists are timed. The shell outlives the search when it is stopped, so that the copy is removed."""


def command(study: Study, options: str) -> str:
    """The command that runs a packed study there, with the store of this machine. The store is in the environment,
    because the kept study must stay the written one."""
    tracking = study.config.tracking
    exported = f"export {MLFLOW}={shlex.quote(tracking.store)}; " if tracking.setting == MLFLOW else ""
    return exported + COMMAND.format(options=options)


def pack(study: Study, folder: Path) -> Path:
    """Write code, study and files into an empty folder, the study's paths changed to their places in it.

    Raises StudyError for a study whose results would be lost with the job, and for files too large to be sent.
    """
    _refuse_lost_results(study)
    study, keys = runnable(study), file_keys()
    for package in packages():
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__", *IGNORE_FILES))
    document = {**study.document, "cluster": {**study.document.get("cluster", {}), "address": "auto"}}
    shipped = _with_files(document, folder / "files", [], keys)
    size_mb = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    if size_mb > LARGEST_MB:
        raise StudyError(
            f"the files of the study are too large to be sent: {size_mb:.0f} MB of at most {LARGEST_MB}; put "
            "them where every node sees them, and name them by their absolute path there"
        )
    (folder / "study.yaml").write_text(dump(shipped), encoding="utf-8")
    return folder


def packages() -> list[Path]:
    """The folder of this code."""
    return [Path(distune.__file__).resolve().parent]


def _refuse_lost_results(study: Study) -> None:
    config, faults = study.config, []
    storage = Place(config.storage).path
    if storage is not None and not storage.is_absolute():
        faults.append(
            f"storage: must be a URI, or an absolute path that the cluster's nodes share, but got {config.storage}; "
            "a job's own folder is removed with it"
        )
    place = config.tracking.store.removeprefix("sqlite:///")
    if place != config.tracking.store and not Path(place).is_absolute():
        faults.append(
            f"{config.tracking.setting}: must be a server, or an absolute path that the head node keeps, such as "
            f"sqlite:////shared/mlflow.db, but got {config.tracking.store}"
        )
    if faults:
        raise StudyError("\n".join(faults))


def file_keys() -> frozenset[str]:
    """The names of all settings that may name a file or a folder of this machine: those that their models mark, those
    of the plugs of the study that was read last among them."""
    models: list[type[BaseModel]] = [StudyConfig, TrialConfig, *(model for kinds in OPEN for model in kinds.loaded())]
    found: set[str] = set()
    for model in models:
        for name, field in model.model_fields.items():
            parts = list(_parts(field.annotation))
            models += [
                part for part in parts if isinstance(part, type) and issubclass(part, BaseModel) and part not in models
            ]
            if any(isinstance(part, FieldInfo) and _is_marked(part) for part in (field, *parts)):
                found.add(name)
    return frozenset(found)


def _parts(annotation: Any) -> Iterator[Any]:
    """A type, and all that it is made of: members of unions, items of tuples, what `Annotated` adds."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _is_marked(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("travels") is True


def _with_files(node: Any, folder: Path, taken: list[str], keys: frozenset[str], key: str = "") -> Any:
    """The document with each file of this machine that it names copied, and named by its place in the job's folder."""
    if isinstance(node, dict):
        return {name: _with_files(value, folder, taken, keys, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_with_files(value, folder, taken, keys, key) for value in node]
    if key not in keys or not isinstance(node, str) or not node:
        return node
    if not Path(node).exists():
        return _with_pattern(Place(node), folder, taken)
    place = folder / f"{len(taken)}-{Path(node).name}"
    taken.append(node)
    place.parent.mkdir(exist_ok=True)
    if Path(node).is_dir():
        shutil.copytree(node, place, ignore=shutil.ignore_patterns(*IGNORE_FILES))
    else:
        shutil.copyfile(node, place)
    return str(place.relative_to(folder.parent))


def _with_pattern(pattern: Place, folder: Path, taken: list[str]) -> str:
    """A pattern of files of this machine: those that it finds are copied, in their folders, and it stands for the copies."""
    if "://" in pattern.uri or not is_pattern(pattern):
        return pattern.uri
    found = matching(pattern)
    if not found:
        return pattern.uri
    base, place = Path(pattern_base(pattern).uri), folder / str(len(taken))
    taken.append(pattern.uri)
    for file in found:
        copy = place / Path(file.uri).relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.uri, copy)
    return str((place / Path(pattern.uri).relative_to(base)).relative_to(folder.parent))


def pins(study: Study) -> list[str]:
    """The packages that a search needs, at the versions that are installed here, for an image that lacks them."""
    extras = ["search", "reviews", *(["datasets"] if _reads_the_hub(study.document) else [])]
    return sorted(map(_pin, _needed(extras)))


def _reads_the_hub(node: Any) -> bool:
    """Whether a study names a data set of the Hugging Face hub."""
    if isinstance(node, dict | list):
        return any(map(_reads_the_hub, node.values() if isinstance(node, dict) else node))
    return isinstance(node, str) and is_of_hub(node)


def _needed(extras: Sequence[str]) -> Iterator[Requirement]:
    for line in importlib.metadata.requires("distune") or []:
        requirement = Requirement(line)
        wanted = requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
        # Ray is what the job runs on; a job cannot bring another one.
        if wanted and requirement.name != "ray":
            yield requirement


def _pin(requirement: Requirement) -> str:
    """The version that is installed here; of a package that only the cluster needs, any that Distune takes."""
    try:
        return f"{requirement.name}=={importlib.metadata.version(requirement.name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name}{requirement.specifier}"
