"""The settings of the corpus in a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from distune.corpora.files import REVIEWS, FileConfig
from distune.corpora.label_cells import LabelCellsConfig
from distune.corpora.raw_rows import Quoting
from distune.corpora.table_config import Encoding, FileNames, LabelName, in_words, names_of

Fraction = Annotated[float, Field(ge=0, lt=1)]


class CorpusConfig(LabelCellsConfig, frozen=True):
    """The texts and labels of the study, and their splits."""

    source: FileNames
    """`reviews`, or a file of texts and labels: CSV, TSV, JSON or Parquet, by its path or URI. A pattern such as
    `tickets-*.parquet`, a folder of parts, and a list of names stand for several files with the same columns. A folder
    that Hugging Face's `datasets` saved is a source too, and so is a data set of the hub: `hf://datasets/OWNER/NAME`."""
    text: str = "text"
    """The name of the text column, or a path into nested ones such as `data.text`."""
    text_b: str | None = None
    """The name of the column with the second text, for a corpus of pairs such as two questions. Then a row is a pair: it
    has one label, and a pair is in one split alone."""
    columns: tuple[str, ...] | None = None
    """The names of the columns, for CSV or TSV files without a header."""
    quoting: Quoting = "auto"
    """The meaning of quotation marks in CSV and TSV files. `csv`: they surround cells. `none`: they are ordinary
    characters. `backslash`: they surround cells, and `\\"` is one inside a cell. `auto` decides for each file, and
    says so."""
    encoding: Encoding = None
    """The encoding of text files, such as `gb18030`; by default Distune detects it for each file, or refuses the
    file."""
    skip_bad_rows: bool = False
    """`true` leaves out rows of CSV and TSV files with another number of columns than the first; `false` refuses the
    file."""
    dev: FileNames | None = None
    """A separate file for dev. Without it, dev is `dev_fraction` of the source, drawn by content."""
    test: FileNames | None = None
    """A separate file for test. Without it, test is `test_fraction` of the source, drawn by content."""
    unlabelled: FileNames | None = None
    """A file of more texts for the transfer set."""
    more_unlabelled: tuple[FileConfig, ...] = ()
    """More files of texts for the transfer set, each with its own columns."""
    labels: tuple[LabelName, ...] | None = Field(default=None, min_length=2)
    """The classes that the study keeps, in this order, in all files. By default it keeps all classes, sorted; whole
    numbers are sorted by value."""
    descriptions: dict[LabelName, str] = Field(default={})
    """A sentence for each label, or for some, that says what it means. `distune prompt` writes them into its
    requests."""
    per_class: int | None = Field(default=None, ge=1)
    """The largest number of texts of each class, the same for all classes."""
    labelled: int | None = Field(default=None, ge=0)
    """The number of labels of train that the study keeps, balanced over the classes; the other texts of train join
    the transfer set. 0 keeps none: students then learn the labels that `teacher.answers` gives."""
    transfer: int | None = Field(default=None, ge=0)
    """The number of texts of the transfer set that the study keeps, drawn by content; all by default."""
    dev_fraction: Fraction = 0.115
    """The part of the source that becomes dev. Distune makes every choice on dev."""
    test_fraction: Fraction = 0.115
    """The part of the source that becomes test. Distune reads test once, for the table. The parts of dev and test
    together must be < 1, or may be 1 with `labelled: 0`."""
    drop_overlap: bool = False
    """`true` drops from the source the texts that are also in a dev or test file; `false` refuses the files."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed that draws the texts of dev, test, `per_class`, `labelled` and `transfer`."""

    @property
    def source_name(self) -> str:
        """The source as a message names it."""
        return in_words(self.source)

    @property
    def short_name(self) -> str:
        """The names of the source's files, without their folders."""
        return in_words(tuple(Path(name.partition("#")[0]).name for name in names_of(self.source)))

    @model_validator(mode="after")
    def _all_files_are_of_pairs_or_none(self) -> CorpusConfig:
        if self.text_b is not None and self.text_b == self.text:
            raise ValueError(f"text_b must be another column than text, but both are {self.text!r}")
        if self.text_b is not None and self.source == REVIEWS:
            raise ValueError("text_b names the second text of a pair, and `reviews` has one text in a row")
        for number, file in enumerate(self.more_unlabelled):
            refuse_other_rows(f"more_unlabelled.{number}", file, self)
        return self

    @model_validator(mode="after")
    def _fits_several_labels(self) -> CorpusConfig:
        if self.multi_label and self.per_class is not None:
            raise ValueError(
                "per_class counts texts of one class, and with multi_label a text has several: leave one of them out"
            )
        if self.multi_label and self.source == REVIEWS:
            raise ValueError("multi_label is for several labels a text, and `reviews` has one label a text")
        return self

    @model_validator(mode="after")
    def _something_is_left_for_train(self) -> CorpusConfig:
        both = self.dev_fraction + self.test_fraction
        if both > 1 or (both == 1 and self.labelled != 0):
            raise ValueError(
                f"dev_fraction + test_fraction must be < 1, but got {self.dev_fraction} + {self.test_fraction}"
            )
        return self


def refuse_other_rows(name: str, file: FileConfig, corpus: CorpusConfig) -> None:
    """Raise ValueError for a file of texts that joins a corpus of pairs, or of pairs that joins one of texts."""
    if (file.text_b is None) != (corpus.text_b is None):
        has, lacks = ("corpus", name) if file.text_b is None else (name, "corpus")
        raise ValueError(
            f"{has}.text_b names the second text of a pair, and {lacks} has none: set text_b for both, or for none"
        )
