"""The settings of a file with columns in a study."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from distune.corpora.places import check_place
from distune.corpora.raw_rows import Quoting


def _known_encoding(name: str | None) -> str | None:
    if name is not None:
        try:
            "".encode(name)
        except LookupError as error:
            raise ValueError(
                f"must be an encoding that Python knows, such as gb18030 or utf-16, but got {name}"
            ) from error
    return name


def _usable_place(uri: str) -> str:
    check_place(uri)
    return uri


def _spelt(value: object) -> object:
    """A whole number of YAML as the label that it spells; YAML's truth values are refused, as they were words."""
    if isinstance(value, bool):
        raise ValueError(
            f"YAML reads yes, no, on, off, true and false as truth values; put the label in quotation marks, but got {value}"
        )
    return str(value) if isinstance(value, int) else value


LabelName = Annotated[str, BeforeValidator(_spelt)]
"""A label as it is spelt in a study file."""
TRAVELS = {"travels": True}
"""Marks a setting that may name a file of this machine, in the schema of its model: a submitted search takes the file with it."""
FileName = Annotated[str, BeforeValidator(str), AfterValidator(_usable_place), Field(json_schema_extra=TRAVELS)]
"""The path of a file, or a URI that `storage` takes too."""
Encoding = Annotated[str | None, AfterValidator(_known_encoding)]


class TableConfig(BaseModel, frozen=True, extra="forbid"):
    """One file with columns: CSV, TSV, JSON or Parquet."""

    path: FileName
    """The file, or its URI. Its ending gives the format: `.csv`, `.tsv`, `.txt` (as TSV), `.jsonl`, `.json` or
    `.parquet`. All except the last may be followed by `.gz`, `.bz2`, `.xz` or `.zst`."""
    columns: tuple[str, ...] | None = None
    """The names of the columns, for a CSV or TSV file without a header."""
    skip_bad_rows: bool = False
    """`true` leaves out rows with another number of columns than the first; `false` refuses the file."""
    quoting: Quoting = "auto"
    """The meaning of quotation marks in a CSV or TSV file. `csv`: they surround cells. `none`: they are ordinary
    characters. `backslash`: they surround cells, and `\\"` is one inside a cell. `auto` decides from the file, and
    says so."""
    encoding: Encoding = None
    """The encoding of a text file, such as `gb18030`; by default Distune detects it, or refuses the file."""
