"""The term of the labels: cross-entropy of one label a text, or of every label by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from distune.losses.config import LossConfig

UNLABELLED = -1
CERTAIN = 1e-6
"""The least distance of a probability from 1 in the focal loss: for γ < 1 the slope of (1 - p)^γ at p = 1 is infinite."""


class HardTerm(nn.Module):
    """The settings of the labels' term and the weights of the classes."""

    def __init__(self, config: LossConfig, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        # Not in the state: a training that goes on computes them again.
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", class_weights, persistent=False)

    def focal(self, p: Tensor) -> Tensor:
        """The factor of the focal loss for each probability of what is true, in the shape of `p` (Lin et al. 2017)."""
        return (1 - p).clamp_min(CERTAIN) ** self.config.focal_gamma


class OneLabelTerm(HardTerm):
    """The cross-entropy of the rows that have a label, a mean weighted by class.

    `class_weights` is `[classes]`.
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """A scalar of logits `[batch, classes]` and labels `[batch]`, -1 for a row without one; 0 without any label."""
        labelled = labels != UNLABELLED
        if not bool(labelled.any()):
            return logits.sum() * 0.0
        logits, labels = logits[labelled], labels[labelled]
        smoothing, weights, gamma = self.config.label_smoothing, self.class_weights, self.config.focal_gamma
        if not gamma:
            return nn.functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
        rows = nn.functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing, reduction="none")
        p = nn.functional.softmax(logits, dim=-1).gather(1, labels[:, None])[:, 0]
        n = len(labels) if weights is None else weights[labels].sum()
        return (self.focal(p) * rows).sum() / n


class SeveralLabelsTerm(HardTerm):
    """The binary cross-entropy of all labels that are known, a mean weighted by label and by whether a text has it.

    `class_weights` is `[2, labels]`: those of texts without a label, and of texts with it.
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """A scalar of logits `[batch, labels]` and labels of the same shape: 1, 0, or -1 for an unknown one; 0 if all are unknown."""
        known = labels != UNLABELLED
        if not bool(known.any()):
            return logits.sum() * 0.0
        has = (labels == 1).to(logits)
        smoothing, gamma = self.config.label_smoothing, self.config.focal_gamma
        targets = has * (1 - smoothing) + smoothing / 2
        cells = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        if gamma:
            p = torch.where(labels == 1, logits, -logits).sigmoid()
            cells = self.focal(p) * cells
        weights = known.to(logits)
        if self.class_weights is not None:
            weights = weights * torch.where(labels == 1, self.class_weights[1], self.class_weights[0])
        return (weights * cells).sum() / weights.sum()


def weights_of_classes(config: LossConfig, counts: Tensor, labels: Sequence[str] = ()) -> Tensor | None:
    """The weight of each class `[classes]` from the number of its texts, 1 in the mean over the texts; None without weights.

    A class without a text has the weight of one text. `labels` are the names of the classes, for weights by name. Raises
    ValueError if there is no text at all, and for the name of no class.
    """
    if config.class_weights == "none":
        return None
    if not counts.sum():
        raise ValueError(f"class_weights={config.class_weights} needs labelled texts, and there are none")
    counts = counts.double()
    weights = (
        _by_name(config.class_weights, labels) if isinstance(config.class_weights, dict) else _by_count(config, counts)
    )
    return (weights * counts.sum() / (weights * counts).sum()).float()


def weights_of_labels(config: LossConfig, counts: Tensor, labels: Sequence[str] = ()) -> Tensor | None:
    """The weights `[2, labels]` of texts without a label and with it, from their numbers `[2, labels]`; None without weights.

    Each label's weights are 1 in the mean over its texts, so that no label counts more than another. Weights by name are
    those of the texts that have the label. Raises ValueError if there is no text at all, and for the name of no label.
    """
    if config.class_weights == "none":
        return None
    if not counts.sum():
        raise ValueError(f"class_weights={config.class_weights} needs labelled texts, and there are none")
    counts = counts.double()
    if isinstance(config.class_weights, dict):
        has = _by_name(config.class_weights, labels)
        weights = torch.stack([torch.ones_like(has), has])
    else:
        weights = _by_count(config, counts)
    return (weights * counts.sum(dim=0) / (weights * counts).sum(dim=0).clamp_min(1e-12)).float()


def _by_count(config: LossConfig, counts: Tensor) -> Tensor:
    n, beta = counts.clamp_min(1), config.effective_beta
    return 1 / (n if config.class_weights == "balanced" else (1 - beta**n) / (1 - beta))


def _by_name(weights: Mapping[str, float], labels: Sequence[str]) -> Tensor:
    if unknown := [name for name in weights if name not in labels]:
        raise ValueError(
            f"loss.class_weights: {unknown[0]!r} is none of the labels {', '.join(map(repr, labels[:20]))}"
        )
    return torch.tensor([weights.get(label, 1.0) for label in labels], dtype=torch.float64)
