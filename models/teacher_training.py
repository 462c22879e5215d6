"""Training a teacher: fine-tuned from a checkpoint, or from nothing where there is no model hub."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from models.batches import endless_batches
from models.fitting import ModelError, Progress, Schedule, aloud, optimise, pick_device
from models.pretraining import MaskIds, PretrainingPlan, pretrain
from models.teacher import (
    Teacher,
    at,
    character_tokenizer,
    first_line,
    padded,
    quiet_transformers,
    teacher_logits,
    tokenize,
)
from models.teacher_config import FromScratchConfig, TeacherConfig
from models.teacher_on_cpu import cheap_dropout

SCRATCH_RATE, CHECKPOINT_RATE = 5e-4, 5e-5
"""Of pretraining: weights that have learnt a language already are not to be shaken."""


@dataclass(frozen=True)
class TrainingTexts:
    """What a teacher learns from: `labels` and `dev_labels` index `label_names`, the columns of the head in their order;
    pretraining texts need no label."""

    texts: Sequence[str]
    labels: NDArray[np.int64]
    dev_texts: Sequence[str]
    dev_labels: NDArray[np.int64]
    label_names: Sequence[str]
    pretraining_texts: Sequence[str] = ()
    has_other_classes: bool = False
    """Whether a classification head that the checkpoint brings is for other classes: its last layer is then drawn anew."""


def train_teacher(config: TeacherConfig, data: TrainingTexts, folder: Path, progress: Progress) -> Path:
    """Fine-tune every member and save it as a normal transformers folder; returns `folder`.

    Raises ModelError when the checkpoint cannot be loaded, and FloatingPointError when the loss is not finite.
    """
    quiet_transformers()
    torch.manual_seed(config.seed)
    start, tokenizer = _start(config, data, folder, progress)
    for member in range(config.members):
        torch.manual_seed(config.seed + member)
        model = _classifier(start, data.label_names, config.revision if start == config.checkpoint else None)
        if data.has_other_classes:
            _draw_last_layer(model, len(data.label_names))
        freeze_all_but_last(model, config.train_last_layers)
        model.to(pick_device())
        with cheap_dropout(model):
            _fine_tune(model, tokenizer, config, data, config.seed + member, progress)
        place = folder if config.members == 1 else folder / f"member-{member}"
        model.save_pretrained(place)
        tokenizer.save_pretrained(place)
    return folder


def _start(
    config: TeacherConfig, data: TrainingTexts, folder: Path, progress: Progress
) -> tuple[str | BertConfig, PreTrainedTokenizerBase]:
    """What the members start from: a checkpoint to load, or the shape of a fresh model, with its tokenizer."""
    texts = data.pretraining_texts or data.texts
    start: str | BertConfig
    if config.from_scratch is None:
        start = str(config.checkpoint)
        tokenizer = _loaded(AutoTokenizer, start, config.revision)
    else:
        tokenizer = character_tokenizer(texts, config.from_scratch.min_count, config.max_length)
        start = _shape(config.from_scratch, len(tokenizer), config.max_length)
    if config.pretrain is None:
        return start, tokenizer
    if tokenizer.mask_token_id is None:
        raise ModelError(f"teacher.pretrain: the tokenizer of {start} has no mask token, as those of BERT's kin have; "
                         "leave pretrain out")  # fmt: skip
    model = (
        BertForMaskedLM(start)
        if isinstance(start, BertConfig)
        else _loaded(AutoModelForMaskedLM, start, config.revision)
    )
    rate = config.pretrain.learning_rate or (SCRATCH_RATE if config.from_scratch else CHECKPOINT_RATE)
    plan = PretrainingPlan(
        config.pretrain.epochs, rate, config.batch_size, config.pretrain.mask_probability, config.seed
    )
    ids = MaskIds(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer))
    token_ids = tokenize(tokenizer, texts, config.max_length)
    with cheap_dropout(model.to(pick_device())):
        pretrain(model, token_ids, lambda rows: padded(tokenizer, rows), ids, plan, progress)
    pretrained = folder / "pretrained"
    model.save_pretrained(pretrained)
    tokenizer.save_pretrained(pretrained)
    return str(pretrained), tokenizer


def _loaded(kind: Any, checkpoint: str, revision: str | None) -> Any:
    """A checkpoint as one of transformers' kinds; raises ModelError when it cannot be loaded as such."""
    try:
        return kind.from_pretrained(checkpoint, **at(revision))
    except (OSError, ValueError) as error:
        what = "teacher.pretrain: " if kind is AutoModelForMaskedLM else ""
        raise ModelError(f"{what}teacher checkpoint {checkpoint} cannot be loaded: {first_line(error)}") from error


