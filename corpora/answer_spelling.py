"""How a cell of a file of answers spells several names, or a number for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from distune.corpora.class_scores import unwrapped
from distune.corpora.doubtful_labels import JOINED_BY
from distune.corpora.label_lists import spelt_list
from distune.corpora.literals import container
from distune.corpora.texts import CorpusError, normalise

if TYPE_CHECKING:
    from distune.corpora.answer_cells import LabelNames

SHORTENED = "..."
"""The sign of numpy for the left out middle of a long list."""


def spelt_value(names: LabelNames, cell: Any, where: str) -> Any:
    """The list or object that a cell spells, as CSV does; the pairs of a map as an object; any other cell as it is.

    A list without quotation marks, as Java and PostgreSQL write it, has a known name. Raises CorpusError for one that looks like a list or an object and is none, and for a list that numpy has shortened.
    """
    if isinstance(cell, str) and not names.knows(cell):
        found = container(cell)
        if found is None and (listed := spelt_list(normalise(cell))) is not None and any(map(names.knows, listed)):
            found = listed
        if found is None and cell.strip()[:1] in ("[", "{"):
            raise CorpusError(
                f"{where}: the answer {cell.strip()[:60]!r} is no label, and no list or object that can be read; write it as JSON, such as "
                '["LABEL", "LABEL"] or {"LABEL": 2}'
            )
        cell = cell if found is None else list(found) if isinstance(found, set) else found
    if isinstance(cell, list | tuple) and SHORTENED in cell and not names.knows(SHORTENED):
        raise CorpusError(f"{where}: numpy has left votes out of {str(cell)[:60]}; write the list by its tolist()")
    if isinstance(cell, list) and cell and all(isinstance(one, tuple) and len(one) == 2 for one in cell):
        return dict(cell)  # As pyarrow reads a map.
    return cell


def joined_parts(names: LabelNames, cell: Any, also: Collection[str] = ()) -> list[str]:
    """The names that a text joins: those between the first sign that leaves known names alone, else between a sign that leaves some. It
    is empty for any other cell; names that are `also` known are in lower case."""
    if not isinstance(cell, str) or names.knows(cell):
        return []
    found = {sign: [part for raw in cell.split(sign) if (part := normalise(raw))] for sign in JOINED_BY if sign in cell}
    for parts in found.values():
        if parts and all(names.knows(part) or part.casefold() in also for part in parts):
            return parts
    # Words of a sentence are no names that a sign joins.
    return next((parts for sign, parts in found.items() if sign != " " and any(map(names.knows, parts))), [])


def by_label(cell: Any, where: str) -> Any:
    """Numbers by label: an object as it is, and of a list of a label and its score each, as pipelines of transformers write it."""
    found = unwrapped(cell, where)
    if isinstance(found, Mapping) and found.keys() == {"label", "score"}:
        raise CorpusError(
            f"{where}: has the score of one label alone ({str(dict(found))[:60]}); a pipeline of transformers gives all of them with "
            "top_k=None; a label and its score by themselves are the columns label and confidence"
        )
    return found


def about_scores(one: Any) -> str:
    """The advice about a label and its score in the place of a label; empty for any other value."""
    is_score = isinstance(one, Mapping) and one.keys() == {"label", "score"}
    return "; labels with a score each are a column probabilities" if is_score else ""
