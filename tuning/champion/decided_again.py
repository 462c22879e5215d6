"""The rule of a compressed student: its thresholds and its temperature, fitted again, as compression changes its logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora import encoding
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import Checkpoint, save_checkpoint
from distune.models.predictor import Predictor
from distune.tuning.champion.dev_profile import with_profile_of
from distune.tuning.metric.task import AnyMetric, task_of_metric
from distune.tuning.metric.temperature import scaled

Decided = tuple[Checkpoint, list[str]]
"""A student with its rule, and the sentences about it for people and for its card."""


def decided_again(
    checkpoint: Checkpoint, metric: AnyMetric, texts: Sequence[str], labels: NDArray[np.integer[Any]], is_fitted: bool
) -> Decided:
    """A compressed student with the thresholds that are best on dev for it, the temperature too if it `is_fitted`, and the
    profile of what it then answers to dev.

    Dev chooses thresholds if the metric has some and dev has chosen those of before. A temperature that is not fitted is 1.
    """
    decided, lines = _decided(checkpoint, metric, texts, labels, is_fitted)
    return with_profile_of(decided, texts), lines


def _decided(
    checkpoint: Checkpoint, metric: AnyMetric, texts: Sequence[str], labels: NDArray[np.integer[Any]], is_fitted: bool
) -> Decided:
    before = replace(checkpoint.decision, temperature=1.0)
    is_chosen = metric.without_dev is None and before != task_of_metric(metric).undecided(len(checkpoint.labels))
    if not is_chosen and not is_fitted:
        return replace(checkpoint, decision=before), _about_none(checkpoint)
    logits = _logits(checkpoint, texts)
    decision, lines = before, []
    if is_chosen:
        decision = metric.decision(logits, labels)
        lines.append(
            f"Dev has chosen what is answered from which probability on again, by {metric.config.title}: `thresholds` in `config.json` "
            "counts, and not the section about thresholds of its card."
        )
    if not is_fitted:
        return replace(checkpoint, decision=decision), [*lines, *_about_none(checkpoint)]
    fit = scaled(decision, logits, labels)
    why = f"is 1, as {fit.note}" if fit.note else f"is {fit.decision.temperature:g} now, fitted on dev again"
    lines.append(
        f"Its temperature {why}; before it was {checkpoint.decision.temperature:g}. `temperature` in `config.json` counts, and not its card."
    )
    return replace(checkpoint, decision=fit.decision), lines


def as_before(checkpoint: Checkpoint) -> Decided:
    """A student that is compressed with plain texts, which have no labels to choose or fit anything by."""
    temperature = checkpoint.decision.temperature
    said = f"Its temperature is still {temperature:g}, which was fitted before the compression; --study fits it again."
    return replace(checkpoint, dev_profile=None), [] if temperature == 1 else [said]


def _about_none(checkpoint: Checkpoint) -> list[str]:
    said = "Its temperature is 1 now, as its study says `champion.calibration: none`."
    return [] if checkpoint.decision.temperature == 1 else [said]


def _logits(checkpoint: Checkpoint, texts: Sequence[str]) -> NDArray[np.float32]:
    """The logits `[texts, classes]` of each text alone, as it is served."""
    with TemporaryDirectory() as made:
        save_checkpoint(checkpoint, Path(made) / "one", "", Path(encoding.__file__))
        predictor = Predictor(Path(made) / "one", load_encoder(Path(made) / "one"))
        return np.concatenate([predictor.logits([text]) for text in texts])
