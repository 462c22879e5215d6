"""The teacher: any transformers sequence classifier, and its logits.

`classifier_loading.py`, `tokenizing.py` and `heads.py` have the requirements for a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from distune._digits import is_whole
from distune._pairs import in_words
from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import is_adapter, refuse_other_adapters
from distune.models.teacher.config import HiddenState
from distune.models.teacher.head_kind import refuse_other_outputs
from distune.models.teacher.heads import answer
from distune.models.teacher.loading import Loaded, load_classifier, load_config
from distune.models.teacher.lora import load_adapter
from distune.models.teacher.tokenizing import (
    agree_on_padding,
    character_tokenizer,
    fitting_length,
    inputs_of,
    load_tokenizer,
    padded,
    quiet_transformers,
    refuse_ids_beyond,
    tokenizer_place,
)
from distune.models.training.batches import token_batches
from distune.models.training.loop import has_fast_bf16, pick_device

MAX_TOKENS, MAX_TOKENS_ON_GPU = 4096, 65536
"""In one batch, padding included."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """One classifier or an ensemble of them, always in eval mode."""

    models: tuple[PreTrainedModel, ...]
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    notes: tuple[str, ...] = ()
    """The assumptions of its loading, a line each."""
    orders: tuple[tuple[int, ...], ...] = ()
    """The column of each member for each class of the corpus; empty if the columns keep their order."""
    is_stand_in: bool = False
    """Whether its weights are random ones, in the place of a teacher that is known by its logits alone."""

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for model in self.models for parameter in model.parameters())

    @property
    def n_classes(self) -> int:
        return int(self.models[0].config.num_labels)

    def description(self) -> dict[str, Any]:
        """The settings that decide the speed, enough to build a twin with other weights (see `timing_twin`)."""
        return {
            "config": self.models[0].config.to_diff_dict(),
            "members": len(self.models),
            "max_length": self.max_length,
            "n_parameters": self.n_parameters,
        }


def load_teacher(
    folder: str | Path,
    max_length: int,
    labels: Sequence[str] | None = None,
    revision: str | None = None,
    may_cut: bool = False,
    is_multi_label: bool | None = None,
) -> Teacher:
    """Load a fine-tuned classifier by hub id (at a revision) or folder; a folder with `member-0`, `member-1`, ... is an ensemble.

    It computes from float32, whatever its stored type. If it has fewer positions than `max_length` and `may_cut`, it
    reads as many as it has. `is_multi_label` says whether it must answer each label by itself or pick one class; None takes both.

    Raises ModelError when it cannot be loaded, is no classifier or one of the other task, has no vocabulary, fewer positions
    or another number of classes than `labels`.
    """
    quiet_transformers()
    places = _members(folder)
    tokenizer = load_tokenizer(tokenizer_place(places[0]), revision)
    for other in places[1:]:
        if load_tokenizer(tokenizer_place(other), revision).get_vocab() != tokenizer.get_vocab():
            raise ModelError(
                f"the teacher {folder}: {Path(other).name} has another vocabulary than {Path(places[0]).name}; members share a tokenizer, "
                "so name them as teachers of their own (more_teachers)"
            )
    notes, models = [], []
    for place in places:
        loaded = _load_member(place, revision, is_multi_label)
        name = f"the teacher {place}"
        refuse_ids_beyond(name, loaded.model, tokenizer)
        said = agree_on_padding(name, loaded.model, tokenizer)
        _check_classes(place, loaded.model.config.num_labels, labels)
        max_length, cut = fitting_length(name, loaded.model, max_length, may_cut)
        models.append(loaded.model)
        notes += [*loaded.notes, *said, *cut]
    device = pick_device()
    return Teacher(
        models=tuple(model.to(device) for model in models),
        tokenizer=tokenizer,
        max_length=max_length,
        notes=tuple(notes),
    )


def _load_member(place: str, revision: str | None, is_multi_label: bool | None) -> Loaded:
    if is_adapter(place):
        loaded = load_adapter(place, is_multi_label)
    else:
        loaded = load_classifier(place, revision, is_multi_label)
    return Loaded(loaded.model.eval(), loaded.notes)


def _members(folder: str | Path) -> list[str]:
    members = [path for path in Path(folder).glob("member-*") if is_whole(path.name.removeprefix("member-"))]
    return [str(path) for path in sorted(members, key=lambda path: int(path.name.split("-")[1]))] or [str(folder)]


def check_checkpoint(
    checkpoint: str, labels: Sequence[str] | None, revision: str | None = None, is_multi_label: bool = False
) -> None:
    """Raise ModelError unless a checkpoint's settings can be read, and (with `labels`) are those of a classifier of as many
    classes, which picks one or, with `is_multi_label`, answers each by itself.

    No weights are loaded, and of an adapter nothing is read.
    """
    quiet_transformers()
    first = _members(checkpoint)[0]
    if is_adapter(first):
        refuse_other_adapters(Path(first))
        return
    shape = load_config(first, revision)
    if labels is not None:
        refuse_other_outputs(checkpoint, shape, is_multi_label)
    _check_classes(checkpoint, shape.num_labels, labels)


def _check_classes(checkpoint: str | Path, n_classes: int, labels: Sequence[str] | None) -> None:
    if labels is not None and n_classes != len(labels):
        raise ModelError(
            f"the teacher {checkpoint} has {n_of(n_classes, 'class', 'classes')} and the corpus "
            f"{len(labels)} ({', '.join(labels)}); set epochs >= 1 to fine-tune it, or `labels:`"
        )


def teacher_logits(teacher: Teacher, texts: Sequence[str]) -> NDArray[np.float32]:
    """The mean of the members' logits, `[texts, classes]`, in the order of `texts`; on a CPU in float32, as it is timed."""
    return ask_teacher(teacher, texts, ())[0]


