"""The files that a prediction reads: found, looked at, and refused before the first answer if they do not fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from distune._plural import n_of
from distune.corpora.block_files import block_files
from distune.corpora.blocks import BlockFile
from distune.corpora.raw_rows import Quoting
from distune.corpora.table_config import config_of
from distune.corpora.texts import CorpusError
from distune.models.checkpoint_folder import CheckpointError
from distune.models.predictor import Predictor
from distune.tuning.serve.answer_blocks import Plan, refuse_clash
from distune.tuning.serve.answer_columns import AnswerSettings, Kind, kinds_of_columns


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """The files with the texts, and how they are read if the files do not show it."""

    paths: tuple[str, ...]
    text: str | None = None
    text_b: str | None = None
    quoting: Quoting = "auto"
    columns: tuple[str, ...] | None = None
    encoding: str | None = None


class TextColumns(NamedTuple):
    """The names of the columns with the texts."""

    text: str
    text_b: str | None
    """The column with the second texts of pairs."""


@dataclass(frozen=True, kw_only=True)
class TableInput:
    """The files in order, what is made of each block, and notes about what was assumed. `reading` says how files are read."""

    files: Sequence[BlockFile]
    plan: Plan
    notes: Sequence[str]
    reading: str


def open_input(predictor: Predictor, source: InputSettings, asked: AnswerSettings, ending: str) -> TableInput:
    """Look at all files, and decide what an output of the ending has of them; "" takes the format of the input.

    Raises CorpusError for what cannot be read rightly, for files of other columns, and for columns of the same names as answers.
    """
    settings = replace(asked, **text_columns(predictor, source)._asdict())
    files, notes = open_files(predictor, source)
    _refuse_others(files)
    kinds = kinds_of_columns(predictor.labels, predictor.is_multi_label, settings)
    ending = ending or files[0].ending
    names, schema, cut = _carried(files, ending, kinds)
    refuse_clash(names or (), kinds, files[0].name)
    plan = Plan(settings=settings, kinds=kinds, ending=ending, names=names, schema=schema)
    return TableInput(
        files=files,
        plan=plan,
        notes=(*notes, *cut),
        reading=repr((source.quoting, source.columns, source.encoding)),
    )


def open_files(predictor: Predictor, source: InputSettings) -> tuple[list[BlockFile], list[str]]:
    """The files with the texts, which have the columns for them, and notes about what was assumed.

    Raises CorpusError for what cannot be read rightly, and CheckpointError for pairs to a student of single texts.
    """
    wanted = [name for name in text_columns(predictor, source) if name is not None]
    config = config_of(source.paths, quoting=source.quoting, columns=source.columns, encoding=source.encoding)
    files, notes = block_files(config, wanted)
    _refuse_missing(files, wanted, source)
    said = [note for file in files[:3] for note in file.notes] + (
        [f"and {n_of(len(files) - 3, 'more file')}"] if files[3:] else []
    )
    taken = " and ".join(map(repr, wanted)) + _about_bytes(files[0].schema, wanted)
    return files, [*said, *notes, f"texts: the column{'s' * (len(wanted) > 1)} {taken}"]


def text_columns(predictor: Predictor, source: InputSettings) -> TextColumns:
    """The columns with the texts for a student. Raises CheckpointError for pairs to a student of single texts."""
    if source.text_b is not None and not predictor.is_of_pairs:
        raise CheckpointError("this student answers single texts and no pairs; leave --text-b out")
    text_b = (source.text_b or "text_b") if predictor.is_of_pairs else None
    return TextColumns(source.text or "text", text_b)


def _refuse_missing(files: Sequence[BlockFile], wanted: Sequence[str], source: InputSettings) -> None:
    """Raise CorpusError unless a block has the columns with the texts: the first one, or of JSON and Parquet any."""
    first = next(files[0].blocks(), None)
    if first is None:
        return
    rows = first.read()
    for name, flag, given in zip(wanted, ("--text", "--text-b"), (source.text, source.text_b), strict=False):
        try:
            rows.table.column(name)
        except CorpusError as error:
            may_come = rows.manner is None
            if may_come and any(block.read().table.has(name) for file in files for block in file.blocks()):
                continue
            hint = f"; name the one with the texts by {flag} COLUMN" if given is None else ""
            raise CorpusError(f"{error}{hint}") from error


def _refuse_others(files: Sequence[BlockFile]) -> None:
    """Raise CorpusError if the files do not have the same columns of the same types in the same order."""
    first = files[0]
    for file in files[1:]:
        if (file.names is None) != (first.names is None):
            raise CorpusError(f"{file.name} is JSON of another form than {first.name}; answer each by itself")
        if file.names is not None and first.names is not None and list(file.names) != list(first.names):
            shown = [", ".join(names) for names in (file.names, first.names)]
            raise CorpusError(
                f"{file.name} has the columns {shown[0]:.200}, but {first.name} has {shown[1]:.200}; answer each by itself"
            )
        one, other = file.schema, first.schema
        if one is not None and not one.equals(other):
            name = next(name for name in one.names if not one.field(name).equals(other.field(name)))
            raise CorpusError(
                f"{file.name}: its column {name!r} is of the type {one.field(name).type}, but that of {first.name} of "
                f"{other.field(name).type}; answer each by itself"
            )


def _carried(
    files: Sequence[BlockFile], ending: str, kinds: Mapping[str, Kind]
) -> tuple[list[str] | None, Any, list[str]]:
    """The names of the columns that are carried on, the schema of an output in Parquet, and notes on what that cuts."""
    names = None if files[0].names is None else list(files[0].names)
    if names is None and ending == ".jsonl":
        return None, None, []
    if ending != ".parquet":
        return _names_of_records(files) if names is None else names, None, []
    from distune.tuning.serve.arrow_answers import (
        refuse_unwritable,
        schema_of_records,
        schema_of_strings,
        with_answers,
    )

    schema = files[0].schema
    cut: list[str] = []
    if schema is None and files[0].ending == ".jsonl":
        # All records are read once before, as the last one may have another column or type than the others.
        blocks = (block.read() for file in files for block in file.blocks())
        schema, cut = schema_of_records(blocks, files[0].name)
    elif schema is None:
        schema = schema_of_strings(names or ())
    refuse_unwritable(schema, files[0].name)
    refuse_clash(schema.names, kinds, files[0].name)
    return list(schema.names), with_answers(schema, kinds), cut


def _about_bytes(schema: Any, wanted: Sequence[str]) -> str:
    """The words about columns of texts that Parquet holds as bytes."""
    found = [
        name
        for name in wanted
        if schema is not None and name in schema.names and "binary" in str(schema.field(name).type)
    ]
    return f"; {' and '.join(map(repr, found))} holds bytes, which are read as UTF-8" if found else ""


def _names_of_records(files: Sequence[BlockFile]) -> list[str]:
    found: dict[str, None] = {}
    for file in files:
        for block in file.blocks():
            found |= dict.fromkeys(block.read().table.columns)
    return list(found)
