"""The settings of a file with columns in a study."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from distune.corpora.place_checks import check_place
from distune.corpora.raw_rows import Quoting
from distune.corpora.texts import CorpusError


def _known_encoding(name: str | None) -> str | None:
    if name is not None:
        try:
            "".encode(name)
        except LookupError as error:
            raise ValueError(
                f"must be an encoding that Python knows, such as gb18030 or utf-16, but got {name}"
            ) from error
    return name


def _as_names(value: object) -> object:
    """The names of files as a study gives them: one, or a list of several."""
    if isinstance(value, dict):
        raise ValueError(f"must be the name of a file, or a list of such names, but got {value}")
    return tuple(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _usable_places(names: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if not names and not isinstance(names, str):
        raise ValueError("must name at least one file, but got an empty list")
    for name in names_of(names):
        if OF_HUB.match(name) and not name.startswith(HUB):
            raise ValueError(
                f"must name a data set of the Hugging Face hub as {HUB}datasets/OWNER/NAME, but got {name}"
            )
        if not name.startswith(HUB):
            check_place(name)
    return names


def _spelt(value: object) -> object:
    """A whole number of YAML as the label that it spells; YAML's truth values are refused, as they were words."""
    if isinstance(value, bool):
        raise ValueError(
            f"YAML reads yes, no, on, off, true and false as truth values; put the label in quotation marks, but got {value}"
        )
    return str(value) if isinstance(value, int) else value


LabelName = Annotated[str, BeforeValidator(_spelt)]
"""A label as it is spelt in a study file."""
HUB = "hf://"
"""The beginning of the address of a data set of the Hugging Face hub."""
OF_HUB = re.compile(r"hf:|https?://(www\.)?(huggingface\.co|hf\.co)/", re.IGNORECASE)
"""The beginnings of addresses of the hub, the misspelt ones and those of a browser too."""
TRAVELS = {"travels": True}
"""Marks a setting that may name a file of this machine, in the schema of its model: a submitted search takes the file with it."""
FileNames = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_as_names),
    AfterValidator(_usable_places),
    Field(json_schema_extra=TRAVELS),
]
"""The path of a file, or a URI that `storage` takes too; a folder or a pattern of files such as `a-*.csv`; or a list of these."""
Encoding = Annotated[str | None, AfterValidator(_known_encoding)]


MOST_NAMES = 3
"""How many names of a list a message has."""


def names_of(names: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names of files that a study gives, as a tuple."""
    return (names,) if isinstance(names, str) else names


def in_words(names: str | tuple[str, ...]) -> str:
    """The names of files as a message has them."""
    shown = names_of(names)
    more = f" and {len(shown) - MOST_NAMES} more" if len(shown) > MOST_NAMES else ""
    return ", ".join(shown[:MOST_NAMES]) + more


class TableConfig(BaseModel, frozen=True, extra="forbid"):
    """One file with columns, or several files with the same columns: CSV, TSV, JSON or Parquet."""

    path: FileNames
    """The file, or its URI. Its ending gives the format: `.csv`, `.tsv`, `.txt` (as TSV), `.jsonl`, `.json` or
    `.parquet`. All except the last may be followed by `.gz`, `.bz2`, `.xz` or `.zst`. A pattern such as
    `tickets-*.csv`, a folder, and a list of names stand for several files."""
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

    @property
    def name(self) -> str:
        """The file or the files as a message names them."""
        return in_words(self.path)


def config_of(path: str | tuple[str, ...], **settings: Any) -> TableConfig:
    """The settings of a file of this name, the default ones except those that are given; raises CorpusError for a name
    that no place can have, and for a setting that is none."""
    try:
        return TableConfig(path=path, **settings)
    except ValidationError as error:
        fault = error.errors()[0]
        what = "the name of a file" if fault["loc"][:1] == ("path",) else ".".join(map(str, fault["loc"]))
        raise CorpusError(f"{what} {fault['msg'].removeprefix('Value error, ')}") from error
