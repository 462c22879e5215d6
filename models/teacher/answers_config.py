"""The settings of a teacher that is a file of answers, such as those of a language model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator


def _spelt(label: Any) -> Any:
    """YAML reads the label 1 as a number."""
    return str(label) if isinstance(label, int) and not isinstance(label, bool) else label


def _names(given: Any) -> Any:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not names or not all(isinstance(one, str) and one for one in names):
        raise ValueError("must be the name of a file, or a list of such names")
    return given if isinstance(given, str) else tuple(given)


FileNames = Annotated[str | tuple[str, ...], BeforeValidator(_names)]
"""The name of a file, of a folder or of a pattern of files, or a list of these."""
Label = Annotated[str, BeforeValidator(_spelt)]


class AnswersConfig(BaseModel, frozen=True, extra="forbid"):
    """Files of answers to texts and the rule that makes logits of them. `answers: votes.jsonl` is short for
    `answers: {path: votes.jsonl}`."""

    path: FileNames = Field(json_schema_extra={"travels": True})
    """The file or its URI: CSV, TSV, JSON or Parquet, with one row or several for each text. A pattern such as
    `votes-*.jsonl`, a folder, and a list of names stand for several files, whose rows are read as those of one."""
    prior_strength: float = Field(default=1.0, gt=0, le=1000)
    """The total strength of the prior, in votes, spread evenly over the labels. A label with c of n votes has the
    probability (c + strength / labels) / (n + strength). If a text may have several labels, each is a task of two classes, with
    (c + strength / 2) / (n + strength)."""
    abstentions: tuple[Label, ...] = ()
    """The names of answers that give no label, such as `unknown`. A missing or empty answer is one too, but an empty list of
    several labels says that the text has none."""
    unanswered: Literal["refuse", "leave_out"] = "refuse"
    """The treatment of texts of the corpus that the file does not hold. `refuse` refuses the file; `leave_out` leaves
    them out of the study, like the texts on which the teacher abstains."""

    @model_validator(mode="before")
    @classmethod
    def _long(cls, given: Any) -> Any:
        """The short form as the long one."""
        return {"path": given} if isinstance(given, str | list | tuple) else given
