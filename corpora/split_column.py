"""A column that says to which split a row belongs, which the reader does not obey and tells of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from distune.corpora.cells import is_nothing
from distune.corpora.file_lists import SPLIT
from distune.corpora.table_file import Table

COLUMNS = frozenset(
    {
        *("split", "set", "subset", "partition", "data_split", "dataset_split", "dataset", "data_set"),
        *("ml_use", "mluse", "usage", "use", "purpose", "phase", "stage"),
    }
)
"""How such a column is called; that of Google's AutoML is `ML_USE`."""
UNASSIGNED = frozenset({"unassigned", "unsup", "unsupervised", "unlabeled", "unlabelled"})
"""Values next to the names of splits."""


def about_split_column(table: Table, read: Collection[str]) -> list[str]:
    """The line about rows of several splits in one file, by a column other than those that are `read`."""
    for name in table.columns:
        if name in read or name.strip().casefold() not in COLUMNS:
            continue
        counts = Counter("" if is_nothing(cell) else str(cell).strip() for cell in table.column(name))
        splits = [one for one in counts if one and one.casefold() not in UNASSIGNED]
        if len(splits) > 1 and all(SPLIT.fullmatch(one) for one in splits):
            shown = ", ".join(f"{one} ({counts[one]:,})" for one in splits)
            return [
                f"  its column {name!r} has the splits {shown}, and all rows are read alike; if they are splits, write each into a file of its own"
            ]
    return []
