"""The teacher: any transformers sequence classifier, loaded, fine-tuned or trained from nothing, and its logits.

This is the only file that knows transformers.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from models.batches import shuffled_batches, sorted_batches
from models.fitting import ModelError, Progress, Schedule, optimise, pick_device
from models.pretraining import MaskIds, pretrain

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class FromScratchConfig(BaseModel, frozen=True, extra="forbid"):
    """A BERT over characters whose weights start at random, for where there is no model hub."""

    layers: int = Field(default=4, ge=1)
    hidden_size: int = Field(default=256, ge=8)
    heads: int = Field(default=4, ge=1)
    min_count: int = Field(default=3, ge=1)
    """How often a character must occur to be in the vocabulary."""
    pretraining_epochs: int = Field(default=0, ge=0)
    pretraining_learning_rate: float = Field(default=5e-4, gt=0)

    @model_validator(mode="after")
    def _heads_divide_hidden_size(self) -> FromScratchConfig:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size must be a multiple of heads, but got {self.hidden_size} and {self.heads}")
        return self


class TeacherConfig(BaseModel, frozen=True, extra="forbid"):
    """Where the teacher comes from (exactly one of `checkpoint`, `from_scratch`, `logits`) and how it is trained."""

    checkpoint: str | None = None
    """A hub id or a local folder."""
    from_scratch: FromScratchConfig | None = None
    logits: Path | None = None
    """A Parquet or CSV file of text (or its hash) and logits or probabilities, from any model anywhere."""
    epochs: int = Field(default=0, ge=0)
    """Epochs of fine-tuning; 0 takes a checkpoint as it is."""
    train_last_layers: int | None = Field(default=None, ge=0)
    """Freeze the embeddings and all encoder layers but the last N; 0 trains the head alone, null trains everything."""
    learning_rate: float = Field(default=5e-5, gt=0)
    warmup_fraction: float = Field(default=0.1, ge=0, lt=1)
    batch_size: int = Field(default=32, ge=1)
    max_length: int = Field(default=128, ge=4)
    patience: int = Field(default=2, ge=1)
    """Epochs without a better dev accuracy after which fine-tuning stops."""
    members: int = Field(default=1, ge=1)
    """An ensemble of so many, differing in their seed; its logits are the mean."""
    seed: int = Field(default=7, ge=0)

    @model_validator(mode="after")
    def _one_origin(self) -> TeacherConfig:
        origins = {name: getattr(self, name) for name in ("checkpoint", "from_scratch", "logits")}
        given = [name for name, value in origins.items() if value is not None]
        if len(given) != 1 and given != ["checkpoint", "logits"]:
            raise ValueError(f"a teacher has one of checkpoint, from_scratch and logits (logits may name the checkpoint "
                             f"it came from, which is then timed), but got {', '.join(given) or 'none'}")  # fmt: skip
        if self.from_scratch and not self.epochs:
            raise ValueError("epochs must be >= 1 for a teacher from scratch, but got epochs=0")
        if self.members > 1 and not self.epochs:
            raise ValueError(f"members={self.members} needs epochs >= 1: untrained members would all be the same")
        return self


@dataclass(frozen=True)
class Teacher:
    """One classifier or an ensemble of them, always in eval mode."""

    models: tuple[PreTrainedModel, ...]
    tokenizer: PreTrainedTokenizerBase
    max_length: int

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for model in self.models for parameter in model.parameters())

    @property
    def n_classes(self) -> int:
        return int(self.models[0].config.num_labels)

    def description(self) -> dict[str, Any]:
        """What the speed depends on, enough to build a twin with other weights (see `timing_twin`)."""
        return {
            "config": self.models[0].config.to_diff_dict(),
            "members": len(self.models),
            "max_length": self.max_length,
            "n_parameters": self.n_parameters,
        }


def character_tokenizer(texts: Sequence[str], min_count: int, max_length: int) -> BertTokenizer:
    """A BERT tokenizer whose vocabulary is the characters that occur at least `min_count` times in `texts`."""
    counts = Counter(character for text in texts for character in text.lower() if not character.isspace())
    kept = sorted((c for c, n in counts.items() if n >= min_count), key=lambda c: (-counts[c], c))
    # Only letters and digits of other scripts than Chinese are continued within one word.
    pieces = [*SPECIAL_TOKENS, *kept, *(f"##{c}" for c in kept if c.isalnum() and not "\u4e00" <= c <= "\u9fff")]
    return BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=max_length)


def load_teacher(folder: str | Path, max_length: int, labels: Sequence[str] | None = None) -> Teacher:
    """Load a fine-tuned classifier by hub id or folder; a folder with `member-0`, `member-1`, ... is an ensemble.

    Raises ModelError when it cannot be loaded or has another number of classes than `labels`.
    """
    members = sorted(Path(folder).glob("member-*"), key=lambda path: int(path.name.split("-")[1]))
    places = [str(member) for member in members] or [str(folder)]
    try:
        tokenizer = AutoTokenizer.from_pretrained(places[0])
        models = tuple(AutoModelForSequenceClassification.from_pretrained(place).eval() for place in places)
    except (OSError, ValueError) as error:
        raise ModelError(f"the teacher {folder} cannot be loaded: {_first_line(error)}") from error
    if labels is not None and models[0].config.num_labels != len(labels):
        raise ModelError(f"the teacher {folder} has {models[0].config.num_labels} classes and the corpus "
                         f"{len(labels)} ({', '.join(labels)}); set epochs >= 1 to fine-tune it, or `labels:`")  # fmt: skip
    device = pick_device()
    return Teacher(tuple(model.to(device) for model in models), tokenizer, max_length)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> list[list[int]]:
    return tokenizer(list(texts), truncation=True, max_length=max_length, return_attention_mask=False)["input_ids"]


def _padded(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    return dict(tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt"))


@torch.inference_mode()
def teacher_logits(teacher: Teacher, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
    """The mean of the members' logits, `[texts, classes]`, in the order of `texts`."""
    token_ids = _tokenize(teacher.tokenizer, texts, teacher.max_length)
    logits = np.zeros((len(texts), teacher.n_classes), dtype=np.float32)
    for batch in sorted_batches(np.array([len(row) for row in token_ids]), batch_size):
        inputs = _padded(teacher.tokenizer, [token_ids[i] for i in batch])
        for model in teacher.models:
            device = next(model.parameters()).device
            outputs = model(**{name: tensor.to(device) for name, tensor in inputs.items()})
            logits[batch] += outputs.logits.float().cpu().numpy() / len(teacher.models)
    return logits


