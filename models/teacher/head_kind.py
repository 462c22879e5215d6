"""The task that a classifier's head has learnt: to pick one class of a text, or to answer each label by itself.

transformers keeps it as `problem_type`, and sets it in training by the type of the labels: integers are classes, and
floats are independent labels. A checkpoint that was trained by a loss outside the model does not say it.
"""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedConfig

from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.teacher.own_code import refuse_unknown_class

ONE_CLASS, EACH_LABEL, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def refuse_other_outputs(place: str | Path, config: PreTrainedConfig, is_multi_label: bool | None) -> None:
    """Raise ModelError unless a classifier is of transformers, has several outputs, and answers as the corpus is labelled.

    `is_multi_label` says whether a text of the corpus has several labels, and None that there is no corpus.
    """
    refuse_unknown_class(place, config)
    kind = getattr(config, "problem_type", None)
    if kind == REGRESSION or config.num_labels < 2:
        raise ModelError(
            f"the teacher {place} has {n_of(config.num_labels, 'output')}"
            f"{' and problem_type regression' if kind == REGRESSION else ''}, a score and no class; "
            "set epochs >= 1 to fine-tune it"
        )
    refuse_other_task(place, kind, is_multi_label)


def refuse_other_task(place: str | Path, kind: str | None, is_multi_label: bool | None) -> None:
    """Raise ModelError if the kind of a head is that of the other task."""
    if kind == EACH_LABEL and is_multi_label is False:
        raise ModelError(
            f"the teacher {place} is multi-label (problem_type in its config.json), and the corpus has one label a text; "
            "set epochs >= 1 to fine-tune it, or corpus.multi_label if a text may have several"
        )
    if kind == ONE_CLASS and is_multi_label:
        raise ModelError(
            f"the teacher {place} picks one class for each text (problem_type {ONE_CLASS} in its config.json), and the corpus has "
            f"several labels a text; set epochs >= 1 to fine-tune it. If it was trained on several, write {EACH_LABEL} there"
        )


def about_its_task(place: str | Path, kind: str | None, is_multi_label: bool | None) -> list[str]:
    """The line about a checkpoint that does not say its task in a word of transformers, if texts have several labels."""
    if kind in (ONE_CLASS, EACH_LABEL) or not is_multi_label:
        return []
    said = "no problem_type" if kind is None else f"problem_type {kind!r}"
    return [
        f"the teacher {place} does not say whether it answers each label by itself ({said} in its config.json); it is taken so. "
        "If it was trained to pick one class, set epochs >= 1"
    ]


def about_trained_on(place: str | Path, kind: str | None, is_multi_label: bool) -> str:
    """The sentence about a head of the other task that is trained on; "" for one of this task."""
    if kind != (ONE_CLASS if is_multi_label else EACH_LABEL):
        return ""
    each, one = "to answer each label by itself", "to pick one class"
    before, after = (one, each) if is_multi_label else (each, one)
    return f"the head of {place} has learnt {before}, and is trained on {after}"
