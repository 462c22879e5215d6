from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from distune.models.errors import ModelError
from distune.models.teacher.tokenizing import character_tokenizer
from distune.models.teacher.unknown_text import refuse_unknown, unknown_shares
from tests.families import OF_ROBERTA as NAMES
from tests.families import TEXTS, byte_pairs, unigram


def test_the_unknown_part_is_counted_in_characters() -> None:
    tokenizer = character_tokenizer(["好好 ab"], 1, 8)
    np.testing.assert_allclose(
        unknown_shares(tokenizer, ["好 好", "好书", "书书", " ", "ab xy z"]), [0, 0.5, 1, 0, 0.6]
    )


def test_bytes_are_known_in_every_script_and_pieces_in_their_own() -> None:
    assert unknown_shares(byte_pairs(None, None, eos_token="<e>"), ["ελληνικά 中文 🙂"]).tolist() == [0]
    pieces = unigram("<s>", "</s>", **NAMES)
    np.testing.assert_allclose(unknown_shares(pieces, [TEXTS[0], "ελληνικά"]), [0, 1])


def test_what_a_tokenizer_without_an_unknown_token_leaves_out_is_unknown(tmp_path: Path) -> None:
    tokenizer = character_tokenizer(["好"], 1, 8)
    nameless = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    assert nameless.unk_token_id is None
    assert unknown_shares(nameless, ["好", "书"]).tolist() == [0, 1]


def test_a_tokenizer_of_another_language_is_refused_with_an_example() -> None:
    latin = character_tokenizer(["abcdefghijklmnopqrstuvwxyz ，。"], 1, 8)
    with pytest.raises(
        ModelError, match=r"^the teacher x: its tokenizer does not know \d+ % of the corpus: '.*' becomes .*\[UNK\]"
    ):
        refuse_unknown("the teacher x", latin, TEXTS)
    assert refuse_unknown("the teacher x", character_tokenizer(TEXTS, 1, 8), TEXTS) == []


def test_a_part_that_is_unknown_is_told() -> None:
    tokenizer = character_tokenizer(["好书很差"], 1, 8)
    texts = ["好书很差好书很差好书", "好书很差好书很差好x"]
    assert refuse_unknown("the teacher x", tokenizer, texts) == []  # 5 % is not more than 5 %.
    assert refuse_unknown("the teacher x", tokenizer, texts[1:]) == [
        "the teacher x: its tokenizer does not know 10.0 % of the texts' characters"
    ]