@dataclass(frozen=True)
class TrainingTexts:
    """What a teacher learns from: `labels` and `dev_labels` index `label_names`; pretraining texts need no label."""

    texts: Sequence[str]
    labels: NDArray[np.int64]
    dev_texts: Sequence[str]
    dev_labels: NDArray[np.int64]
    label_names: Sequence[str]
    pretraining_texts: Sequence[str] = ()


def train_teacher(config: TeacherConfig, data: TrainingTexts, folder: Path, progress: Progress) -> Path:
    """Fine-tune every member and save it as a normal transformers folder; returns `folder`.

    Raises ModelError when the checkpoint cannot be loaded, and FloatingPointError when the loss is not finite.
    """
    torch.manual_seed(config.seed)
    start, tokenizer = _start(config, data, folder, progress)
    for member in range(config.members):
        torch.manual_seed(config.seed + member)
        model = _classifier(start, data.label_names)
        freeze_all_but_last(model, config.train_last_layers)
        model.to(pick_device())
        _fine_tune(model, tokenizer, config, data, config.seed + member, progress)
        place = folder if config.members == 1 else folder / f"member-{member}"
        model.save_pretrained(place)
        tokenizer.save_pretrained(place)
    return folder


def _start(
    config: TeacherConfig, data: TrainingTexts, folder: Path, progress: Progress
) -> tuple[str | BertConfig, PreTrainedTokenizerBase]:
    """What the members start from: a checkpoint to load, or the shape of a fresh model, with its tokenizer."""
    scratch = config.from_scratch
    if scratch is None:
        try:
            return str(config.checkpoint), AutoTokenizer.from_pretrained(str(config.checkpoint))
        except (OSError, ValueError) as error:
            raise ModelError(f"teacher checkpoint {config.checkpoint} cannot be loaded: {_first_line(error)}") from error
    texts = data.pretraining_texts or data.texts
    tokenizer = character_tokenizer(texts, scratch.min_count, config.max_length)
    shape = BertConfig(
        vocab_size=len(tokenizer), hidden_size=scratch.hidden_size, num_hidden_layers=scratch.layers,
        num_attention_heads=scratch.heads, intermediate_size=4 * scratch.hidden_size,
        max_position_embeddings=config.max_length,
    )  # fmt: skip
    if not scratch.pretraining_epochs:
        return shape, tokenizer
    model = BertForMaskedLM(shape).to(pick_device())
    ids = MaskIds(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer))
    schedule = (scratch.pretraining_epochs, scratch.pretraining_learning_rate, config.batch_size)
    token_ids = _tokenize(tokenizer, texts, config.max_length)
    pretrain(model, token_ids, lambda rows: _padded(tokenizer, rows), ids, schedule, config.seed, progress)
    pretrained = folder / "pretrained"
    model.save_pretrained(pretrained)
    tokenizer.save_pretrained(pretrained)
    return str(pretrained), tokenizer


