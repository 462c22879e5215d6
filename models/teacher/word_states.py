"""The states that the encoder of a teacher has for words, found by the places of their characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import adapter_base, adapter_settings, is_adapter
from distune.models.teacher.loading import load_config, load_trunk
from distune.models.teacher.teacher import MAX_TOKENS, MAX_TOKENS_ON_GPU, Teacher
from distune.models.teacher.tokenizing import (
    agree_on_padding,
    fitting_length,
    inputs_of,
    load_tokenizer,
    padded,
    quiet_transformers,
    refuse_ids_beyond,
    tokenizer_place,
)
from distune.models.teacher.unknown_text import blank_ids
from distune.models.training.batches import token_batches
from distune.models.training.loop import pick_device

TEXTS_AT_ONCE = 8192
"""Texts whose pieces are in memory together."""
INSTEAD = "name another kind of vectors"
Places = Sequence[tuple[int, int, int]]
"""The words of a text that count: the number of each, its beginning, and its end."""


def load_pretrained(checkpoint: str, max_length: int, revision: str | None = None, may_cut: bool = False) -> Teacher:
    """A checkpoint as it is before its training here: its encoder counts, and its head may be random.

    Raises ModelError when it cannot be loaded, or has fewer positions than `max_length`, unless it `may_cut`.
    """
    quiet_transformers()
    tokenizer = load_tokenizer(checkpoint, revision)
    model = load_trunk(AutoModelForSequenceClassification, checkpoint, revision).eval()
    name = f"the teacher {checkpoint}"
    refuse_ids_beyond(name, model, tokenizer)
    agree_on_padding(name, model, tokenizer)
    max_length, _ = fitting_length(name, model, max_length, may_cut)
    return Teacher(models=(model.to(pick_device()),), tokenizer=tokenizer, max_length=max_length)


def refuse_unusable_encoder(place: str | Path, revision: str | None, layer: int | None, dimension: int) -> None:
    """Raise ModelError unless a checkpoint has a tokenizer that knows the places of its pieces, such a layer, and states of
    at least `dimension` numbers, by its settings. No weights are loaded."""
    quiet_transformers()
    first = next(iter(sorted(Path(place).glob("member-*"))), place)
    name = f"the teacher {place}"
    _refuse_slow(name, load_tokenizer(tokenizer_place(first), revision))
    base: str | Path = first
    if is_adapter(first):
        base = adapter_base(Path(first))
        revision = None if Path(base).is_dir() else adapter_settings(Path(first)).get("revision")
    shape = load_config(base, revision)
    if getattr(shape, "is_encoder_decoder", False):
        raise ModelError(
            f"vectors of kind teacher: {name} is a {shape.model_type}, which has no encoder alone; {INSTEAD}"
        )
    body = shape.get_text_config()
    refuse_unfit_shape(
        name, getattr(body, "num_hidden_layers", None), getattr(body, "hidden_size", None), layer, dimension
    )


def refuse_unfit_shape(
    name: str, n_layers: int | None, hidden_size: int | None, layer: int | None, dimension: int
) -> None:
    """Raise ModelError for a layer or a dimension that an encoder of these numbers does not have; None is an unknown number."""
    if layer is not None and n_layers is not None and layer > n_layers:
        raise ModelError(f"vectors.layer must be 0 to {n_layers}, the layers of {name}, but got layer={layer}")
    if hidden_size is not None and dimension > hidden_size:
        raise ModelError(
            f"vectors.dimension must be <= {hidden_size}, the hidden size of {name}, but got dimension={dimension}"
        )


def _refuse_slow(name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    if not tokenizer.is_fast:
        raise ModelError(
            f"vectors of kind teacher: the tokenizer of {name} does not say which characters a piece stands for, as it is no fast "
            f"one (tokenizer.json); {INSTEAD}"
        )


def states_alone(teacher: Teacher, words: Sequence[str], layer: int | None = None) -> NDArray[np.float32]:
    """The state of each word that the encoder reads by itself, `[words, hidden_size]`: the mean over its pieces, without
    those that mark the ends of a text. An empty word, and one that the tokenizer drops, has NaN."""
    given = [number for number, word in enumerate(words) if word]
    places = [[(number, 0, len(words[number]))] for number in given]
    return mean_states(teacher, [words[number] for number in given], places, len(words), layer)


def mean_states(
    teacher: Teacher, texts: Sequence[str], places: Sequence[Places], n_words: int, layer: int | None = None
) -> NDArray[np.float32]:
    """The mean state of each word over its occurrences in texts, `[words, hidden_size]` (Bommasani et al. 2020); NaN without one.

    `places` says for each text the words in it and their characters. The state of an occurrence is the mean over the pieces
    that share a character with it; one that a cut text ends before does not count. `layer` is that of the states, 0 is
    the embeddings and None the last. The first member of an ensemble is asked, from float32.

    Raises ModelError when the teacher has no such states.
    """
    sums = np.zeros((n_words, teacher.models[0].config.get_text_config().hidden_size))
    counts = np.zeros(n_words, dtype=np.int64)
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = slice(start, start + TEXTS_AT_ONCE)
        for word, state in _occurrences(teacher, texts[some], places[some], layer):
            sums[word] += state
            counts[word] += 1
    if not np.isfinite(sums).all():
        raise ModelError(
            "vectors of kind teacher: the states of the teacher are not all finite numbers; see that its weights are whole"
        )
    with np.errstate(invalid="ignore"):
        return (sums / counts[:, None]).astype(np.float32)


def _occurrences(
    teacher: Teacher, texts: Sequence[str], places: Sequence[Places], layer: int | None
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """The number of the word and the state `[hidden_size]` of each occurrence that the encoder reads."""
    model, tokenizer = teacher.models[0], teacher.tokenizer
    _refuse_slow(f"the teacher ({type(model).__name__})", tokenizer)
    rows = inputs_of(model, tokenizer, texts, teacher.max_length)
    pieces = _pieces_of_characters(tokenizer, texts, teacher.max_length)
    lengths = np.array([len(row["input_ids"]) for row in rows])
    asked = np.flatnonzero(lengths)
    device = next(model.parameters()).device
    most = MAX_TOKENS_ON_GPU if device.type == "cuda" else MAX_TOKENS
    for batch in (asked[of_asked] for of_asked in token_batches(lengths[asked], most)):
        inputs = padded(tokenizer, [rows[i] for i in batch])
        states = _states(model, {key: values.to(device) for key, values in inputs.items()}, layer)
        begins = inputs["attention_mask"].argmax(dim=1).tolist()  # Where it is padded on the left.
        for i, begin, of_text in zip(batch, begins, states, strict=True):
            for word, start, end in places[i]:
                shared = sorted({begin + piece for of_character in pieces[i][start:end] for piece in of_character})
                if shared:
                    yield word, of_text[shared].mean(axis=0, dtype=np.float64)


@torch.inference_mode()
def _states(model: PreTrainedModel, inputs: dict[str, torch.Tensor], layer: int | None) -> NDArray[np.float32]:
    """The states `[texts, pieces, hidden_size]` of a layer."""
    layers = getattr(model(**inputs, output_hidden_states=True), "hidden_states", None)
    if layers is None:
        raise ModelError(f"vectors of kind teacher: {type(model).__name__} gives no layers; {INSTEAD}")
    refuse_unfit_shape(type(model).__name__, len(layers) - 1, None, layer, 0)
    states = layers[-1 if layer is None else layer]
    n_pieces, hidden_size = inputs["input_ids"].shape[1], model.config.get_text_config().hidden_size
    if states.shape[1:] != (n_pieces, hidden_size):
        raise ModelError(
            f"vectors of kind teacher: {type(model).__name__} has {states.shape[1]} states of {states.shape[2]} numbers for {n_pieces} "
            f"pieces in this layer, where they should be as many and of {hidden_size}; name another layer, or {INSTEAD}"
        )
    found: NDArray[np.float32] = states.float().cpu().numpy()
    return found


def _pieces_of_characters(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> list[list[list[int]]]:
    """The numbers of the pieces that stand for each character of each text.

    Sentencepiece puts a mark before a word, which is a piece by itself if the word's own pieces begin without one. This
    piece stands for the first character in the account of the tokenizer, but says nothing of it, and does not count.
    """
    encoded = tokenizer(
        list(texts), truncation=True, max_length=max_length, return_offsets_mapping=True, return_attention_mask=False
    )
    blank = blank_ids(tokenizer)
    found: list[list[list[int]]] = []
    for text, ids, places in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        of_characters: list[list[int]] = [[] for _ in text]
        for number, (token, (start, end)) in enumerate(zip(ids, places, strict=True)):
            for at in range(start, end) if token not in blank else ():
                of_characters[at].append(number)
        found.append(of_characters)
    return found
