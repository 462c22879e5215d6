"""Finding and making the folder of a search."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distune._digits import is_whole
from distune._plural import n_of
from distune.corpora.away import AwayError
from distune.corpora.disk import UNFINISHED
from distune.corpora.places import Place
from distune.models.errors import first_line
from distune.tuning.storage.ending import limit_reached, searched_before_s
from distune.tuning.storage.lease import live_driver, only_driver
from distune.tuning.storage.paths import ENDED, Folder, Layout, dump
from distune.tuning.storage.records import count_done, read_journal
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, kept_study, load_study, read_kept_document
from distune.tuning.study.points import flatten

LIMITS = ("trials", "time_budget_s", "patience")
"""Settings of `search` that say when it ends: `--resume` may change them."""
N_NAMED = 5
"""How many changed settings an error names."""


def layout(study: Study) -> Layout:
    return Layout(Place(study.config.storage))


def search_folders(study: Study) -> list[Folder]:
    """The folders of all searches of a study, the oldest first."""
    return searches_of(Layout(Place(study.config.storage)), study.config.name)


def searches_of(places: Layout, name: str) -> list[Folder]:
    """The same, by the name of the study. Raises StudyError for a storage that cannot be read."""
    root = places.searches(name)
    try:
        numbers = [number for number in root.names() if is_whole(number)]
    except AwayError:
        raise
    except OSError as error:
        raise StudyError(f"storage: cannot read {places.root}: {first_line(error)}") from error
    return [Folder(root / number) for number in sorted(numbers, key=int)]


def studies_in(places: Layout) -> list[str]:
    """The names of the studies that a storage has searches of. Raises StudyError for one that cannot be read."""
    try:
        return [name for name in (places.root / "searches").names() if not name.startswith(".")]
    except AwayError:
        raise
    except OSError as error:
        raise StudyError(f"storage: cannot read {places.root}: {first_line(error)}") from error


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
    """The folder of the last search, which `--resume` continues. It continues a search that has ended only if its
    limits were changed.

    Raises StudyError if there is none, if it has ended, and if more than its cluster and limits has changed.
    """
    folders = search_folders(study)
    if not folders:
        raise StudyError(f"--resume: there is no search of {study.config.name} in {study.config.storage} yet")
    last = folders[-1]
    kept = read_kept_document(last.study_file)
    is_extended = _limits(kept) != _limits(study.document)
    if last.state.get("state") == ENDED and not is_extended:
        raise StudyError(
            f"--resume: the last search of {study.config.name} has ended; its results are in {last}; to go on with it, raise what "
            "ended it, as in --set search.trials=N"
        )
    before, now = _what_is_searched(kept), _what_is_searched(study.document)
    if before != now:
        raise StudyError(
            f"--resume: the study has changed since its search began, in {_changed(before, now)}; {last.place / 'study.yaml'} "
            "is what it was, so give the same --set options; or start a new search without --resume"
        )
    if is_extended:
        _refuse_limits_that_are_reached(study, last)
    return last


def _what_is_searched(document: dict[str, Any]) -> dict[str, Any]:
    """Everything except its cluster and its limits: a search that has lost its cluster may continue on another one,
    and for longer."""
    kept = {key: block for key, block in document.items() if key != "cluster"}
    rest = {name: value for name, value in (document.get("search") or {}).items() if name not in LIMITS}
    return {**kept, "search": rest}


def _changed(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The settings that two documents have not in common, the first ones by name."""
    for one, other in ((flatten(before), flatten(now)), (before, now)):
        found = [key for key in {**one, **other} if key not in one or key not in other or one[key] != other[key]]
        if found:
            break
    return ", ".join(found[:N_NAMED]) + (f" and {len(found) - N_NAMED} more" if found[N_NAMED:] else "")


def _limits(document: dict[str, Any]) -> list[Any]:
    search = document.get("search") or {}
    return [search.get(name) for name in LIMITS]


