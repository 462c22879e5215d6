"""The teacher: any transformers sequence classifier, and its logits.

This file and `teacher_training.py` are the only ones that know transformers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from models.batches import sorted_batches
from models.fitting import ModelError, pick_device

HiddenState = Literal["pooled"] | Annotated[int, Field(ge=0)]
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
    logits_dtype: Literal["float32", "float16"] = "float32"
    """How the cache keeps the logits."""
    hidden_states: tuple[HiddenState, ...] = ()
    """What else is cached, for `loss.hidden_weight`: `pooled` is what the last layer before the logits reads, a number
    is that layer's mean over the text (0 the embeddings)."""
    weight: float = Field(default=1.0, gt=0)
    """Of this teacher among several."""

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


def quiet_transformers() -> None:
    """No bars and no reports of fresh heads: what matters is said by us."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def load_teacher(folder: str | Path, max_length: int, labels: Sequence[str] | None = None) -> Teacher:
    """Load a fine-tuned classifier by hub id or folder; a folder with `member-0`, `member-1`, ... is an ensemble.

    Raises ModelError when it cannot be loaded or has another number of classes than `labels`.
    """
    quiet_transformers()
    members = sorted(Path(folder).glob("member-*"), key=lambda path: int(path.name.split("-")[1]))
    places = [str(member) for member in members] or [str(folder)]
    try:
        tokenizer = AutoTokenizer.from_pretrained(places[0])
        models = tuple(AutoModelForSequenceClassification.from_pretrained(place).eval() for place in places)
    except (OSError, ValueError) as error:
        raise ModelError(f"the teacher {folder} cannot be loaded: {first_line(error)}") from error
    _check_classes(folder, models[0].config.num_labels, labels)
    device = pick_device()
    return Teacher(tuple(model.to(device) for model in models), tokenizer, max_length)


def tokenizer_pieces(folder: str | Path) -> list[str]:
    """The vocabulary of a checkpoint's tokenizer, by id; an ensemble's members share one.

    Raises ModelError when it cannot be loaded, and when it is not WordPiece.
    """
    quiet_transformers()
    first = next(iter(sorted(Path(folder).glob("member-*"))), folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(first)
    except (OSError, ValueError) as error:
        raise ModelError(f"the tokenizer of {folder} cannot be loaded: {first_line(error)}") from error
    kind = type(getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)).__name__
    if kind != "WordPiece":
        raise ModelError(f"the tokenizer of {folder} must be WordPiece, as that of BERT is, but it is {kind}")
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def check_checkpoint(checkpoint: str, labels: Sequence[str] | None) -> None:
    """Raise ModelError unless a checkpoint's settings can be read, and (with `labels`) have as many classes.

    No weights are loaded.
    """
    quiet_transformers()
    first = next(iter(sorted(Path(checkpoint).glob("member-*"))), checkpoint)
    try:
        shape = AutoConfig.from_pretrained(first)
    except (OSError, ValueError) as error:
        raise ModelError(f"the teacher {checkpoint} cannot be loaded: {first_line(error)}") from error
    _check_classes(checkpoint, shape.num_labels, labels)


def _check_classes(checkpoint: str | Path, n_classes: int, labels: Sequence[str] | None) -> None:
    if labels is not None and n_classes != len(labels):
        raise ModelError(f"the teacher {checkpoint} has {n_classes} classes and the corpus "
                         f"{len(labels)} ({', '.join(labels)}); set epochs >= 1 to fine-tune it, or `labels:`")  # fmt: skip


def first_line(error: Exception) -> str:
    """The first line of an error of transformers, whose messages go on for pages."""
    return str(error).strip().split("\n")[0]


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """The token ids of each text, special tokens and all."""
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length, return_attention_mask=False)
    token_ids: list[list[int]] = encoded["input_ids"]
    return token_ids


def padded(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """`input_ids` and `attention_mask`, both `[batch, longest]`."""
    return dict(tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt"))


def teacher_logits(teacher: Teacher, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
    """The mean of the members' logits, `[texts, classes]`, in the order of `texts`."""
    return ask_teacher(teacher, texts, (), batch_size)[0]


@torch.inference_mode()
def ask_teacher(
    teacher: Teacher, texts: Sequence[str], states: Sequence[HiddenState], batch_size: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
    """The mean of the members' logits, `[texts, classes]`, and the hidden states of all members side by side,
    `[texts, width]`, in the order of `texts`.

    Raises ModelError when the teacher has no such state.
    """
    token_ids = tokenize(teacher.tokenizer, texts, teacher.max_length)
    logits = np.zeros((len(texts), teacher.n_classes), dtype=np.float32)
    hidden: NDArray[np.float16] | None = None
    for batch in sorted_batches(np.array([len(row) for row in token_ids]), batch_size):
        inputs = padded(teacher.tokenizer, [token_ids[i] for i in batch])
        found = []
        for model in teacher.models:
            device = next(model.parameters()).device
            answers, member_states = _forward(model, {name: t.to(device) for name, t in inputs.items()}, states)
            logits[batch] += answers.float().cpu().numpy() / len(teacher.models)
            found += [state.to(torch.float16).cpu().numpy() for state in member_states]
        if found:
            together = np.concatenate(found, axis=1)
            hidden = np.empty((len(texts), together.shape[1]), dtype=np.float16) if hidden is None else hidden
            hidden[batch] = together
    return logits, np.empty((len(texts), 0), dtype=np.float16) if hidden is None else hidden


def _forward(
    model: PreTrainedModel, inputs: dict[str, Tensor], states: Sequence[HiddenState]
) -> tuple[Tensor, list[Tensor]]:
    """Logits, and each state `[batch, features]`."""
    if not states:
        return model(**inputs).logits, []
    read: list[Tensor] = []
    head = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    hook = head.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0]))
    try:
        outputs = model(**inputs, output_hidden_states=True)
    finally:
        hook.remove()
    layers, mask = outputs.hidden_states, inputs["attention_mask"].unsqueeze(-1)
    wanted = [state for state in states if state != "pooled"]
    if wanted and max(wanted) >= len(layers):
        raise ModelError(f"hidden_states must be pooled or 0 to {len(layers) - 1}, the layers of the teacher, "
                         f"but got {max(wanted)}")  # fmt: skip
    means = {state: (layers[state] * mask).sum(dim=1) / mask.sum(dim=1) for state in wanted}
    return outputs.logits, [read[0] if state == "pooled" else means[state] for state in states]


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
    return float(sum(p.numel() * p.element_size() for model in teacher.models for p in model.parameters()) / 1e6)
