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
    "micro_f1",
    "mean_average_precision",
    "exact_match",
]
Threshold = Literal["on_dev", "none"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_ONE_LABEL = ("f1", "roc_auc", "pr_auc", "recall_at_precision")
"""The metrics that may compare one label with all others."""
NEEDS_LABEL = ("f1", "recall_at_precision")
WITHOUT_ANSWERS = ("roc_auc", "pr_auc", "mean_average_precision", "log_loss")
"""The metrics that are the same whichever label is answered."""
WITHOUT_THRESHOLD = ("accuracy", "exact_match")
"""The metrics of answers that have no threshold unless the study wants one."""
OF_ONE_LABEL_A_TEXT = {"accuracy": "exact_match", "mcc": "macro_f1", "balanced_accuracy": "macro_f1"}
"""The metrics that need one label a text, and what is nearest to each if a text has several."""
OF_SEVERAL_LABELS = {"micro_f1": "accuracy", "exact_match": "accuracy", "mean_average_precision": "pr_auc"}
"""The metrics that need several labels a text, and what each is if a text has one."""
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
    "micro_f1": "micro-F1",
    "mean_average_precision": "mAP",
    "exact_match": "exact match",
}


def _usual_threshold(known: dict[str, Any]) -> Threshold:
    return "none" if known.get("kind", "accuracy") in (*WITHOUT_ANSWERS, *WITHOUT_THRESHOLD) else "on_dev"


class MetricConfig(BaseModel, frozen=True, extra="forbid"):
    """The figure that epochs, ASHA, the sampler, the champion rule, the pictures and the table use. More of it is always better.

    `macro_f1` alone is short for `{kind: macro_f1}`, `{f1: refund}` for `{kind: f1, label: refund}`, and
    `{recall_at_precision: {label: spam, precision: 0.99}}` for all three.
    """

    kind: Kind = "accuracy"
    """The kind of the metric. A `log_loss` is negative, so that more is better. `accuracy`, `mcc` and `balanced_accuracy` are
    of one label a text. `micro_f1`, `mean_average_precision` and `exact_match` are of several labels a text
    (`corpus.multi_label`), and all others are of both. Without a metric a study is judged by accuracy, and one of several
    labels by micro-F1."""
    label: str | None = None
    """The label of `f1` and `recall_at_precision`, against all others. `roc_auc` and `pr_auc` may have one too; without it
    they are the mean over all labels."""
    precision: float | None = Field(default=None, gt=0, le=1)
    """The precision of `recall_at_precision`. The score is the largest recall of any threshold that reaches this precision."""
    threshold: Threshold = Field(default_factory=_usual_threshold)
    """`on_dev` answers one label from a probability on, chosen on dev so that the score is best. The checkpoint keeps this
    threshold, and every way of asking uses it. The label is the metric's own, or the second of two; with three labels and
    more, a metric of all labels has no threshold. `none` answers the likeliest label. If a text has several labels, `on_dev`
    chooses a threshold for each label, and `none` answers each from 0.5 on. `on_dev` is the default of all metrics but
    `accuracy`, `exact_match`, `roc_auc`, `pr_auc`, `mean_average_precision` and `log_loss`."""

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

    @property
    def is_share_of_texts(self) -> bool:
        """Whether it counts the texts that are answered rightly altogether, which has Wilson's interval."""
        return self.kind in ("accuracy", "exact_match")

    def fault(self, is_multi_label: bool) -> str:
        """The reason why it cannot judge one label a text, or several; "" if it can."""
        other = (OF_ONE_LABEL_A_TEXT if is_multi_label else OF_SEVERAL_LABELS).get(self.kind)
        if other is not None:
            what = (
                "one label a text, and with corpus.multi_label a text has several"
                if is_multi_label
                else "several labels a text"
            )
            return f"metric: {self.kind} is of {what}; take another metric, such as {other}"
        if is_multi_label and self.kind == "exact_match" and self.threshold == "on_dev":
            return "metric: exact_match has no thresholds of single labels that could be chosen by it; set threshold: none, or take micro_f1"
        return ""


ACCURACY = MetricConfig()
MICRO_F1 = MetricConfig(kind="micro_f1")
