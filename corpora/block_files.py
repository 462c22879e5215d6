"""Files of any size for a program that reads each row once, in order, and keeps none."""

from __future__ import annotations

from collections.abc import Sequence

from distune.corpora.blocks import BlockFile
from distune.corpora.delimited_blocks import DelimitedFile
from distune.corpora.file_lists import Files, files_of
from distune.corpora.json_blocks import JsonFile
from distune.corpora.places import Place
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import ENDINGS, JSON_ENDINGS, endings, refuse_folder
from distune.corpora.texts import CorpusError, EmptyFileError


def block_files(config: TableConfig, wanted: Sequence[str]) -> tuple[list[BlockFile], list[str]]:
    """The files that a setting names, in order, and notes about what was assumed; parts of a folder without rows are left out.

    `wanted` names columns that every file must have. Raises CorpusError for files that cannot be read rightly, and for those of
    several formats.
    """
    files = files_of(config.path)
    found: list[BlockFile] = []
    notes = list(files.notes)
    for path in files.paths:
        one = config.model_copy(update={"path": path})
        try:
            found.append(_opened(one, wanted))
        except EmptyFileError:
            if not _may_be_empty(path, files):
                raise
            notes.append(f"  {path} has no row, and is left out")
    if not found:
        raise EmptyFileError(f"{config.name}: none of its files has a row")
    return found, notes


def _opened(config: TableConfig, wanted: Sequence[str]) -> BlockFile:
    """One file, whose beginning is read."""
    place = Place(config.name)
    ending, compression = endings(place.name)
    if ending in (".xlsx", ".xls", ".xlsm", ".ods"):
        raise CorpusError(f"{config.name}: workbooks are not read; save the sheet as CSV in UTF-8")
    if ending not in ENDINGS or (ending == ".parquet" and compression):
        refuse_folder(place, config.name)
        raise CorpusError(f"{config.name}: the ending of its name must give the format, one of {', '.join(ENDINGS)}")
    if ending == ".parquet":
        from distune.corpora.parquet_blocks import ParquetFile

        return ParquetFile(config)
    return JsonFile(config, wanted) if ending in JSON_ENDINGS else DelimitedFile(config, wanted)


def _may_be_empty(path: str, files: Files) -> bool:
    return path in files.parts and len(files.paths) > 1
