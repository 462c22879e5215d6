from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from distune._pairs import joined
from distune.corpora.encoding import Encoder
from distune.corpora.places import Place
from distune.models.decision import EachLabel
from distune.tuning.report.deciding import deciding_words, words_of_texts
from distune.tuning.storage.paths import Folder


def ask(tokens: Sequence[str]) -> NDArray[np.float32]:
    """A student of two labels: 0.5 for the second, and what each word adds to it."""
    positive = 0.5 + sum({"好": 0.3, "很": 0.1, "不": -0.2}.get(token, 0.0) for token in tokens)
    return np.array([1 - positive, positive], np.float32)


def test_the_words_that_decided_are_those_without_which_the_answer_loses_most() -> None:
    # 0.9 for the second label: 0.6 without one word, 0.8 without the other; the third word changes nothing.
    found = deciding_words(["很", "好", "书"], ask)
    assert list(found) == [1]
    assert [(word.text, word.drop) for word in found[1]] == [("好", pytest.approx(0.3)), ("很", pytest.approx(0.1))]


def test_a_word_against_the_answer_did_not_decide_it() -> None:
    assert [word.text for word in deciding_words(["不", "好"], ask)[1]] == ["好"]
    # Of the first label it is the other way round.
    assert [word.text for word in deciding_words(["不"], ask)[0]] == ["不"]


def test_a_word_that_comes_twice_is_hidden_in_both_places() -> None:
    (word,) = deciding_words(["很", "书", "很"], ask)[1]
    assert (word.text, word.drop) == ("很", pytest.approx(0.2))


ADDS = {"慢": (0.6, 0.0, 0.1), "坏": (0.1, 0.7, 0.0), "贵": (0.0, 0.0, 0.2)}


def ask_of_sets(tokens: Sequence[str]) -> NDArray[np.float32]:
    """A student of three labels a text: 0.1 for each, and what each word adds to it."""
    added = [ADDS[token] for token in tokens if token in ADDS]
    return np.array([0.1 + sum(one[label] for one in added) for label in range(3)], np.float32)


def test_of_several_labels_each_answered_one_has_its_own_words() -> None:
    # 0.8, 0.8 and 0.2, of which the last is not answered.
    found = deciding_words(["慢", "坏"], ask_of_sets, EachLabel((0.5, 0.5, 0.5)))
    told = {label: [(word.text, word.drop) for word in words] for label, words in found.items()}
    assert told == {
        0: [("慢", pytest.approx(0.6)), ("坏", pytest.approx(0.1))],
        1: [("坏", pytest.approx(0.7))],
    }


def test_a_text_without_an_answered_label_has_the_words_of_the_likeliest() -> None:
    found = deciding_words(["贵"], ask_of_sets, EachLabel((0.5, 0.5, 0.5)))
    assert {label: [word.text for word in words] for label, words in found.items()} == {2: ["贵"]}


def test_of_many_answered_labels_the_likeliest_five_are_looked_at() -> None:
    found = deciding_words(["x"], lambda tokens: np.linspace(0.1, 0.9, 9, dtype=np.float32), EachLabel((0.0,) * 9))
    assert list(found) == [8, 7, 6, 5, 4]


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

    assert [word.text for word in deciding_words(tokens, ask)[1]] == ["差"]
    assert asked == [[3, 3, 2, 4], [1, 1, 2, 4], [3, 3, 2, 1]]
