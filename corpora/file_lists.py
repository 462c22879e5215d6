"""Which files a study names: one, those that a pattern such as `tickets-*.csv` finds, those of a folder, or a list of these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from distune._plural import n_of
from distune.corpora.away import AwayError
from distune.corpora.hub_dataset import is_of_hub
from distune.corpora.patterns import is_pattern, matching, pattern_base
from distune.corpora.places import UNREADABLE, Place
from distune.corpora.saved_dataset import is_saved_dataset, saved_splits
from distune.corpora.table_config import names_of
from distune.corpora.table_file import ENDINGS, JSON_ENDINGS, endings
from distune.corpora.texts import CorpusError

SPLIT = re.compile(r"(train|dev|val|test|eval)(?:ing|idation|id|uation)?(?:[-_.0-9]|$)", re.IGNORECASE)
"""How the name of a file begins that is one split of a data set."""
MOST_SHOWN = 5
"""How many names of files a message has."""
OF_BRAT = ".ann"
"""The ending of BRAT's annotations, which lie next to a text of the same name."""
BY_COLUMN = re.compile(r"[^=]+=[^=]*")
"""How Spark, Hive and pyarrow name a folder in which all rows have one value of a column."""


class Files(NamedTuple):
    """The paths or URIs of files in the order in which they are read, and what was assumed about them."""

    paths: tuple[str, ...]
    notes: tuple[str, ...] = ()
    parts: frozenset[str] = frozenset()
    """Those of the paths that the study does not name, but a folder or a pattern of it."""


def files_of(names: str | tuple[str, ...]) -> Files:
    """The files that a setting names, those of a pattern or folder sorted by name.

    Raises CorpusError for a pattern that finds nothing, for a folder without files of texts or with those of several splits, for a
    file that is named twice, and for files of several formats.
    """
    found: list[str] = []
    notes: list[str] = []
    for name in names_of(names):
        try:
            found += _files_of_one(name, notes)
        except AwayError:
            raise
        except UNREADABLE as error:
            reason = str(error).strip().split("\n")[0]
            raise CorpusError(f"{name}: cannot be read: {reason}") from error
    if len(found) > 1:
        _refuse_repeated(found)
        _refuse_formats(found)
    return Files(tuple(found), tuple(notes), frozenset(found).difference(names_of(names)))


def _files_of_one(name: str, notes: list[str]) -> list[str]:
    place = Place(name)
    if is_of_hub(name) or not name.strip() or not (is_pattern(place) or place.is_folder()) or place.is_file():
        return [name]  # What is missing, or no file, is told where it is read.
    if place.is_folder():
        if splits := saved_splits(place):
            raise CorpusError(
                f"{name} is a saved data set with the splits {', '.join(splits)}, and only `corpus.source` takes them all; name one, such as "
                f"{(place / splits[0]).uri}"
            )
        return [name] if is_saved_dataset(place) else _parts_of(place, notes)
    found = [file.uri for file in matching(place)]
    if not found:
        raise CorpusError(f"{name}: no file matches this pattern{_what_is_there(place)}")
    if folders := [folder.uri for folder in matching(place, folders=True) if folder.uri not in found]:
        notes.append(
            f"  {name} finds folders too, whose files are not read: {shown(folders)}; a pattern that ends in /**/*.csv, or in another ending, "
            "takes those of all folders"
        )
    notes += _about_columns_of_folders(name, found, pattern_base(place).uri)
    splits = _splits(found)
    if len(splits) > 1:
        notes.append(
            f"  {name} finds files of several splits ({', '.join(splits)}), and all are read as one; name those of one by "
            "their pattern if that is not meant"
        )
    return found


def _about_columns_of_folders(name: str, paths: Sequence[str], base: str) -> list[str]:
    """The line about folders beneath `base` that are named by a value of a column, such as `lang=zh`."""
    folders = [one for path in paths for one in path.removeprefix(base).split("/")[:-1] if BY_COLUMN.fullmatch(one)]
    if not folders:
        return []
    columns = list(dict.fromkeys(folder.partition("=")[0] for folder in folders))
    return [
        f"  {name} finds files in folders that are named by a column, such as {folders[0]}: rows lack {shown(columns)}, which is not read"
    ]


