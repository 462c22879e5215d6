"""Teachers that say the same of every text, or what has nothing to do with it: students learn little or nothing of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.labelling import UNLABELLED, n_texts_of
from distune.corpora.logits_file import LogitsFile
from distune.corpora.texts import CorpusError
from distune.tuning.teachers.assignment import confusion, log_at_least
from distune.tuning.teachers.turned import about_turned

FEWEST_TEXTS = 20
"""Fewer texts tell nothing of a teacher."""
BY_CHANCE = 0.05
"""How likely as many right answers are by chance, if a line says that they may be."""
MOST_SHOWN = 5
"""How many labels a line names."""


def refuse_equal_logits(source: str, logits: NDArray[np.floating]) -> None:
    """Raise CorpusError if the logits `[texts, classes]` of all texts and classes are one number, as those of an
    empty head."""
    if logits.size and np.ptp(logits) == 0:
        raise CorpusError(
            f"{source}: all its logits on dev are {logits.flat[0]:g}, for every class of every text, as a head of zeros answers, "
            "or votes that are tied for each text; name a teacher that tells the classes apart"
        )


def refuse_softmax(source: str, file: LogitsFile, labels: NDArray[np.integer[Any]]) -> None:
    """Raise CorpusError for probabilities of a softmax, which add up to 1 in every row, unless each text has one label of
    `labels` `[texts, labels]`."""
    if not file.is_of_softmax:
        return
    n_labels = (labels == 1).sum(axis=1)[(labels >= 0).all(axis=1)]
    if (n_labels == 1).all():
        return
    n_none, n_several = int((n_labels == 0).sum()), int((n_labels > 1).sum())
    raise CorpusError(
        f"{source}: its probabilities add up to 1 in every row, as those of a softmax do, which picks one class, but of {len(n_labels)} "
        f"dev texts {n_several} have several labels and {n_none} have none; give the probability of each label by itself (the sigmoid of "
        "its logit)"
    )


def about_one_answer(
    source: str, logits: NDArray[np.floating], labels: NDArray[np.integer[Any]], names: Sequence[str]
) -> list[str]:
    """The line about a teacher whose logits on dev `[texts, classes]` give one class to all texts, although these
    have several by their `labels`, as in `Split`."""
    counts = n_texts_of(labels, len(names))
    if labels.ndim == 2:
        return [*_about_one_set(source, logits, names, counts), *about_turned(source, logits, labels, names)]
    answers = np.unique(logits.argmax(axis=1))
    if (counts > 0).sum() < 2:
        return []
    if len(answers) > 1:
        return _about_unrelated(source, logits.argmax(axis=1), labels, len(names))
    answer = int(answers[0])
    is_same = np.ptp(logits, axis=0).max() == 0
    doubt = "students learn nothing of the texts from it" if is_same else "is it trained, and on such texts?"
    return [
        f"{source}: it says {names[answer]} of each of {len(logits)} texts of dev{', with the same logits' if is_same else ''}, where "
        f"{counts.sum() - counts[answer]} of {counts.sum()} have another label; {doubt}"
    ]


def _about_unrelated(
    source: str, answers: NDArray[np.integer[Any]], labels: NDArray[np.integer[Any]], n_classes: int
) -> list[str]:
    """The line about answers `[texts]` that go with the labels no more often than answers to other texts would."""
    known = labels != UNLABELLED
    counts = confusion(answers[known], labels[known], n_classes)
    n, n_right = int(counts.sum()), int(np.trace(counts))
    share = float(counts.sum(axis=1) @ counts.sum(axis=0)) / n**2
    if n < FEWEST_TEXTS or _is_beyond_chance(n_right, n, share):
        return []
    return [
        f"{source}: it is right on {n_right} of {n} texts of dev, where {share * n:.0f} are right by chance: do its rows belong to other texts, "
        "its columns to other labels, or has it learnt nothing?"
    ]


def _is_beyond_chance(n_right: int, n: int, share: float) -> bool:
    """Whether `n_right` of `n` answers are right by chance in at most `BY_CHANCE` of all cases."""
    # Hoeffding's bound (1963) settles it for nearly every teacher, and the exact probability imports scipy.
    log_bound = -2 * n * max(0.0, n_right / n - share) ** 2
    return log_bound <= math.log(BY_CHANCE) or log_at_least(n_right, n, share) <= math.log(BY_CHANCE)


def _about_one_set(
    source: str, logits: NDArray[np.floating], names: Sequence[str], counts: NDArray[np.int64]
) -> list[str]:
    """The line about a teacher that gives all texts the same logit of a label that some of them have."""
    spread = np.ptp(logits, axis=0)
    same = [place for place in range(len(counts)) if counts[place] and not spread[place]]
    if not same:
        return []
    if not spread.any():
        return [
            f"{source}: it gives all {len(logits)} texts of dev that were looked at the same logits, where {len(same)} labels have texts; students learn nothing of the texts "
            "from it"
        ]
    shown = ", ".join(f"{names[place]} ({counts[place]})" for place in same[:MOST_SHOWN])
    more = f" and {len(same) - MOST_SHOWN} more" if same[MOST_SHOWN:] else ""
    return [
        f"{source}: it gives all {len(logits)} texts of dev that were looked at the same logit for {shown}{more}, which some of them have; students learn nothing of "
        f"{'this label' if len(same) == 1 else 'these labels'} from it"
    ]
