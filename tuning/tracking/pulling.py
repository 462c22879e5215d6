"""Checkpoint folders out of the registry, of a search's run or of its results."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from distune.corpora.away import AwayError
from distune.corpora.place_checks import PlaceError, check_place
from distune.corpora.places import Place
from distune.models.checkpoint_folder import check_folder
from distune.models.errors import first_line
from distune.tuning.study.errors import StudyError
from distune.tuning.tracking.promotion import CHAMPION
from distune.tuning.tracking.store import check_readable, quiet_mlflow, tracking_at


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
        download(uri, place if place.startswith("runs:/") else f"models:/{place}", target)
    except (MlflowException, OSError) as error:
        raise StudyError(f"cannot pull {place} from {uri}: {first_line(error)}{_registered(uri)}") from error
    return target


def download(uri: str, reference: str, target: Path) -> None:
    """Copy the checkpoint folder of a model, by MLflow's own reference to it. Raises StudyError for a model of somebody else's,
    MlflowException and OSError."""
    MlflowClient(uri)  # Raises for what is no store.
    with tempfile.TemporaryDirectory() as scratch, tracking_at(uri):
        model = Path(mlflow.artifacts.download_artifacts(reference, dst_path=scratch))
        folders = [path.parent for path in model.rglob("labels.json")]
        if len(folders) != 1:
            raise StudyError(f"{reference} holds no checkpoint folder of distune")
        check_folder(folders[0], has_weights=True)
        shutil.copytree(folders[0], target)


def _registered(uri: str) -> str:
    """The content of a store, as the end of a line; nothing if it is unknown."""
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
    except AwayError:
        raise
    except (OSError, ValueError) as error:  # A URI that pyarrow does not open is a ValueError.
        raise StudyError(f"cannot pull {place}: {first_line(error)}") from error
    if not found:
        raise StudyError(f"{place} holds no checkpoint, and no results of a search that has a champion")
    if place.path is not None:
        _refuse_links(place.path, Path(str(found[0].path)))
    try:
        with found[0].to_read() as folder:
            check_folder(folder, has_weights=True)
            shutil.copytree(folder, target)
    except AwayError:
        raise
    except OSError as error:
        raise StudyError(f"cannot pull {place}: {first_line(error)}") from error
    return target


def _refuse_links(named: Path, folder: Path) -> None:
    """Raise StudyError if a folder from elsewhere would bring along what lies outside of it on this machine."""
    root = named.resolve()
    for path in (folder, *folder.rglob("*")):
        # One to a folder may lead in a circle.
        if path.is_symlink() and (not path.resolve().is_relative_to(root) or (path != folder and path.is_dir())):
            raise StudyError(
                f"cannot pull {named}: {path} is a symbolic link to {path.resolve()}, out of the folder or to a folder; if that is what "
                "you want, put the files themselves there"
            )
