from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from distune._pairs import joined
from distune.corpora.encoding import Encoder
from distune.corpora.places import Place
from distune.tuning.report.deciding import deciding_words, words_of_texts
from distune.tuning.storage.paths import Folder


def ask(tokens: Sequence[str]) -> NDArray[np.float32]:
    """A student of two labels: 0.5 for the second, and what each word adds to it."""
    positive = 0.5 + sum({"好": 0.3, "很": 0.1, "不": -0.2}.get(token, 0.0) for token in tokens)
    return np.array([1 - positive, positive], np.float32)


def test_the_words_that_decided_are_those_without_which_the_answer_loses_most() -> None:
    # 0.9 for the second label: 0.6 without one word, 0.8 without the other; the third word changes nothing.
    found = deciding_words(["很", "好", "书"], ask)
    assert [(word.text, word.drop) for word in found] == [("好", pytest.approx(0.3)), ("很", pytest.approx(0.1))]


def test_a_word_against_the_answer_did_not_decide_it() -> None:
    assert [word.text for word in deciding_words(["不", "好"], ask)] == ["好"]
    # Of the first label it is the other way round.
    assert [word.text for word in deciding_words(["不"], ask)] == ["不"]


def test_a_word_that_comes_twice_is_hidden_in_both_places() -> None:
    (word,) = deciding_words(["很", "书", "很"], ask)
    assert (word.text, word.drop) == ("很", pytest.approx(0.2))


def test_a_champion_that_cannot_be_asked_costs_no_page(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion" / "model.onnx").write_bytes(b"no graph")
    assert words_of_texts(Folder(Place(str(tmp_path))), ["好"]) == {}
    (line,) = said
    assert line.startswith("the page has no words that decided: ")


def test_of_a_pair_each_text_is_read_and_the_separator_is_no_word() -> None:
    encoder = Encoder(
        {"kind": "characters", "max_tokens": 2, "cut": "pairs_as_spelt"}, ("[PAD]", "[UNK]", "[SEP]", "好", "差")
    )
    tokens = encoder.read(joined("好好好", "差"))
    assert tokens == ["好", "好", "[SEP]", "差"]
    asked: list[list[int]] = []

    def ask(tokens: Sequence[str]) -> NDArray[np.float32]:
        asked.append(encoder.look_up(tokens))
        return np.array([0.4, 0.6] if 4 in asked[-1] else [0.9, 0.1], np.float32)

    assert [word.text for word in deciding_words(tokens, ask)] == ["差"]
    assert asked == [[3, 3, 2, 4], [1, 1, 2, 4], [3, 3, 2, 1]]
