"""Tokenizers: with which token they pad, and what a model has positions and embeddings for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertTokenizer

from distune.models.errors import ModelError
from distune.models.teacher.teacher import load_teacher, teacher_logits
from distune.models.teacher.tokenizing import character_tokenizer, inputs_of, load_tokenizer, tokenizer_place
from tests.families import FAMILIES, POSITIONS, TEXTS, byte_pairs, save_family


def test_ids_that_the_model_has_no_embedding_for_are_refused(tmp_path: Path) -> None:
    save_family("bert", tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    n = len(tokenizer)
    tokenizer.add_tokens(["新"])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=rf"it gives ids up to {n} \('新'\), and the model embeds {n} tokens"):
        load_teacher(tmp_path, POSITIONS)


def test_more_tokens_than_positions_are_refused_or_cut_where_that_is_told(tmp_path: Path) -> None:
    save_family("roberta", tmp_path)
    with pytest.raises(
        ModelError, match=r"max_length must be <= 32, the positions of the teacher .*, but got max_length=33"
    ):
        load_teacher(tmp_path, 33)
    teacher = load_teacher(tmp_path, 128, may_cut=True)
    assert teacher.max_length == 32
    assert teacher.notes == (
        f"the teacher {tmp_path} reads at most 32 tokens, as it has no more positions, instead of 128 by default",
    )
    assert np.isfinite(teacher_logits(teacher, ["好" * 200])).all()


def padding_of(folder: Path, ours: str | None, theirs: int | None) -> tuple[str | None, int, tuple[str, ...]]:
    """What a GPT-2 pads with whose tokenizer names `ours` and whose config.json names `theirs`."""
    _, make = FAMILIES["gpt2"]
    tokenizer = make()
    if ours is not None:
        tokenizer.pad_token = ours
    tokenizer.save_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    model.config.pad_token_id = theirs
    model.save_pretrained(folder)
    teacher = load_teacher(folder, POSITIONS)
    together = teacher_logits(teacher, ["好", TEXTS[0]])
    np.testing.assert_allclose(together[:1], teacher_logits(teacher, ["好"]), atol=1e-5)
    return teacher.tokenizer.pad_token, teacher.models[0].config.pad_token_id, teacher.notes


def test_the_pad_token_of_config_json_counts_then_that_of_the_tokenizer_then_the_end_of_text(tmp_path: Path) -> None:
    save_family("gpt2", tmp_path)
    mark = AutoTokenizer.from_pretrained(tmp_path).convert_ids_to_tokens([5, 6])
    name = f"the teacher {tmp_path}"
    assert padding_of(tmp_path, None, None) == (
        "<|endoftext|>",
        0,
        (f"{name} pads with <|endoftext|>, as it names no pad token",),
    )
    assert padding_of(tmp_path, mark[0], None) == (mark[0], 5, ())
    assert padding_of(tmp_path, None, 5) == (mark[0], 5, ())
    assert padding_of(tmp_path, mark[0], 6) == (
        mark[1],
        6,
        (f"{name} pads with {mark[1]}, as its config.json says, not its tokenizer",),
    )


def test_a_decoder_without_any_pad_token_whose_texts_end_with_the_end_of_text_is_refused(tmp_path: Path) -> None:
    save_family("gpt2", tmp_path)
    ended = byte_pairs(None, "<|endoftext|>", eos_token="<|endoftext|>")
    ended.save_pretrained(tmp_path)
    with pytest.raises(
        ModelError, match=r"has no pad token: set pad_token in its tokenizer_config.json and pad_token_id"
    ):
        load_teacher(tmp_path, POSITIONS)


def test_a_tokenizer_of_special_tokens_alone_is_refused(tmp_path: Path) -> None:
    BertTokenizer(
        vocab={token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])}
    ).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="has no vocabulary: it knows 5 tokens, none of them a word or a part of one"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        (["[UNK]"], r"\[UNK\]"),
        (["[CLS]", "[SEP]"], r"\[CLS\], \[SEP\]"),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], r"\[UNK\], \[PAD\], \[CLS\], \[SEP\]"),
    ],
)
def test_a_vocabulary_without_special_tokens_is_refused(tmp_path: Path, lost: list[str], missing: str) -> None:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "vocab.txt").write_text("\n".join(token for token in tokens if token not in lost) + "\n")
    with pytest.raises(
        ModelError, match=rf"a vocabulary of {7 - len(lost)} tokens without {missing}; copy vocab\.txt or"
    ):
        load_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(tokens) + "\n")
    assert load_tokenizer(tmp_path)("a b")["input_ids"] == [2, 5, 6, 3]


def test_an_adapter_without_a_tokenizer_has_that_of_its_base(tmp_path: Path) -> None:
    assert tokenizer_place("some/hub-id") == "some/hub-id"
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')
    assert tokenizer_place(tmp_path) == "some/base"
    (tmp_path / "tokenizer.json").write_text("{}")
    assert tokenizer_place(tmp_path) == str(tmp_path)


def test_token_types_are_given_where_none_are_not_zeros(tmp_path: Path) -> None:
    tokenizer = character_tokenizer(["好书"], 1, 8)
    for family, expected in (("bert", {"input_ids"}), ("gpt2", {"input_ids", "token_type_ids"})):
        model = AutoModelForSequenceClassification.from_pretrained(save_family(family, tmp_path / family))
        (row,) = inputs_of(model, tokenizer, ["好书"], 8)
        assert set(row) == expected
        assert len(row["input_ids"]) == 4