def _what_is_there(pattern: Place) -> str:
    if folders := [folder.uri for folder in matching(pattern, folders=True)]:
        return f", and it finds folders ({shown(folders)}); name the files in them: {(pattern / '*').uri}"
    folder = pattern_base(pattern)
    if not folder.exists():
        return f"; there is no folder {folder.uri}"
    names = folder.names()
    return f"; {folder.uri} holds {shown(names)}" if names else f"; {folder.uri} is empty"


def _parts_of(folder: Place, notes: list[str]) -> list[str]:
    """The files of texts in a folder; markers of Spark, such as _SUCCESS and .crc, are none."""
    names = [name for name in folder.names() if not name.startswith((".", "_"))]
    if of_brat := [name for name in names if name.endswith(OF_BRAT)]:
        raise CorpusError(
            f"{folder}: holds annotations of BRAT, such as {of_brat[0]}, which mark parts of a text; write a file with a row for each text, or "
            "for each marked part, with its label in a column"
        )
    there = [name for name in names if endings(name)[0] in ENDINGS and not (folder / name).is_folder()]
    if not there:
        by_column = next((name for name in names if BY_COLUMN.fullmatch(name)), None)
        if by_column is not None:
            raise CorpusError(
                f"{folder}: its parts lie in folders such as {by_column}, whose rows lack that column, as Spark's partitionBy "
                "writes them; write it without partitionBy, or name its files by a pattern if nothing needs the column, such as "
                f"{(folder / '**' / '*.parquet').uri}"
            )
        are_folders = bool(names) and all((folder / name).is_folder() for name in names)
        raise CorpusError(
            f"{folder} is a folder without files of texts ({', '.join(ENDINGS)}); it holds {shown(names) or 'nothing'}"
            f"{'; if each of these folders is a label and each file a text, write them as rows of one file' if are_folders else ''}"
        )
    paths = [(folder / name).uri for name in there]
    splits = _splits(paths)
    if len(splits) > 1:
        raise CorpusError(
            f"{folder} is a folder with files of several splits ({', '.join(splits)}); name each by a pattern, such as "
            f"{(folder / f'{_first(splits)}*').uri} as the source"
        )
    others = [name for name in names if name not in there]
    if others:
        notes.append(f"  {folder} holds more, which is not read: {shown(others)}")
    return paths


def _splits(paths: Sequence[str]) -> list[str]:
    """The splits after which files are named, such as train and test."""
    matches = [SPLIT.match(Place(path).name) for path in paths]
    return list(dict.fromkeys(match[1].lower() for match in matches if match))


def _first(splits: Sequence[str]) -> str:
    return "train" if "train" in splits else splits[0]


def shown(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(names[:MOST_SHOWN]) + (f" and {len(names) - MOST_SHOWN} more" if names[MOST_SHOWN:] else "")


def _refuse_repeated(paths: Sequence[str]) -> None:
    first: dict[str, str] = {}
    for path in paths:
        local = Place(path).path
        other = first.setdefault(path if local is None else str(local.resolve()), path)
        if other is not path:
            also = f" ({other} and {path} are one file)" if other != path else ""
            raise CorpusError(
                f"{path}: is named twice among the {n_of(len(paths), 'file')} of one source{also}; name it once"
            )


def _format_of(path: str) -> str:
    ending = endings(Place(path).name)[0]
    if is_of_hub(path) or Place(path).is_folder():
        return "a data set"
    return "JSON" if ending in JSON_ENDINGS else "Parquet" if ending == ".parquet" else "CSV or TSV"


def _refuse_formats(paths: Sequence[str]) -> None:
    formats: dict[str, str] = {}
    for path in paths:
        formats.setdefault(_format_of(path), path)
    if len(formats) > 1:
        found = " and ".join(f"{path} ({kind})" for kind, path in formats.items())
        raise CorpusError(
            f"the files of one source must have one format, but got {found}; name one of them, or the others as `more_unlabelled:` or "
            "`teacher_data:`"
        )