def _shape(scratch: FromScratchConfig, n_pieces: int, max_length: int) -> BertConfig:
    return BertConfig(
        vocab_size=n_pieces, hidden_size=scratch.hidden_size, num_hidden_layers=scratch.layers,
        num_attention_heads=scratch.heads, intermediate_size=4 * scratch.hidden_size,
        max_position_embeddings=max_length,
    )  # fmt: skip


def _classifier(start: str | BertConfig, label_names: Sequence[str], revision: str | None) -> PreTrainedModel:
    names = {"id2label": dict(enumerate(label_names)), "label2id": {name: i for i, name in enumerate(label_names)}}
    if isinstance(start, str):
        return AutoModelForSequenceClassification.from_pretrained(
            start, num_labels=len(label_names), ignore_mismatched_sizes=True, **names, **at(revision)
        )
    shape = copy.deepcopy(start)
    shape.id2label, shape.label2id = names["id2label"], names["label2id"]
    return BertForSequenceClassification(shape)


def _draw_last_layer(model: PreTrainedModel, n_classes: int) -> None:
    """Forget which column of the head was which class."""
    body = {id(layer) for layer in model.base_model.modules()}
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and layer.out_features == n_classes and id(layer) not in body:
            nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def freeze_all_but_last(model: PreTrainedModel, train_last_layers: int | None) -> None:
    """Freeze the embeddings and all but the last N encoder layers; the pooler and the head are always trained.

    Raises ModelError when the model has fewer layers, or none that can be found.
    """
    if train_last_layers is None:
        return
    stacks = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        raise ModelError(f"train_last_layers: no stack of layers found in {type(model).__name__}; leave it out")
    layers = max(stacks, key=len)
    if train_last_layers > len(layers):
        raise ModelError(f"train_last_layers must be <= {len(layers)}, but got {train_last_layers=}")
    frozen = [layers[i] for i in range(len(layers) - train_last_layers)]
    for module in [model.base_model.get_input_embeddings(), *frozen]:
        module.requires_grad_(False)
    embeddings = getattr(model.base_model, "embeddings", None)
    if embeddings is not None:
        embeddings.requires_grad_(False)


def _fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: TeacherConfig,
    data: TrainingTexts,
    seed: int,
    progress: Progress,
) -> None:
    """Train in place, and leave the model with the weights of its best epoch on dev."""
    rng, device = np.random.default_rng(seed), next(model.parameters()).device
    token_ids = tokenize(tokenizer, data.texts, config.max_length)
    lengths = np.array([len(row) for row in token_ids])
    steps_per_epoch = -(-len(lengths) // config.batch_size)
    n_steps = config.epochs * steps_per_epoch
    schedule = Schedule(n_steps, config.learning_rate, config.warmup_fraction)

    def loss_of(batch: NDArray[np.int64]) -> Tensor:
        inputs = {k: v.to(device) for k, v in padded(tokenizer, [token_ids[i] for i in batch]).items()}
        labels = torch.from_numpy(data.labels[batch]).to(device)
        return nn.functional.cross_entropy(model(**inputs).logits.float(), labels)

    steps = optimise(model, endless_batches(lengths, config.batch_size, rng), loss_of, schedule)
    steps = aloud(steps, n_steps, "teacher", progress)
    best_accuracy, best_weights, best_epoch = -1.0, {}, 0
    for epoch in range(1, config.epochs + 1):
        model.train()
        losses = [next(steps) for _ in range(steps_per_epoch)]
        logits = teacher_logits(Teacher((model.eval(),), tokenizer, config.max_length), data.dev_texts)
        accuracy = float((logits.argmax(1) == data.dev_labels).mean())
        progress(f"teacher epoch {epoch}/{config.epochs}: loss {np.mean(losses):.3f}, dev accuracy {accuracy:.4f}")
        if accuracy > best_accuracy:
            best_accuracy, best_epoch = accuracy, epoch
            best_weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        elif epoch - best_epoch >= config.patience:
            break
    model.load_state_dict(best_weights)
