"""Which commit of a hub a checkpoint is, as a name there may stand for other weights tomorrow; and what its `config.json` says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distune._digits import is_whole
from distune.models.errors import ModelError

A_PATH = "it is a path and no hub id; name a folder that is there, or a hub id"


def commit_of(checkpoint: str, revision: str | None, what: str = "the teacher") -> str | None:
    """The commit that a hub id stands for at a revision (by default its default branch), None for a local folder.

    `what` begins an error's message. Without access to the hub it is the commit that this machine's cache of the hub
    has for the revision. Raises ModelError without a commit, and for a revision of a folder.
    """
    if Path(checkpoint).exists():
        if revision is not None:
            raise ModelError(
                f"revision={revision} is of a checkpoint of a hub, but {checkpoint} is a folder here; leave it out"
            )
        return None
    from huggingface_hub import resolve_revision
    from huggingface_hub.errors import HfHubHTTPError, RevisionResolutionError

    where = f"{checkpoint} at revision {revision}" if revision else checkpoint
    try:
        return str(resolve_revision(checkpoint, revision=revision).resolved)
    except (RevisionResolutionError, HfHubHTTPError, OSError, ValueError) as error:
        reason = A_PATH if _is_path(checkpoint) else str(error).strip().split("\n")[0]
        raise ModelError(f"{what} {where} is no folder here, and from the hub it cannot be loaded: {reason}") from error


def _is_path(checkpoint: str) -> bool:
    """Whether a name can only be meant as a path: hub ids are NAME or ORGANISATION/NAME."""
    return checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1


def checkpoint_settings(checkpoint: str, commit: str | None) -> dict[str, dict[str, Any]]:
    """The `config.json` of each member of a checkpoint by the member's name, "" for one that is no ensemble.

    A folder without that file (an adapter) is skipped. Raises ModelError for a file that cannot be read or is no JSON
    object.
    """
    folder = Path(checkpoint)
    try:
        if not folder.is_dir():
            from huggingface_hub import hf_hub_download

            return {"": _json_object(Path(hf_hub_download(checkpoint, "config.json", revision=commit)))}
        members = sorted(
            (path for path in folder.glob("member-*") if is_whole(path.name.removeprefix("member-"))),
            key=lambda path: int(path.name.removeprefix("member-")),
        ) or [folder]
        return {
            "" if one == folder else one.name: _json_object(one / "config.json")
            if (one / "config.json").is_file()
            else {}
            for one in members
        }
    except _faults() as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"the config.json of {checkpoint} cannot be read: {reason}") from error


@contextmanager
def unless_adapter(place: str | Path, revision: str | None) -> Iterator[None]:
    """Raise a ModelError that says so in place of any other, where a hub id is that of a LoRA adapter."""
    try:
        yield
    except ModelError as error:
        if Path(place).exists():
            raise
        from huggingface_hub import hf_hub_download

        from distune.models.teacher.checkpoint_faults import ADAPTER

        try:
            hf_hub_download(str(place), ADAPTER, revision=revision)
        except _faults():
            raise error from None
        raise ModelError(
            f"the teacher {place} is a LoRA adapter on the hub, and an adapter is read from a folder: `hf download {place} "
            "--local-dir FOLDER`, and name that folder"
        ) from error


def _faults() -> tuple[type[Exception], ...]:
    """The errors of huggingface_hub for an unavailable file. It is imported only after a fault, because the import
    takes half a second."""
    from huggingface_hub.errors import HfHubHTTPError

    return (HfHubHTTPError, OSError, ValueError)


def _json_object(file: Path) -> dict[str, Any]:
    settings = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(settings, dict):
        raise ValueError(f"it must hold a JSON object, but got {settings!r:.60}")
    return settings
