"""Finding and making the folder of a search."""

from __future__ import annotations

from typing import Any

from distune.corpora.places import Place
from distune.models.errors import first_line
from distune.tuning.storage.ending import limit_reached, searched_before_s
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.lease import live_driver
from distune.tuning.storage.paths import ENDED, Folder, Layout, dump
from distune.tuning.storage.records import open_study, read_records
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, parse_yaml

LIMITS = ("trials", "time_budget_s", "patience")
"""Settings of `search` that say when it ends: `--resume` may change them."""


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
    """The folder of a new search, numbered; nothing of earlier ones is overwritten."""
    folders = search_folders(study)
    number = int(folders[-1].place.name) + 1 if folders else 1
    place = layout(study).searches(study.config.name) / str(number)
    if place.path is not None:
        place.path.mkdir(parents=True)  # Of two searches that begin at once, one gets it.
    folder = Folder(place)
    folder.study_file.write_text(dump(study.document))
    return folder


def unfinished_folder(study: Study) -> Folder:
    """The folder of the last search, which `--resume` goes on with; one that has ended is where its limits were changed.

    Raises StudyError where there is none, where it has ended, and where more than its cluster and limits has changed since.
    """
    folders = search_folders(study)
    if not folders:
        raise StudyError(f"--resume: there is no search of {study.config.name} in {study.config.storage} yet")
    last = folders[-1]
    kept = parse_yaml(last.study_file.read_text())
    is_extended = _limits(kept) != _limits(study.document)
    if last.state.get("state") == ENDED and not is_extended:
        raise StudyError(
            f"--resume: the last search of {study.config.name} has ended; its results are in {last}; to go on with it, raise what "
            "ended it, as in --set search.trials=N"
        )
    if _what_is_searched(kept) != _what_is_searched(study.document):
        raise StudyError(
            f"--resume: the study has changed since its search began; {last.place / 'study.yaml'} "
            "is what it was; start a new search without --resume"
        )
    if is_extended:
        _refuse_limits_that_are_reached(study, last)
    return last


def _what_is_searched(document: dict[str, Any]) -> dict[str, Any]:
    """All but where it runs and when it ends: a search that has lost its cluster may go on on another one, and for longer."""
    kept = {key: block for key, block in document.items() if key != "cluster"}
    rest = {name: value for name, value in (document.get("search") or {}).items() if name not in LIMITS}
    return {**kept, "search": rest}


def _limits(document: dict[str, Any]) -> list[Any]:
    search = document.get("search") or {}
    return [search.get(name) for name in LIMITS]


def _refuse_limits_that_are_reached(study: Study, folder: Folder) -> None:
    """Raise StudyError where a search would have no further trial under its new limits."""
    search, optuna_study = study.config.search, open_study(study.config, Journal(folder.journal))
    n_done = sum(record.state != "running" for record in read_records(optuna_study))
    has_ended = folder.state.get("state") == ENDED
    if search.trials < n_done or (has_ended and search.trials == n_done):
        raise StudyError(
            f"search.trials: {search.trials}, but the search in {folder} has {n_done} trials done; ask for more than that"
            + ("" if has_ended else f", or for {n_done} to go on to its finalists")
        )
    if has_ended and (why := limit_reached(optuna_study, search, searched_before_s(optuna_study))):
        raise StudyError(f"--resume: the search in {folder} would end at once: {why}; raise that as well")


def go_on_with(study: Study, folder: Folder) -> None:
    """Say in the folder of a resumed search what it searches now. Where its limits were changed, a `distune finish` of before counts
    no more."""
    if folder.state.get("state") == ENDED:
        folder.update(state="searching")
    if _limits(parse_yaml(folder.study_file.read_text())) != _limits(study.document):
        folder.finish.delete()
    folder.study_file.write_text(dump(study.document))


def refuse_second(study: Study) -> None:
    """Raise StudyError where the last search of a study runs now."""
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