def _refuse_limits_that_are_reached(study: Study, folder: Folder) -> None:
    """Raise StudyError if a search would have no further trial under its new limits."""
    search, (optuna_study, records) = study.config.search, read_journal(study.config, folder)
    done = count_done(records)
    has_ended = folder.state.get("state") == ENDED
    if search.trials < done or (has_ended and search.trials == done):
        raise StudyError(
            f"search.trials: {search.trials}, but the search in {folder} has {n_of(done, 'trial')} done; ask for more than that"
            + ("" if has_ended else f", or for {done} to go on to its finalists")
        )
    if has_ended and (why := limit_reached(optuna_study, search, searched_before_s(optuna_study))):
        raise StudyError(f"--resume: the search in {folder} would end at once: {why}; raise that as well")


def go_on_with(study: Study, folder: Folder) -> None:
    """Write into the folder of a resumed search what it searches now. If its limits were changed, an earlier
    `distune finish` no longer counts."""
    if folder.state.get("state") == ENDED:
        folder.update(state="searching")
    if folder.state.get("ended_early"):  # Why it ends now is not known yet.
        folder.update(ended_early=None)
    if _limits(read_kept_document(folder.study_file)) != _limits(study.document):
        folder.finish.delete()
    folder.study_file.write_text(dump(study.document))


def state_of(folder: Folder) -> str:
    """Whether a search is new, searching (somebody runs it), interrupted or ended."""
    state = folder.state.get("state", "new")
    if state in ("new", ENDED):
        return str(state)
    return "searching" if live_driver(folder.driver) else "interrupted"


@contextmanager
def only_beginning(study: Study) -> Iterator[None]:
    """Be the only one that prepares a search of a study for the length of a `with`, as caches are filled before it has a folder.

    Raises StudyError if the last search of the study runs now, or another one is being prepared.
    """
    _refuse_second(study)
    name = study.config.name
    is_prepared = f"another search of {name} is being prepared, and --force starts this one beside it all the same"
    with only_driver(layout(study).beginning(name), is_prepared):
        yield


def _refuse_second(study: Study) -> None:
    folders = search_folders(study)
    driver = live_driver(folders[-1].driver) if folders else None
    if driver:
        raise StudyError(
            f"{study.config.name} is being searched by {driver}, in {folders[-1]}, and two at once spoil each other's speeds: "
            "`distune status` shows how far it is, `distune finish` lets it end early; --force starts another one all the same"
        )


def last_search(study: Study) -> Folder:
    """The folder of the last search; raises StudyError when there has been none yet."""
    folders = search_folders(study)
    if not folders:
        raise StudyError(f"{study.config.name} has not been searched yet (nothing in {study.config.storage})")
    return folders[-1]


def is_of_storage(reference: str) -> bool:
    """Whether a word names a study file or the folder of a search, rather than a job of a cluster."""
    return "://" in reference or Path(reference).is_file() or (Path(reference) / "study.yaml").is_file()


def find_search(reference: str, overrides: Sequence[str] = (), number: int | None = None) -> tuple[Study, Folder]:
    """The study of a search as it was searched, and its folder.

    The reference is a study file, for its last search or that of a number, or a folder of results (a path or URI). Only
    `name` and `storage` of a study file count: it may have changed since.

    Raises StudyError for what is neither, for a study that has not been searched yet, and for a number that it has not.
    """
    place = Place(reference)
    if "://" not in reference and not Path(reference).is_dir():
        study = load_study(Path(reference), overrides)
        folder = last_search(study) if number is None else numbered_search(study, number)
        return kept_study(folder.study_file), folder
    for flag, is_given in (("--set", bool(overrides)), ("--search", number is not None)):
        if is_given:
            raise StudyError(f"{flag} goes with a study file, but {reference} is a folder of results")
    folder = Folder(place)
    if not folder.study_file.is_file() or not (place / "search.json").is_file():
        raise StudyError(
            f"{reference} is no folder of a search, such as STORAGE/searches/NAME/1: it lacks study.yaml or search.json"
        )
    return kept_study(folder.study_file), folder


def numbered_search(study: Study, number: int) -> Folder:
    """The folder of a search of a study by its number; raises StudyError naming those that there are."""
    folders = {int(folder.place.name): folder for folder in search_folders(study)}
    if number not in folders:
        there = ", ".join(map(str, folders)) or "none"
        raise StudyError(
            f"--search: {study.config.name} has no search {number} in {study.config.storage}; it has {there}"
        )
    return folders[number]
