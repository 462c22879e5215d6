"""The configuration of a trial in a few words, and the names of the baseline of distillation."""

from __future__ import annotations

from pydantic import BaseModel

from distune.losses.config import OF_LABELS, LossConfig
from distune.tuning.trial.config import TrialConfig

STUDENT_ALONE = "student alone"
HARD_LABEL_STUDENT = "hard-label student"
"""The same student of a study whose train has no labels: it learns the likeliest label of each of the teacher's answers."""


def describe_trial(config: TrialConfig) -> str:
    """The parts of a trial, each with what is not its default."""
    parts = [describe(config.tokens), describe(config.vectors), describe(config.student)]
    parts.append(describe_loss(config.loss))
    if config.augment.n_iter:
        parts.append(f"augment n_iter={config.augment.n_iter}")
    if config.compression.kind != "none":
        parts.append(describe(config.compression))
    return " · ".join([*parts, f"learning_rate={config.learning_rate:.2g}"])


def describe_loss(config: LossConfig) -> str:
    """A loss: its weight, its term for the teacher, and what else is not its default."""
    if config.is_plain:
        of_labels = config.model_dump(include=set(OF_LABELS), exclude_defaults=True)
        return " ".join(["plain", *_settings(of_labels)])
    mix = config.model_dump(exclude={"teacher_term", "kd_weight", "hidden"}, exclude_defaults=True)
    loss = [f"kd_weight={config.kd_weight:.2f}", describe(config.teacher_term), *_settings(mix)]
    if config.hidden_weight:
        loss.append(f"hidden {config.hidden.kind}")
    return " ".join(loss)


def describe(part: BaseModel) -> str:
    """The kind of a part, and those settings that are not its defaults."""
    settings = part.model_dump(exclude={"kind"}, exclude_defaults=True)
    return " ".join([str(part.model_dump()["kind"]), *_settings(settings)])


def _settings(settings: dict[str, object]) -> list[str]:
    return [f"{name}={_short(value)}" for name, value in settings.items()]


def _short(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
