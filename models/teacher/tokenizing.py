"""The teacher's tokenizer: loading and making one, token ids, and padding."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from transformers import AutoTokenizer, BertTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from distune._pairs import MARK, sides
from distune._plural import n_of
from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import adapter_base, in_one_line, is_adapter
from distune.models.teacher.hub import unless_adapter
from distune.models.teacher.loading import at
from distune.models.teacher.own_code import refuse_own_tokenizer

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
READ_FROM_LEFT = {"xlnet"}
"""Families whose head reads the last position, whatever its token."""


def quiet_transformers() -> None:
    """No bars and no reports of fresh heads: what matters is said by us."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def character_tokenizer(texts: Sequence[str], min_count: int, max_length: int) -> BertTokenizer:
    """A BERT tokenizer whose vocabulary is the characters that occur at least `min_count` times in `texts`."""
    counts = Counter(one for text in texts for one in text.lower() if not one.isspace() and one != MARK)
    kept = sorted((c for c, n in counts.items() if n >= min_count), key=lambda c: (-counts[c], c))
    # Only letters and digits of other scripts than Chinese are continued within one word.
    pieces = [*SPECIAL_TOKENS, *kept, *(f"##{c}" for c in kept if c.isalnum() and not "\u4e00" <= c <= "\u9fff")]
    return BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=max_length)


def load_tokenizer(place: str | Path, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, by hub id (at a revision) or folder.

    Raises ModelError when it cannot be loaded, and when it knows no token but special ones, as transformers makes it of a
    checkpoint without tokenizer files.
    """
    quiet_transformers()
    with unless_adapter(place, revision), in_one_line(f"the tokenizer of {place} cannot be loaded"):
        refuse_own_tokenizer(place, at(revision))
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            place, trust_remote_code=False, **at(revision)
        )
        special = set(tokenizer.all_special_tokens)
        known = [token for token in tokenizer.get_vocab() if token not in special]
    if not any(character.isalnum() for token in known for character in token):
        raise ModelError(
            f"the tokenizer of {place} has no vocabulary: it knows {n_of(len(known) + len(special), 'token')}, none of them a "
            "word or a part of one; copy tokenizer.json (or vocab.txt) into it from where the checkpoint was made"
        )
    _refuse_vocabulary_without_special_tokens(place, tokenizer)
    return tokenizer


def _refuse_vocabulary_without_special_tokens(place: str | Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ModelError if transformers had to append special tokens to a vocabulary of WordPiece, because a trained
    vocabulary has them. In a whole tokenizer.json only [UNK] is checked: without it an unknown word is an error."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or type(getattr(backend, "model", None)).__name__ != "WordPiece":
        return
    wanted = [tokenizer.unk_token]
    if (Path(place) / "vocab.txt").is_file() and not (Path(place) / "tokenizer.json").is_file():
        wanted += [tokenizer.pad_token, tokenizer.cls_token, tokenizer.sep_token]
    vocabulary = backend.get_vocab(with_added_tokens=False)
    missing = [str(token) for token in wanted if token is not None and token not in vocabulary]
    if missing:
        raise ModelError(
            f"the tokenizer of {place} has a vocabulary of {n_of(len(vocabulary), 'token')} without {', '.join(missing)}; copy vocab.txt or "
            "tokenizer.json into it from where the checkpoint was made"
        )


def tokenizer_place(place: str | Path) -> str:
    """The place of a checkpoint's tokenizer; for an adapter without one, the place of its base."""
    folder = Path(place)
    if not is_adapter(folder) or (folder / "tokenizer_config.json").is_file() or (folder / "tokenizer.json").is_file():
        return str(place)
    return adapter_base(folder)


def tokenizer_pieces(folder: str | Path, revision: str | None = None) -> list[str]:
    """The vocabulary of a checkpoint's tokenizer, by id; an ensemble's members share one.

    Raises ModelError when it cannot be loaded, and when it is not WordPiece.
    """
    first = next(iter(sorted(Path(folder).glob("member-*"))), folder)
    tokenizer = load_tokenizer(tokenizer_place(first), revision)
    kind = type(getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)).__name__
    if kind != "WordPiece":
        raise ModelError(f"the tokenizer of {folder} must be WordPiece, as that of BERT is, but it is {kind}")
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """The token ids of each text, special tokens and all."""
    return [row["input_ids"] for row in _encoded(tokenizer, texts, max_length, with_types=False)]


