"""The teacher: any transformers sequence classifier, and its logits.

This file, `teacher_training.py` and `teacher_on_cpu.py` are the only ones that know transformers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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

from models.batches import token_batches
from models.fitting import ModelError, has_fast_bf16, pick_device
from models.teacher_config import HiddenState

MAX_TOKENS, MAX_TOKENS_ON_GPU = 4096, 65536
"""In one batch, padding included."""
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class Teacher:
    """One classifier or an ensemble of them, always in eval mode."""

    models: tuple[PreTrainedModel, ...]
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    orders: tuple[tuple[int, ...], ...] = ()
    """Of each member, which of its columns each class of the corpus is; empty where the columns are taken as they stand."""

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


def load_teacher(
    folder: str | Path, max_length: int, labels: Sequence[str] | None = None, revision: str | None = None
) -> Teacher:
    """Load a fine-tuned classifier by hub id (at a revision) or folder; a folder with `member-0`, `member-1`, ... is an ensemble.

    Raises ModelError when it cannot be loaded or has another number of classes than `labels`.
    """
    quiet_transformers()
    members = sorted(Path(folder).glob("member-*"), key=lambda path: int(path.name.split("-")[1]))
    places = [str(member) for member in members] or [str(folder)]
    try:
        tokenizer = AutoTokenizer.from_pretrained(places[0], **at(revision))
        models = tuple(
            AutoModelForSequenceClassification.from_pretrained(place, **at(revision)).eval() for place in places
        )
    except (OSError, ValueError) as error:
        raise ModelError(f"the teacher {folder} cannot be loaded: {first_line(error)}") from error
    _check_classes(folder, models[0].config.num_labels, labels)
    device = pick_device()
    return Teacher(tuple(model.to(device) for model in models), tokenizer, max_length)


def at(revision: str | None) -> dict[str, str]:
    """What `from_pretrained` is told of a revision, so that settings, tokenizer and weights are all of one."""
    return {} if revision is None else {"revision": revision}


def tokenizer_pieces(folder: str | Path, revision: str | None = None) -> list[str]:
    """The vocabulary of a checkpoint's tokenizer, by id; an ensemble's members share one.

    Raises ModelError when it cannot be loaded, and when it is not WordPiece.
    """
    quiet_transformers()
    first = next(iter(sorted(Path(folder).glob("member-*"))), folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(first, **at(revision))
    except (OSError, ValueError) as error:
        raise ModelError(f"the tokenizer of {folder} cannot be loaded: {first_line(error)}") from error
    kind = type(getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)).__name__
    if kind != "WordPiece":
        raise ModelError(f"the tokenizer of {folder} must be WordPiece, as that of BERT is, but it is {kind}")
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def check_checkpoint(checkpoint: str, labels: Sequence[str] | None, revision: str | None = None) -> None:
    """Raise ModelError unless a checkpoint's settings can be read, and (with `labels`) have as many classes.

    No weights are loaded.
    """
    quiet_transformers()
    first = next(iter(sorted(Path(checkpoint).glob("member-*"))), checkpoint)
    try:
        shape = AutoConfig.from_pretrained(first, **at(revision))
    except (
        OSError,
        ValueError,
        AttributeError,
        TypeError,
    ) as error:  # transformers does not check what config.json holds.
        where = "" if Path(checkpoint).exists() else " is no folder here, and from the hub it"
        raise ModelError(f"the teacher {checkpoint}{where} cannot be loaded: {first_line(error)}") from error
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


def teacher_logits(teacher: Teacher, texts: Sequence[str]) -> NDArray[np.float32]:
    """The mean of the members' logits, `[texts, classes]`, in the order of `texts`; on a CPU in float32, as it is timed."""
    return ask_teacher(teacher, texts, ())[0]


@torch.inference_mode()
def ask_teacher(
    teacher: Teacher, texts: Sequence[str], states: Sequence[HiddenState], bf16_on_cpu: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
    """The mean of the members' logits, `[texts, classes]`, in the order of the corpus' labels, and the hidden states of all members side by side,
    `[texts, width]`, in the order of `texts`; sorted by length, in batches of so many tokens.

    A GPU computes in 16 bits; a CPU does where it is asked to and has the hardware for it.

    Raises ModelError when the teacher has no such state.
    """
    token_ids = tokenize(teacher.tokenizer, texts, teacher.max_length)
    logits = np.zeros((len(texts), teacher.n_classes), dtype=np.float32)
    hidden: NDArray[np.float16] | None = None
    on_gpu = next(teacher.models[0].parameters()).device.type == "cuda"
    lengths = np.array([len(row) for row in token_ids])
    for batch in token_batches(lengths, MAX_TOKENS_ON_GPU if on_gpu else MAX_TOKENS):
        inputs = padded(teacher.tokenizer, [token_ids[i] for i in batch])
        found = []
        for number, model in enumerate(teacher.models):
            device = next(model.parameters()).device
            with _half_precision(device, bf16_on_cpu):
                answers, member_states = _forward(model, {name: t.to(device) for name, t in inputs.items()}, states)
            order = teacher.orders[number] if teacher.orders else slice(None)
            logits[batch] += answers.float().cpu().numpy()[:, order] / len(teacher.models)
            found += [state.to(torch.float16).cpu().numpy() for state in member_states]
        if found:
            together = np.concatenate(found, axis=1)
            hidden = np.empty((len(texts), together.shape[1]), dtype=np.float16) if hidden is None else hidden
            hidden[batch] = together
    return logits, np.empty((len(texts), 0), dtype=np.float16) if hidden is None else hidden


def _half_precision(device: torch.device, bf16_on_cpu: bool) -> torch.autocast:
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16 if has_fast_bf16(device) else torch.float16)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_on_cpu and has_fast_bf16(device))


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
