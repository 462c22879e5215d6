"""The settings of how a file holds several labels a text."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from distune.corpora.table_config import LabelName

OF_SEVERAL = ("separator", "label_columns", "empty_cell")
"""The settings that only a file with several labels a text has."""


def _is_implied(known: dict[str, Any]) -> bool:
    return any(known.get(name) is not None for name in OF_SEVERAL)


class LabelCellsConfig(BaseModel, frozen=True, extra="forbid"):
    """How the cells of a file hold labels."""

    label: str = "label"
    """The name of the label column, or a path into nested ones."""
    separator: str | None = Field(default=None, min_length=1)
    """The sign between the labels of a text that has several, such as `|`, for a column of joined labels."""
    label_columns: tuple[LabelName, ...] | None = Field(default=None, min_length=2)
    """The columns of 0 and 1 that say whether a text has a label, one for each label and named as it is. An empty cell means
    that it is unknown, unless `empty_cell` says otherwise."""
    empty_cell: Literal["no_labels", "unknown"] | None = None
    """The meaning of an empty cell in a column of several labels: `no_labels`, or `unknown`, which leaves the row out.
    Without this setting an empty cell is refused; an empty list always means no labels. In columns of 0 and 1 `no_labels`
    says that an empty cell means 0, and `unknown` leaves out the rows of which no label is known."""
    multi_label: bool = Field(default_factory=_is_implied)
    """`true` if a text has any number of labels, also none: a list of labels in each cell, labels joined by `separator`,
    an object such as `{"late": 1, "broken": 0}`, or `label_columns`. The last three settings imply it."""

    @model_validator(mode="after")
    def _are_of_several_labels(self) -> LabelCellsConfig:
        given = [name for name in OF_SEVERAL if getattr(self, name) is not None]
        if given and not self.multi_label:
            raise ValueError(f"{given[0]} is for several labels a text, but got multi_label=false")
        if self.label_columns is not None and self.separator is not None:
            raise ValueError(
                "label_columns hold 0 and 1, and separator is for a column of joined labels: leave one of them out"
            )
        names = self.label_columns or ()
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"label_columns names {twice!r} twice")
        if self.label_columns is not None and self.label != "label":
            raise ValueError(
                f"label and label_columns both name the labels, but got label={self.label!r} too: leave one of them out"
            )
        return self

    @property
    def columns_of_labels(self) -> tuple[str, ...]:
        """The names of the columns that hold the labels."""
        return (self.label,) if self.label_columns is None else self.label_columns
