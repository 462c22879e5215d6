"""Training a teacher: fine-tuned from a checkpoint, or from scratch without a model hub."""

from __future__ import annotations

import copy
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
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.logits import accuracy_of
from distune.models.teacher.config import FromScratchConfig, TeacherConfig
from distune.models.teacher.loading import about_its_class, load_trunk, named_head, refuse_adapter
from distune.models.teacher.on_cpu import cheap_dropout
from distune.models.teacher.pretraining import MaskIds, PretrainingPlan, pretrain
from distune.models.teacher.rehearsal import rehearse
from distune.models.teacher.teacher import Teacher, teacher_logits
from distune.models.teacher.tokenizing import (
    agree_on_padding,
    character_tokenizer,
    fitting_length,
    inputs_of,
    load_tokenizer,
    padded,
    quiet_transformers,
    refuse_ids_beyond,
    refuse_unknown,
    tokenize,
)
from distune.models.training.batches import endless_batches
from distune.models.training.loop import Schedule, optimise, pick_device, with_progress

_log = logging.getLogger(__name__)
SCRATCH_RATE, CHECKPOINT_RATE = 5e-4, 5e-5
"""The learning rate of pretraining: weights that have learnt a language already are not to be shaken."""


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
    start, tokenizer = _start(config, data, folder)
    for member in range(config.members):
        torch.manual_seed(config.seed + member)
        made = _new_classifier(config, start, tokenizer, named_head(data.label_names, data.is_multi_label))
        if data.has_other_classes:
            _draw_last_layer(made.model, len(data.label_names))
        for note in made.notes if member == 0 else ():
            _log.info(note)
        model = made.model.to(pick_device())
        with cheap_dropout(model):
            _fine_tune(model, tokenizer, made.config, data, config.seed + member)
        place = folder if config.members == 1 else folder / f"member-{member}"
        model.save_pretrained(place)
        tokenizer.save_pretrained(place)
    return folder


@dataclass(frozen=True)
class _NewClassifier:
    """A classifier with a head that has learnt nothing yet, and the settings that fit it."""

    model: PreTrainedModel
    config: TeacherConfig
    notes: tuple[str, ...]


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
        _masked_model(config, str(config.checkpoint), tokenizer)
    made = _new_classifier(config, str(config.checkpoint), tokenizer, named_head(label_names, is_multi_label))
    known = refuse_unknown(f"the teacher {config.checkpoint}", tokenizer, texts)
    rehearse(
        Teacher(models=(made.model.eval(),), tokenizer=tokenizer, max_length=made.config.max_length),
        texts,
        config.hidden_states,
    )
    return (*about_its_class(str(config.checkpoint), config.revision, made.model), *made.notes, *known)


def _start(
    config: TeacherConfig, data: TrainingTexts, folder: Path
) -> tuple[str | BertConfig, PreTrainedTokenizerBase]:
    """The start of the members: a checkpoint to load, or the shape of a fresh model, with its tokenizer."""
    texts = data.pretraining_texts or data.texts
    start: str | BertConfig
    if config.from_scratch is None:
        start = str(config.checkpoint)
        refuse_adapter(start)
        tokenizer = load_tokenizer(start, config.revision)
    else:
        tokenizer = character_tokenizer(texts, config.from_scratch.min_count, config.max_length)
        refuse_unknown("a teacher from scratch", tokenizer, data.texts)
        start = _shape(config.from_scratch, len(tokenizer), config.max_length)
    if config.pretrain is None:
        return start, tokenizer
    model, max_length = _masked_model(config, start, tokenizer)
    rate = config.pretrain.learning_rate or (SCRATCH_RATE if config.from_scratch else CHECKPOINT_RATE)
    plan = PretrainingPlan(
        epochs=config.pretrain.epochs,
        learning_rate=rate,
        batch_size=config.batch_size,
        mask_probability=config.pretrain.mask_probability,
        seed=config.seed,
    )
    ids = MaskIds(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer))
    token_ids = tokenize(tokenizer, texts, max_length)
    with cheap_dropout(model.to(pick_device())):
        pretrain(model, token_ids, lambda rows: padded(tokenizer, rows), ids, plan)
    pretrained = folder / "pretrained"
    model.save_pretrained(pretrained)
    tokenizer.save_pretrained(pretrained)
    return str(pretrained), tokenizer


