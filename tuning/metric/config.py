"""The metric in a study file, and its name in print."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, model_validator

Kind = Literal[
    "accuracy",
    "macro_f1",
    "weighted_f1",
    "f1",
    "mcc",
    "balanced_accuracy",
    "roc_auc",
    "pr_auc",
    "recall_at_precision",
    "log_loss",
]
Threshold = Literal["on_dev", "none"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_ONE_LABEL = ("f1", "roc_auc", "pr_auc", "recall_at_precision")
"""The metrics that may compare one label with all others."""
NEEDS_LABEL = ("f1", "recall_at_precision")
WITHOUT_ANSWERS = ("roc_auc", "pr_auc", "log_loss")
"""The metrics that are the same whichever label is answered."""
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "recall_at_precision": "recall",
    "log_loss": "negative log loss",
}


def _usual_threshold(known: dict[str, Any]) -> Threshold:
    return "none" if known.get("kind", "accuracy") in (*WITHOUT_ANSWERS, "accuracy") else "on_dev"


class MetricConfig(BaseModel, frozen=True, extra="forbid"):
    """The figure that epochs, ASHA, the sampler, the champion rule, the pictures and the table use. More of it is always better.

    `macro_f1` alone is short for `{kind: macro_f1}`, `{f1: refund}` for `{kind: f1, label: refund}`, and
    `{recall_at_precision: {label: spam, precision: 0.99}}` for all three.
    """

    kind: Kind = "accuracy"
    """The kind of the metric. scikit-learn computes it, except `accuracy`. A `log_loss` is negative, so that more is better."""
    label: str | None = None
    """The label of `f1` and `recall_at_precision`, against all others. `roc_auc` and `pr_auc` may have one too; without it
    they are the mean over all labels."""
    precision: float | None = Field(default=None, gt=0, le=1)
    """The precision of `recall_at_precision`. The score is the largest recall of any threshold that reaches this precision."""
    threshold: Threshold = Field(default_factory=_usual_threshold)
    """`on_dev` answers one label from a probability on, chosen on dev so that the score is best. The checkpoint keeps this
    threshold, and every way of asking uses it. The label is the metric's own, or the second of two; with three labels and
    more, a metric of all labels has no threshold. `none` answers the likeliest label. `on_dev` is the default of all
    metrics but `accuracy`, `roc_auc`, `pr_auc` and `log_loss`."""

    @model_validator(mode="before")
    @classmethod
    def _long(cls, given: Any) -> Any:
        """The short forms as the long one."""
        if isinstance(given, str):
            given = {"kind": given}
        if isinstance(given, dict) and len(given) == 1 and (kind := next(iter(given))) in KINDS:
            settings = given[kind]
            given = {"kind": kind, **(settings if isinstance(settings, dict) else {"label": settings})}
        if isinstance(given, dict) and type(given.get("label")) is int:
            given = {**given, "label": str(given["label"])}  # YAML reads the label 1 as a number.
        return given

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> MetricConfig:
        if self.kind in NEEDS_LABEL and self.label is None:
            raise ValueError(f"{self.kind} needs the label that it is of, such as {self._example()}")
        if self.label is not None and self.kind not in OF_ONE_LABEL:
            raise ValueError(f"{self.kind} is of all labels together and takes none, but got label={self.label!r}")
        if self.kind == "recall_at_precision" and self.precision is None:
            raise ValueError(f"recall_at_precision needs the precision, such as {self._example()}")
        if self.precision is not None and self.kind != "recall_at_precision":
            raise ValueError(f"{self.kind} takes no precision, but got precision={self.precision:g}")
        if self.threshold == "on_dev" and self.kind in WITHOUT_ANSWERS:
            raise ValueError(
                f"{self.kind} is of probabilities and not of answers, so that no threshold can be chosen by it"
            )
        return self

    def _example(self) -> str:
        label = self.label or "LABEL"
        return f"{{f1: {label}}}" if self.kind == "f1" else f"{{{self.kind}: {{label: {label}, precision: 0.9}}}}"

    @property
    def title(self) -> str:
        """The name in print: `macro-F1`, `F1 of refund`, `recall of spam at precision 0.99`."""
        of = "" if self.label is None else f" of {self.label}"
        at = "" if self.precision is None else f" at precision {self.precision:g}"
        return f"{TITLES[self.kind]}{of}{at}"

    @property
    def is_accuracy(self) -> bool:
        return self.kind == "accuracy"


ACCURACY = MetricConfig()