def _classifier(start: str | BertConfig, label_names: Sequence[str]) -> PreTrainedModel:
    names = {"id2label": dict(enumerate(label_names)), "label2id": {name: i for i, name in enumerate(label_names)}}
    if isinstance(start, str):
        return AutoModelForSequenceClassification.from_pretrained(
            start, num_labels=len(label_names), ignore_mismatched_sizes=True, **names
        )
    shape = copy.deepcopy(start)
    shape.id2label, shape.label2id = names["id2label"], names["label2id"]
    return BertForSequenceClassification(shape)


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
    token_ids = _tokenize(tokenizer, data.texts, config.max_length)
    lengths = np.array([len(row) for row in token_ids])
    steps_per_epoch = -(-len(lengths) // config.batch_size)
    schedule = Schedule(config.epochs * steps_per_epoch, config.learning_rate, config.warmup_fraction)

    def loss_of(batch: NDArray[np.int64]) -> Tensor:
        inputs = {k: v.to(device) for k, v in _padded(tokenizer, [token_ids[i] for i in batch]).items()}
        labels = torch.from_numpy(data.labels[batch]).to(device)
        return nn.functional.cross_entropy(model(**inputs).logits.float(), labels)

    def closures() -> Iterator[Callable[[], Tensor]]:
        while True:
            for batch in shuffled_batches(lengths, config.batch_size, rng):
                yield lambda batch=batch: loss_of(batch)

    steps = optimise(model, closures(), schedule, device)
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


def timing_twin(description: dict[str, Any], texts: Sequence[str]) -> Teacher:
    """A teacher of the described architecture with random weights: as fast as the real one, and as large.

    `texts` give its character vocabulary, so that tokenizing costs what it does in the real one.
    """
    settings = dict(description["config"])
    shape = AutoConfig.for_model(settings.pop("model_type"), **settings)
    models = tuple(AutoModelForSequenceClassification.from_config(shape).eval() for _ in range(description["members"]))
    tokenizer = character_tokenizer(texts, 1, description["max_length"])
    vocabulary = [piece for piece, i in tokenizer.get_vocab().items() if i < shape.vocab_size]
    tokenizer = BertTokenizer(vocab={piece: i for i, piece in enumerate(vocabulary)})
    return Teacher(models, tokenizer, description["max_length"])


def teacher_size_mb(teacher: Teacher) -> float:
    """Megabytes of its weights as they are stored, 4 bytes a parameter in float32."""
    return sum(p.numel() * p.element_size() for model in teacher.models for p in model.parameters()) / 1e6


def teacher_fingerprint(config: TeacherConfig, more: Sequence[str] = ()) -> str:
    """What makes two teachers the same, as JSON: their settings, and `more` (the data they saw)."""
    return json.dumps({"teacher": json.loads(config.model_dump_json()), "more": list(more)}, sort_keys=True)