def _masked_model(
    config: TeacherConfig, start: str | BertConfig, tokenizer: PreTrainedTokenizerBase
) -> tuple[PreTrainedModel, int]:
    """The masked language model that is pretrained, and the number of tokens that it reads."""
    if tokenizer.mask_token_id is None:
        raise ModelError(
            f"teacher.pretrain: the tokenizer of {start} has no mask token, as those of BERT's kin have; "
            "leave pretrain out"
        )
    if isinstance(start, BertConfig):
        return BertForMaskedLM(start), config.max_length
    try:
        model = load_trunk(AutoModelForMaskedLM, start, config.revision)
        max_length, _, _ = _fit(config, start, model, tokenizer)
    except ModelError as error:
        raise ModelError(f"teacher.pretrain: {error}; leave pretrain out, or name another checkpoint") from error
    return model, max_length


def _fit(
    config: TeacherConfig, start: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> tuple[int, list[str], str]:
    """Have a model and its tokenizer fit each other; returns the tokens of a text that it reads, what is assumed, its name."""
    name = f"the teacher {start}"
    refuse_ids_beyond(name, model, tokenizer)
    notes = agree_on_padding(name, model, tokenizer)
    may_cut = "max_length" not in config.model_fields_set
    max_length, cut = fitting_length(name, model, config.max_length, may_cut)
    return max_length, [*notes, *cut], name


def _shape(scratch: FromScratchConfig, n_pieces: int, max_length: int) -> BertConfig:
    return BertConfig(
        vocab_size=n_pieces,
        hidden_size=scratch.hidden_size,
        num_hidden_layers=scratch.layers,
        num_attention_heads=scratch.heads,
        intermediate_size=4 * scratch.hidden_size,
        max_position_embeddings=max_length,
    )


def _new_classifier(
    config: TeacherConfig, start: str | BertConfig, tokenizer: PreTrainedTokenizerBase, head: dict[str, Any]
) -> _NewClassifier:
    """A checkpoint, or a model of a shape, with a new head of these settings."""
    if isinstance(start, str):
        revision = config.revision if start == config.checkpoint else None
        model = load_trunk(AutoModelForSequenceClassification, start, revision, **head)
        max_length, notes, _ = _fit(config, start, model, tokenizer)
        config = config.model_copy(update={"max_length": max_length})
    else:
        shape = copy.deepcopy(start)
        shape.id2label, shape.label2id = head["id2label"], head["label2id"]
        shape.problem_type = head["problem_type"]
        model, notes = BertForSequenceClassification(shape), []
    freeze_all_but_last(model, config.train_last_layers)
    return _NewClassifier(model, config, tuple(notes))


def _draw_last_layer(model: PreTrainedModel, n_classes: int) -> None:
    """Forget which column of the head was which class."""
    body = {id(layer) for layer in model.base_model.modules()}
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and layer.out_features == n_classes and id(layer) not in body:
            nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def freeze_all_but_last(model: PreTrainedModel, train_last_layers: int | None) -> None:
    """Freeze the embeddings and all encoder layers except the last N; the pooler and the head are always trained.

    Raises ModelError when the model has fewer layers, or none that can be found, or layers that share their weights.
    """
    if train_last_layers is None:
        return
    stacks = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        raise ModelError(f"train_last_layers: no stack of layers found in {type(model).__name__}; leave it out")
    layers = max(stacks, key=len)
    n_stated = getattr(model.config, "num_hidden_layers", len(layers))
    if train_last_layers and len(layers) < n_stated:
        raise ModelError(
            f"train_last_layers must be 0 or left out, as the {n_of(n_stated, 'layer')} of a {model.config.model_type} share "
            f"their weights, but got {train_last_layers=}"
        )
    if train_last_layers > len(layers):
        raise ModelError(f"train_last_layers must be <= {len(layers)}, but got {train_last_layers=}")
    model.base_model.requires_grad_(False)
    pooler = getattr(model.base_model, "pooler", None)
    trained = [*layers[len(layers) - train_last_layers :], *([pooler] if isinstance(pooler, nn.Module) else [])]
    for module in trained:
        module.requires_grad_(True)


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
