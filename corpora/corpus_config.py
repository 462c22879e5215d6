"""What a study says of its corpus."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from distune.corpora.files import FileConfig
from distune.corpora.raw_rows import Quoting
from distune.corpora.table_config import Encoding, FileName, LabelName

Fraction = Annotated[float, Field(ge=0, lt=1)]


class CorpusConfig(BaseModel, frozen=True, extra="forbid"):
    """What is read and how it is split."""

    source: FileName
    """`reviews`, or a file of texts and labels: CSV, TSV, JSON or Parquet, by its path or URI."""
    text: str = "text"
    """The name of the text column, or a path into nested ones such as `data.text`."""
    label: str = "label"
    """The name of the label column, or a path into nested ones."""
    columns: tuple[str, ...] | None = None
    """The names of the columns, for CSV or TSV files without a header."""
    quoting: Quoting = "auto"
    """What quotation marks mean in CSV and TSV files: `csv` around cells, `none` a character like any other, `backslash` around
    cells with `\\"` for one within; `auto` decides for each file, and says so."""
    encoding: Encoding = None
    """The encoding of text files, such as `gb18030`; by default it is told from each file, or the file is refused."""
    skip_bad_rows: bool = False
    """Leave out rows of CSV and TSV files with another number of columns than the first, instead of refusing the file."""
    dev: FileName | None = None
    """A file of its own for dev; without one, dev is `dev_fraction` of the source, drawn by content."""
    test: FileName | None = None
    """A file of its own for test; without one, test is `test_fraction` of the source, drawn by content."""
    unlabelled: FileName | None = None
    """Further texts for the transfer set."""
    more_unlabelled: tuple[FileConfig, ...] = ()
    """Further files of texts for the transfer set, each with columns of its own."""
    labels: tuple[LabelName, ...] | None = Field(default=None, min_length=2)
    """These classes only, in this order, in all files; by default all that occur, sorted, whole numbers by their value."""
    per_class: int | None = Field(default=None, ge=1)
    """At most so many texts of each class, the same number for all."""
    labelled: int | None = Field(default=None, ge=1)
    """Keep so many labels of train, balanced over the classes; its other texts join the transfer set."""
    transfer: int | None = Field(default=None, ge=0)
    """Keep so many texts of the transfer set, drawn by content; all by default."""
    dev_fraction: Fraction = 0.115
    """The part of the source that becomes dev, on which everything is chosen."""
    test_fraction: Fraction = 0.115
    """The part of the source that becomes test, which is read once, for the table; with dev's < 1."""
    drop_overlap: bool = False
    """Drop from the source the texts that stand in a dev or test file as well, instead of refusing them."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed that decides which texts are drawn for dev, test, `per_class`, `labelled` and `transfer`."""

    @model_validator(mode="after")
    def _something_is_left_for_train(self) -> CorpusConfig:
        if self.dev_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"dev_fraction + test_fraction must be < 1, but got {self.dev_fraction} + {self.test_fraction}"
            )
        return self
