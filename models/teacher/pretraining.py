"""Masked-language-model pretraining (Devlin et al. 2019, section 3.1), from nothing or on from a checkpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distune.models.training.batches import shuffled_batches
from distune.models.training.loop import Schedule, optimise, with_progress

_log = logging.getLogger(__name__)
IGNORED = -100
HEADS = {"bert": "cls", "ernie": "cls", "roberta": "lm_head", "xlm-roberta": "lm_head", "camembert": "lm_head"}
"""What, for each family, makes logits over the vocabulary of the last layer's states, row by row."""


@dataclass(frozen=True, kw_only=True)
class PretrainingPlan:
    """How long, how fast, in batches of how many texts, how much is asked for, and drawn by which seed."""

    epochs: int
    learning_rate: float
    batch_size: int
    mask_probability: float
    seed: int


@dataclass(frozen=True)
class MaskIds:
    """The token ids that masking needs: what hides a token, which tokens are never hidden, and how many there are."""

    mask: int
    special: tuple[int, ...]
    vocabulary_size: int


def mask_tokens(
    token_ids: Tensor, ids: MaskIds, probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Choose the tokens that the model must predict: 80 % of them become the mask, 10 % a random token, 10 % stay.

    `token_ids` is `[batch, length]`; returns the masked ids and the targets, -100 for all other tokens.
    """
    special = torch.isin(token_ids, torch.tensor(ids.special))
    asked = (torch.rand(token_ids.shape, generator=generator) < probability) & ~special
    targets = torch.where(asked, token_ids, IGNORED)
    fate = torch.rand(token_ids.shape, generator=generator)
    random_ids = torch.randint(ids.vocabulary_size, token_ids.shape, generator=generator)
    masked = torch.where(asked & (fate < 0.8), ids.mask, token_ids)
    return torch.where(asked & (fate >= 0.9), random_ids, masked), targets


def asked_logits(model: Any, token_ids: Tensor, attention_mask: Tensor, asked: Tensor) -> Tensor:
    """Logits over the vocabulary, `[asked, vocabulary]`, of the tokens where `asked` `[batch, length]` is true.

    If the head of the family is known, they are computed only for these tokens, which are one in seven.
    """
    head = HEADS.get(model.config.model_type)
    logits: Tensor
    if head is None:
        logits = model(input_ids=token_ids, attention_mask=attention_mask).logits[asked]
    else:
        states = model.base_model(input_ids=token_ids, attention_mask=attention_mask).last_hidden_state
        logits = getattr(model, head)(states[asked])
    return logits


def pretrain(
    model: Any,
    texts_ids: Sequence[Sequence[int]],
    encode_batch: Callable[[Sequence[Sequence[int]]], dict[str, Tensor]],
    ids: MaskIds,
    plan: PretrainingPlan,
) -> None:
    """Train a masked language model of transformers in place."""
    rng, generator = np.random.default_rng(plan.seed), torch.Generator().manual_seed(plan.seed)
    lengths = np.array([len(one) for one in texts_ids])
    batches = [batch for _ in range(plan.epochs) for batch in shuffled_batches(lengths, plan.batch_size, rng)]
    device = next(model.parameters()).device

    def loss_of(batch: NDArray[np.int64]) -> Tensor:
        inputs = encode_batch([texts_ids[i] for i in batch])
        masked, targets = mask_tokens(inputs["input_ids"], ids, plan.mask_probability, generator)
        asked = targets != IGNORED
        logits = asked_logits(model, masked.to(device), inputs["attention_mask"].to(device), asked.to(device))
        # A batch of very short texts can have no hidden token at all: its loss is zero, not undefined.
        return nn.functional.cross_entropy(logits.float(), targets[asked].to(device), reduction="sum") / max(
            1, int(asked.sum())
        )

    model.train()
    started, n_steps = time.monotonic(), len(batches)
    steps = optimise(model, batches, loss_of, Schedule(n_steps, plan.learning_rate, 0.05))
    losses = list(with_progress(steps, n_steps, "pretraining"))
    minutes = (time.monotonic() - started) / 60
    _log.info(f"pretraining step {n_steps:,}/{n_steps:,}: loss {np.mean(losses[-200:]):.3f}, {minutes:.1f} min")