def inputs_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> list[dict[str, list[int]]]:
    """The input of a model for each text, before padding: `input_ids`, and `token_type_ids` if leaving them out is not
    the same as zeros.

    XLNet's tokenizer marks the token that the head reads; GPT-2 adds the embedding of any type that it is given.
    """
    takes = "token_type_ids" in inspect.signature(model.forward).parameters
    zeros_by_default = any(name.endswith("token_type_embeddings") for name, _ in model.named_modules())
    are_pairs = bool(texts) and MARK in texts[0]  # The second text of a pair is of another type.
    with_types = takes and (are_pairs or not zeros_by_default) and "token_type_ids" in tokenizer.model_input_names
    return _encoded(tokenizer, texts, max_length, with_types)


def _encoded(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int, with_types: bool
) -> list[dict[str, list[int]]]:
    encoded = tokenizer(
        *(map(list, zip(*map(sides, texts), strict=True)) if texts else [[]]),
        truncation=True,
        max_length=max_length,
        return_attention_mask=False,
        return_token_type_ids=with_types,
    )
    return [dict(zip(encoded, row, strict=True)) for row in zip(*encoded.values(), strict=True)]


def padded(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]] | Sequence[dict[str, list[int]]]
) -> dict[str, Tensor]:
    """Token ids or `inputs_of` texts with their `attention_mask`, all `[batch, longest]`."""
    if rows and not isinstance(rows[0], dict):
        return dict(tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt"))
    return dict(tokenizer.pad(list(rows), return_tensors="pt"))


def agree_on_padding(name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Make a model and its tokenizer pad with the same token, on the side that changes no answer; returns the
    assumptions.

    A decoder reads its answer from the last token that is not `pad_token_id` of config.json, so this one counts if the
    two name different tokens.

    Raises ModelError without such a token.
    """
    vocabulary, shape = set(tokenizer.get_vocab().values()), model.config.get_text_config()
    tokenizer.padding_side = "left" if shape.model_type in READ_FROM_LEFT else "right"
    ours, theirs = tokenizer.pad_token_id, shape.pad_token_id
    if theirs in vocabulary:
        pad_id, told = theirs, ours is not None and ours != theirs
    elif ours in vocabulary:
        pad_id, told = ours, False
    elif tokenizer.eos_token_id in vocabulary and tokenizer.eos_token_id not in tokenizer("a")["input_ids"]:
        pad_id, told = tokenizer.eos_token_id, True
    else:
        raise ModelError(
            f"{name} has no pad token: set pad_token in its tokenizer_config.json and pad_token_id in its "
            "config.json to the one that it was trained with"
        )
    if ours != pad_id:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_id)
    shape.pad_token_id = pad_id
    why = "as its config.json says, not its tokenizer" if ours is not None else "as it names no pad token"
    return [f"{name} pads with {tokenizer.pad_token}, {why}"] if told else []


def most_tokens(model: PreTrainedModel) -> int | None:
    """How many tokens a model has positions for; None if it has no such number.

    RoBERTa and its kin count from behind the pad token's id: of 514 positions they use 512.
    """
    stated = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(stated, int) or stated < 1:
        return None
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return int(module.num_embeddings) - int(module.padding_idx) - 1
    return stated


def fitting_length(name: str, model: PreTrainedModel, max_length: int, may_cut: bool) -> tuple[int, list[str]]:
    """The number of tokens of a text that a model reads, and the lines about it.

    Raises ModelError if it has fewer positions, unless it `may_cut`.
    """
    most = most_tokens(model)
    if most is None or max_length <= most:
        return max_length, []
    if not may_cut:
        raise ModelError(f"max_length must be <= {most}, the positions of {name}, but got {max_length=}")
    return most, [
        f"{name} reads at most {n_of(most, 'token')}, as it has no more positions, instead of {max_length} by default"
    ]


def refuse_ids_beyond(name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ModelError if the tokenizer gives ids that the model has no embedding for."""
    try:
        rows = model.get_input_embeddings().weight.shape[0]
    except NotImplementedError:
        return  # CANINE hashes characters, of which none is beyond its table.
    vocabulary = tokenizer.get_vocab()
    last = max(vocabulary, key=vocabulary.__getitem__)
    if vocabulary[last] >= rows:
        raise ModelError(
            f"{name}: its tokenizer does not belong to its weights: it gives ids up to {vocabulary[last]} ({last!r}), and "
            f"the model embeds {n_of(rows, 'token')}; name the tokenizer's own checkpoint, or copy its files there"
        )
