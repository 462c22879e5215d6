"""Training a teacher: fine-tuned from a checkpoint, or from scratch without a model hub."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from distune.models.logits import accuracy_of
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.loading import about_its_class, named_head, refuse_adapter
from distune.models.teacher.new_head import draw_last_layer, new_classifier
from distune.models.teacher.on_cpu import cheap_dropout
from distune.models.teacher.rehearsal import rehearse
from distune.models.teacher.start import masked_model, start_of
from distune.models.teacher.teacher import Teacher, teacher_logits
from distune.models.teacher.tokenizing import inputs_of, load_tokenizer, padded, quiet_transformers
from distune.models.teacher.unknown_text import refuse_unknown
from distune.models.training.batches import endless_batches
from distune.models.training.loop import Schedule, optimise, pick_device, with_progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingTexts:
    """The data of a teacher: `labels` and `dev_labels` index `label_names`, the columns of the head in their order, or
    have a column for each; pretraining texts need no label."""

    texts: Sequence[str]
    labels: NDArray[np.integer[Any]]
    dev_texts: Sequence[str]
    dev_labels: NDArray[np.integer[Any]]
    label_names: Sequence[str]
    pretraining_texts: Sequence[str] = ()
    has_other_classes: bool = False
    """Whether the checkpoint's classification head is for other classes; then its last layer gets new random
    weights."""
    score: Callable[[NDArray[np.floating[Any]], NDArray[np.integer[Any]]], float] = accuracy_of
    """The score of logits `[texts, classes]` against labels. The training keeps the epoch with the highest."""
    score_name: str = "accuracy"

    @property
    def is_multi_label(self) -> bool:
        """Whether a text has several labels: then labels are `[texts, labels]`, 1, 0, or -1 for what is unknown."""
        return self.labels.ndim == 2


def train_teacher(config: TeacherConfig, data: TrainingTexts, folder: Path) -> Path:
    """Fine-tune every member and save it as a normal transformers folder; returns `folder`.

    Raises ModelError when the checkpoint cannot be loaded, and FloatingPointError when the loss is not finite.
    """
    quiet_transformers()
    torch.manual_seed(config.seed)
    start, tokenizer = start_of(config, data.pretraining_texts or data.texts, data.texts, folder)
    for member in range(config.members):
        torch.manual_seed(config.seed + member)
        made = new_classifier(config, start, tokenizer, named_head(data.label_names, data.is_multi_label))
        if data.has_other_classes:
            draw_last_layer(made.model, len(data.label_names))
        for note in made.notes if member == 0 else ():
            _log.info(note)
        model = made.model.to(pick_device())
        with cheap_dropout(model):
            _fine_tune(model, tokenizer, made.config, data, config.seed + member)
        place = folder if config.members == 1 else folder / f"member-{member}"
        model.save_pretrained(place)
        tokenizer.save_pretrained(place)
    return folder


def check_start(
    config: TeacherConfig, texts: Sequence[str], label_names: Sequence[str], is_multi_label: bool = False
) -> tuple[str, ...]:
    """Raise ModelError for what would stop the training from a checkpoint, before it starts; returns what is assumed.

    The checkpoint is loaded, and answers some texts once with a head that has learnt nothing.
    """
    quiet_transformers()
    refuse_adapter(str(config.checkpoint))
    tokenizer = load_tokenizer(str(config.checkpoint), config.revision)
    if config.pretrain is not None:
        masked_model(config, str(config.checkpoint), tokenizer)
    made = new_classifier(config, str(config.checkpoint), tokenizer, named_head(label_names, is_multi_label))
    known = refuse_unknown(f"the teacher {config.checkpoint}", tokenizer, texts)
    rehearse(
        Teacher(models=(made.model.eval(),), tokenizer=tokenizer, max_length=made.config.max_length),
        texts,
        config.hidden_states,
    )
    return (*about_its_class(str(config.checkpoint), config.revision, made.model), *made.notes, *known)


def _hard_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of labels `[batch]`, or the mean binary cross-entropy of all known ones of `[batch, labels]`."""
    if labels.ndim == 1:
        return nn.functional.cross_entropy(logits, labels)
    known = labels >= 0
    return nn.functional.binary_cross_entropy_with_logits(logits[known], labels[known].float())


def _fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: TeacherConfig,
    data: TrainingTexts,
    seed: int,
) -> None:
    """Train in place, and leave the model with the weights of its best epoch on dev."""
    rng, device = np.random.default_rng(seed), next(model.parameters()).device
    rows = inputs_of(model, tokenizer, data.texts, config.max_length)
    lengths = np.array([len(row["input_ids"]) for row in rows])
    steps_per_epoch = -(-len(lengths) // config.batch_size)
    n_steps = config.epochs * steps_per_epoch
    schedule = Schedule(n_steps, config.learning_rate, config.warmup_fraction)

    def loss_of(batch: NDArray[np.int64]) -> Tensor:
        inputs = {k: v.to(device) for k, v in padded(tokenizer, [rows[i] for i in batch]).items()}
        labels = torch.from_numpy(data.labels[batch]).to(device)
        return _hard_loss(model(**inputs).logits.float(), labels)

    steps = optimise(model, endless_batches(lengths, config.batch_size, rng), loss_of, schedule)
    steps = with_progress(steps, n_steps, "teacher")
    best_score, best_weights, best_epoch = -math.inf, {}, 0
    for epoch in range(1, config.epochs + 1):
        model.train()
        losses = [next(steps) for _ in range(steps_per_epoch)]
        logits = teacher_logits(
            Teacher(models=(model.eval(),), tokenizer=tokenizer, max_length=config.max_length), data.dev_texts
        )
        score = data.score(logits, data.dev_labels)
        _log.info(
            f"teacher epoch {epoch}/{config.epochs}: loss {np.mean(losses):.3f}, dev {data.score_name} {score:.4f}"
        )
        if score > best_score:
            best_score, best_epoch = score, epoch
            best_weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        elif epoch - best_epoch >= config.patience:
            break
    model.load_state_dict(best_weights)
