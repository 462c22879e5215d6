"""The label of each column of a study's teacher: read from a checkpoint's own names, printed, and compared with dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distune.corpora.columns import ColumnOrder, class_names, column_order
from distune.corpora.texts import CorpusError
from distune.models.teacher.hub import checkpoint_settings

if TYPE_CHECKING:
    from distune.models.teacher.teacher import Teacher


def checkpoint_columns(
    checkpoint: str, commit: str | None, labels: Sequence[str], said: Sequence[str] | None = None
) -> tuple[ColumnOrder, ...]:
    """How the columns of a classifier, or of each member of an ensemble, become the labels of the corpus.

    Raises CorpusError for names that do not match the labels, and ModelError for settings that cannot be read.
    """
    found = checkpoint_settings(checkpoint, commit)
    return tuple(
        column_order(_names(settings, source, said), labels, source, said)
        for settings, source in (
            (one, f"{checkpoint}/{member}" if member else checkpoint) for member, one in found.items()
        )
    )


def _names(settings: Mapping[str, Any], source: str, said: Sequence[str] | None) -> list[str] | None:
    try:
        names = class_names(settings, source)
    except CorpusError:
        if said is None:
            raise
        return None
    # Names of other classes than the head has are not its own; `said` is then all that is known.
    return None if said is not None and names is not None and len(names) != len(said) else names


def in_order(teacher: Teacher, columns: Sequence[ColumnOrder]) -> Teacher:
    """The teacher, answering in the order of the corpus' labels."""
    return replace(teacher, orders=tuple(one.order for one in columns))


@dataclass(frozen=True, kw_only=True)
class Head:
    """The properties of a checkpoint before its training: the labels of its columns in their order, whether its last
    layer has other classes, and the assumption about it (or "")."""

    labels: tuple[str, ...]
    has_other_classes: bool = False
    assumed: str = ""


def head_of(
    checkpoint: str, commit: str | None, labels: Sequence[str], said: Sequence[str] | None, is_multi_label: bool = False
) -> Head:
    """The order of the columns of a head in its training.

    A head for the same labels keeps its order, and a head without names takes the order of the labels. The head of a
    classifier of other classes gets new random weights. A checkpoint without a head has no order.
    """
    plain = Head(labels=tuple(labels))
    settings = next(iter(checkpoint_settings(checkpoint, commit).values()))
    names = settings.get("architectures") or ()
    if said is None and not any(str(name).endswith("ForSequenceClassification") for name in names):
        return plain
    try:
        order = column_order(_names(settings, checkpoint, said), labels, checkpoint, said)
    except CorpusError:
        if said is not None:
            raise
        return replace(
            plain,
            has_other_classes=True,
            assumed=f"the head of {checkpoint} is of other classes; its last layer is drawn anew",
        )
    taken = tuple(order.by_column(labels))
    as_labels = f"the head of {checkpoint} is trained on as {', '.join(taken)}"
    assumed = [as_labels] if taken != tuple(labels) or order.assumed else []
    from distune.models.teacher.head_kind import about_trained_on  # It imports transformers, which takes seconds.

    of_other_task = about_trained_on(checkpoint, settings.get("problem_type"), is_multi_label)
    return Head(labels=taken, assumed="; ".join([*assumed, *([of_other_task] if of_other_task else [])]))