@torch.inference_mode()
def ask_teacher(
    teacher: Teacher, texts: Sequence[str], states: Sequence[HiddenState], bf16_on_cpu: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
    """The mean of the members' logits, `[texts, classes]`, in the order of the corpus' labels, and the hidden states of
    all members side by side, `[texts, width]`, in the order of `texts`. Inside, texts are sorted by length, in batches
    of a fixed number of tokens.

    A GPU computes in 16 bits; a CPU does so on request, if it has the hardware.

    Raises ModelError when the teacher has no such state, and when a logit is no finite number.
    """
    rows = inputs_of(teacher.models[0], teacher.tokenizer, texts, teacher.max_length)
    logits = np.zeros((len(texts), teacher.n_classes), dtype=np.float32)
    hidden: NDArray[np.float16] | None = None
    on_gpu = next(teacher.models[0].parameters()).device.type == "cuda"
    lengths = np.array([len(row["input_ids"]) for row in rows])
    for batch in token_batches(lengths, MAX_TOKENS_ON_GPU if on_gpu else MAX_TOKENS):
        inputs = padded(teacher.tokenizer, [rows[i] for i in batch])
        found = []
        for number, model in enumerate(teacher.models):
            device = next(model.parameters()).device
            with _half_precision(device, bf16_on_cpu):
                answers, member_states = answer(model, {name: t.to(device) for name, t in inputs.items()}, states)
            order = teacher.orders[number] if teacher.orders else slice(None)
            logits[batch] += answers.float().cpu().numpy()[:, order] / len(teacher.models)
            found += [state.to(torch.float16).cpu().numpy() for state in member_states]
        if found:
            together = np.concatenate(found, axis=1)
            hidden = np.empty((len(texts), together.shape[1]), dtype=np.float16) if hidden is None else hidden
            hidden[batch] = together
    if not np.isfinite(logits).all():
        text = texts[int(np.argmin(np.isfinite(logits).all(axis=1)))]
        raise ModelError(
            f"the teacher's logits of {in_words(text)[:40]!r} are not all finite numbers; its weights are damaged, or too large for "
            "the type that it computes in"
        )
    if hidden is not None and not np.isfinite(hidden).all():
        raise ModelError(
            "hidden_states: the teacher's states are too large for float16, in which they are kept; leave them out, or name "
            "other layers"
        )
    return logits, np.empty((len(texts), 0), dtype=np.float16) if hidden is None else hidden


def _half_precision(device: torch.device, bf16_on_cpu: bool) -> torch.autocast:
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16 if has_fast_bf16(device) else torch.float16)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_on_cpu and has_fast_bf16(device))


def timing_twin(description: dict[str, Any], texts: Sequence[str]) -> Teacher:
    """A teacher of the described architecture with random weights: as fast as the real one, and as large.

    `texts` give its character vocabulary, so that tokenizing costs what it does in the real one.
    """
    settings = dict(description["config"])
    shape = AutoConfig.for_model(settings.pop("model_type"), **settings)
    tokenizer = character_tokenizer(texts, 1, description["max_length"])
    vocabulary = [piece for piece, i in tokenizer.get_vocab().items() if i < shape.vocab_size]
    tokenizer = BertTokenizer(vocab={piece: i for i, piece in enumerate(vocabulary)})
    # A decoder cannot be asked in batches without one, and an earlier manifest may say what half a model was stored in.
    shape.pad_token_id = tokenizer.pad_token_id
    models = tuple(
        AutoModelForSequenceClassification.from_config(shape, dtype=torch.float32).eval()
        for _ in range(description["members"])
    )
    return Teacher(models=models, tokenizer=tokenizer, max_length=description["max_length"], is_stand_in=True)


def teacher_size_mb(teacher: Teacher) -> float:
    """Megabytes of its weights as they are stored, 4 bytes a parameter in float32."""
    return float(sum(p.numel() * p.element_size() for model in teacher.models for p in model.parameters()) / 1e6)
