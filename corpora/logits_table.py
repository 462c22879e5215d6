"""The rows of a teacher's logits: of one file, or of several files that have the same columns of numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from distune.corpora.class_scores import BESIDE
from distune.corpora.file_lists import files_of
from distune.corpora.hub_dataset import is_of_hub, read_of_hub
from distune.corpora.sources import read_source
from distune.corpora.table_config import config_of
from distune.corpora.table_file import Table, read_table
from distune.corpora.texts import CorpusError

ABOUT = b"distune"
"""The key of a file's metadata that says of which teacher it is."""
KINDS = {"logits": "logit_", "probabilities": "probability_"}
"""The list column of numbers of either kind, and how columns of one number each begin."""
TEXTS = ("text", "text_hash")


def read_logits_table(path: str | tuple[str, ...]) -> Table:
    """The rows of one file or of all files that `path` names; the notes are those about several files.

    The metadata are what all files say of their teacher. Raises CorpusError for files whose columns of numbers differ, or the labels
    of these in their metadata.
    """
    try:
        config = config_of(path)
        files = files_of(config.path)
        if isinstance(path, str) and files.paths == (path,):
            return _of_one(path).with_notes()
        found = read_source(config, together=(*TEXTS, "text_b"), metadata=_common_metadata)
    except CorpusError as error:
        if "`" not in str(error):
            raise
        raise CorpusError(
            f"{error} (a file of logits has no such keys: write it as Parquet or JSON lines in UTF-8)"
        ) from error
    of_files = found.notes if found.rows.parts else found.notes[1:]
    return found.with_notes(*(note.strip().removeprefix(f"{found.name}: ") for note in of_files))


def _of_one(path: str) -> Table:
    return read_of_hub(path) if is_of_hub(path) else read_table(config_of(path), TEXTS)


def _common_metadata(tables: Sequence[Table]) -> dict[bytes, bytes]:
    """The metadata that the tables share; raises CorpusError if their columns of numbers or their teachers differ."""
    first, *others = tables
    about = about_of(first.name, first.metadata)
    for table in others:
        if _numbers(table) != _numbers(first):
            found, expected = (", ".join(sorted(_numbers(one))) or "none" for one in (table, first))
            raise CorpusError(
                f"{table.name}: its columns of numbers are {found}, but those of {first.name} are {expected}; files that are read as one "
                "must have the same"
            )
        said = about_of(table.name, table.metadata)
        for key in ("labels", "multi_label", "description"):
            if said.get(key) != about.get(key):
                raise CorpusError(
                    f"{table.name}: its metadata say {key}: {_shown(said.get(key))}, but those of {first.name} say {_shown(about.get(key))}; "
                    "files that are read as one must be of one teacher"
                )
        about = {key: value for key, value in about.items() if key in said and said[key] == value}
    return {ABOUT: json.dumps(about, ensure_ascii=False).encode()} if about else {}


def _numbers(table: Table) -> frozenset[str]:
    """The columns that logits are made of."""
    whole = {*KINDS, *BESIDE, "hidden"}
    return frozenset(name for name in table.columns if name in whole or name.startswith(tuple(KINDS.values())))


def _shown(value: Any) -> str:
    return "nothing" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def about_of(name: str, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The teacher in a file's metadata; raises CorpusError for metadata that say something else."""
    try:
        about = json.loads(metadata.get(ABOUT, b"{}"))
    except ValueError:
        about = None
    if not isinstance(about, dict) or not isinstance(about.get("labels", []), list):
        raise CorpusError(
            f"{name}: its metadata `distune` must be a JSON object whose labels are a list; export the file again"
        )
    return about
