"""Numbers of a teacher whose texts have several labels: each probability is of its label alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.narrowing import Floats
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

SMALLEST_PROBABILITY = 1e-7
SAME_PROBABILITY = 0.01
"""The largest difference that rounding causes."""
FLOOR_OF_LABEL = np.float32(np.log(SMALLEST_PROBABILITY) - np.log1p(-SMALLEST_PROBABILITY))
"""The logit of a label with the probability 0; one with the probability 1 has the opposite number. In float32, the sigmoid of
neither is 0 or 1."""
FEWEST_ROWS = 20
"""This many rows that add up to 1 are no coincidence."""


def logits_of_labels(probabilities: Floats, table: Table) -> NDArray[np.float32]:
    """The logit of each probability `[texts, labels]` by itself; raises CorpusError for one outside 0 and 1."""
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        place = int(outside.any(axis=1).argmax())
        value = probabilities[place][outside[place]][0]
        raise CorpusError(
            f"{table.name}: probabilities must be from 0 to 1, one for each label by itself, but {table.rows[place]} has "
            f"{value:.3g}; call the columns logits or logit_LABEL if they are logits"
        )
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    logits = (np.log(clipped) - np.log1p(-clipped)).astype(np.float32)
    return np.clip(logits, FLOOR_OF_LABEL, -FLOOR_OF_LABEL)


def add_up_to_one(probabilities: Floats) -> bool:
    """Whether the probabilities `[texts, labels]` of every text add up to 1, as those of a softmax do."""
    return len(probabilities) >= FEWEST_ROWS and bool(np.abs(probabilities.sum(axis=1) - 1).max() <= SAME_PROBABILITY)


def are_log_softmax(logits: Floats) -> bool:
    """Whether logits `[texts, labels]` are logarithms of probabilities that add up to 1 in every text."""
    return bool((logits <= 0).all()) and add_up_to_one(np.exp(logits.astype(np.float64)))


def refuse_other_sides(logits: Floats, probabilities: Floats, table: Table) -> None:
    """Raise CorpusError if a label of a row is rather there by its logit, and rather not by its probability, or the other way round."""
    apart = np.abs(probabilities - 0.5) > SAME_PROBABILITY
    odd = apart & (logits != 0) & ((logits > 0) != (probabilities > 0.5))
    if odd.any():
        place = int(odd.any(axis=1).argmax())
        column = int(odd[place].argmax())
        raise CorpusError(
            f"{table.name}: has logits and probabilities, and they contradict each other, first in {table.rows[place]}: a label has the "
            f"logit {logits[place, column]:.3g} and the probability {probabilities[place, column]:.3g}; leave one of the two out"
        )


def refuse_export_of_other_task(path: str, about: Mapping[str, Any], is_multi_label: bool) -> None:
    """Raise CorpusError for logits that Distune exported from a study of the other task."""
    if about.get("multi_label", False) and not is_multi_label:
        raise CorpusError(
            f"{path}: its teacher answers several labels a text (multi_label in its metadata), and the corpus has one; set "
            "corpus.multi_label, or name the logits of a teacher that picks one class"
        )
    if is_multi_label and "corpus" in about and not about.get("multi_label", False):
        raise CorpusError(
            f"{path}: its teacher picks one class for each text (its metadata is of a study with one label a text), and the corpus has "
            "several labels a text; export the logits of a teacher that answers each label by itself"
        )
