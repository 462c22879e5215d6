"""The section of a model card about the probabilities from which labels are answered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distune.models.decision import EVEN
from distune.tuning.champion.columns import Column

LISTED_LABELS = 30
"""More labels than this have no table: the section says where their thresholds lie."""


def threshold_section(column: Column) -> str:
    """A section about the thresholds by which the seed that is kept answers; empty without one."""
    quality, kept = column.quality, column.kept
    if kept is None:
        return ""
    if kept.thresholds is not None:
        return _of_several(kept.thresholds, quality.metric.title)
    if (answered := quality.answered) is None or kept.threshold is None:
        return ""
    return f"""## Threshold

It answers `{answered.label}` from a probability of {kept.threshold:.4f} on, and the likeliest of the other labels below it. Dev has chosen the threshold, so \
that the {quality.metric.title} is best. It is `thresholds` in `config.json`, and the package `distune_student` answers by it. The label of an \
answer may therefore not be the one with the largest probability.

"""


def _of_several(thresholds: Mapping[str, float], metric: str) -> str:
    where = "They are `thresholds` in `config.json`, and the package `distune_student` answers by them. The probabilities of a text do not sum to 1."
    if set(thresholds.values()) == {EVEN}:
        return f"""## Thresholds

It answers each label that has a probability of {EVEN} or more: any number of labels, also none. {where}

"""
    shown = _table(thresholds) if len(thresholds) <= LISTED_LABELS else _in_words(thresholds)
    return f"""## Thresholds

It answers each label from its own probability on: any number of labels, also none. Dev has chosen the thresholds by {metric}. {where}

{shown}

"""


def _table(thresholds: Mapping[str, float]) -> str:
    rows = (f"| {_cell(label)} | {threshold:.4f} |" for label, threshold in thresholds.items())
    return "\n".join(["| label | from |", "|---|---:|", *rows])


def _cell(label: str) -> str:
    return f"`{label}`".replace("|", "\\|")


def _in_words(thresholds: Mapping[str, float]) -> str:
    low, high = (pick(thresholds, key=thresholds.__getitem__) for pick in (min, max))
    first, middle, third = np.quantile(list(thresholds.values()), [0.25, 0.5, 0.75])
    return (
        f"Of its {len(thresholds)} thresholds the lowest is {thresholds[low]:.4f} (`{low}`) and the highest {thresholds[high]:.4f} (`{high}`). "
        f"Half of them lie from {first:.4f} to {third:.4f}, with the median {middle:.4f}."
    )
