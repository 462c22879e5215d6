"""Finding and making the folder of a search."""

from __future__ import annotations

import errno
import uuid
from pathlib import Path
from typing import Any

from distune.corpora.disk import UNFINISHED
from distune.corpora.places import Place
from distune.models.errors import first_line
from distune.tuning.storage.paths import ENDED, Folder, Layout, dump
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, read_kept_document


def layout(study: Study) -> Layout:
    return Layout(Place(study.config.storage))


def search_folders(study: Study) -> list[Folder]:
    """The folders of all searches of a study, the oldest first."""
    return searches_of(Layout(Place(study.config.storage)), study.config.name)


def searches_of(places: Layout, name: str) -> list[Folder]:
    """The same, by the name of the study. Raises StudyError for a storage that cannot be read."""
    root = places.searches(name)
    try:
        numbers = [number for number in root.names() if number.isdigit()]
    except OSError as error:
        raise StudyError(f"storage: cannot read {places.root}: {first_line(error)}") from error
    return [Folder(root / number) for number in sorted(numbers, key=int)]


def new_folder(study: Study) -> Folder:
    """The folder of a new search, numbered; nothing of earlier ones is overwritten. It has its study as soon as it is there."""
    root = layout(study).searches(study.config.name)
    while True:
        folders = search_folders(study)
        place = root / str(int(folders[-1].place.name) + 1 if folders else 1)
        if place.path is None:
            (place / "study.yaml").write_text(dump(study.document))
            return Folder(place)
        unfinished = root / f"{place.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}"
        try:
            (unfinished / "study.yaml").write_text(dump(study.document))
            Path(str(unfinished.path)).rename(place.path)
        except FileExistsError:
            continue  # Of two searches that begin at once, each gets its own.
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            continue
        else:
            return Folder(place)
        finally:
            unfinished.delete()


def unfinished_folder(study: Study) -> Folder:
    """The folder of the last search, which `--resume` goes on with.

    Raises StudyError where there is none, where it has ended, and where the study has changed since.
    """
    folders = search_folders(study)
    if not folders:
        raise StudyError(f"--resume: there is no search of {study.config.name} in {study.config.storage} yet")
    last = folders[-1]
    if last.state.get("state") == ENDED:
        raise StudyError(f"--resume: the last search of {study.config.name} has ended; its results are in {last}")
    if _what_is_searched(read_kept_document(last.place / "study.yaml")) != _what_is_searched(study.document):
        raise StudyError(
            f"--resume: the study has changed since its search began; {last.place / 'study.yaml'} "
            "is what it was; start a new search without --resume"
        )
    return last


def _what_is_searched(document: dict[str, Any]) -> dict[str, Any]:
    """All but where it runs: a search that has lost its cluster may go on on another one."""
    return {key: block for key, block in document.items() if key != "cluster"}


def last_search(study: Study) -> Folder:
    """The folder of the last search; raises StudyError when there has been none yet."""
    folders = search_folders(study)
    if not folders:
        raise StudyError(f"{study.config.name} has not been searched yet (nothing in {study.config.storage})")
    return folders[-1]
