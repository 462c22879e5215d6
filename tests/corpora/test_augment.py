"""Augmentation by the rules of Tang et al. 2019, each alone and all at their rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from distune.corpora.augment import (
    MASK,
    AugmentConfig,
    augment,
    fingerprint,
    load_augmented,
    save_augmented,
    with_mask,
    words_by_tag,
)
from distune.corpora.kept import DamagedError
from distune.corpora.places import Place
from distune.corpora.texts import content_key

# As jieba tags them: 我/r 喜欢/v 苹果/n, 你/r 讨厌/v 香蕉/n
TEXTS = ["我喜欢苹果", "你讨厌香蕉"]


def only(**probabilities: float) -> dict[str, Any]:
    return {"p_mask": 0.0, "p_pos": 0.0, "p_ngram": 0.0, **probabilities}


def texts_of(config: dict[str, Any], texts: list[str], held_out: list[str] | None = None) -> list[str]:
    return list(augment(AugmentConfig(**config), texts, held_out or []).texts)


def test_masking_hides_every_word_at_probability_1_and_leaves_white_space() -> None:
    found = texts_of({"n_iter": 1, **only(p_mask=1.0)}, ["我 喜欢苹果", "你讨厌"])
    assert set(found) == {f"{MASK} {MASK * 2}", MASK * 2}


def test_a_word_becomes_another_of_its_part_of_speech() -> None:
    found = texts_of({"n_iter": 40, **only(p_pos=1.0)}, TEXTS)
    possible = {f"{a}{b}{c}" for a in "我你" for b in ("喜欢", "讨厌") for c in ("苹果", "香蕉")}
    assert set(found) == possible - set(TEXTS)


def test_a_word_is_drawn_as_often_as_it_occurs_in_train() -> None:
    pronouns = words_by_tag([[("我", "r"), ("喜欢", "v")]] * 9 + [[("你", "r"), (" ", "r")]])["r"]
    assert pronouns.words == ("你", "我")
    assert [pronouns.draw(uniform) for uniform in (0.0, 0.09, 0.11, 0.99)] == ["你", "你", "我", "我"]


def test_an_ngram_is_some_neighbouring_words_of_the_text() -> None:
    text = "我 喜欢苹果和香蕉还有很大的手机"
    words = ["我", "喜欢", "苹果", "和", "香蕉", "还有", "很大", "的", "手机"]
    possible = {
        text[text.index(words[i]) : text.index(words[j]) + len(words[j])]
        for i in range(len(words))
        for j in range(i, min(i + 5, len(words)))
    }
    found = texts_of({"n_iter": 200, **only(p_ngram=1.0)}, [text])
    assert set(found) <= possible
    assert len(found) > 20
    assert {"我", "我 喜欢"} <= set(found)


def test_the_rates_are_those_of_the_paper() -> None:
    text = "喜欢" * 400
    config = AugmentConfig(n_iter=20, p_ngram=0.0)
    masked = [one.count(MASK) / 400 for one in augment(config, [text, "讨厌"], []).texts if len(one) > 100]
    assert np.mean(masked) == pytest.approx(0.1, abs=0.01)
    kept = augment(AugmentConfig(n_iter=200), [text], []).texts
    assert sum(len(one) < 20 for one in kept) <= 60  # about a quarter of 200, less what came twice


def test_fewer_iterations_are_a_prefix_of_more() -> None:
    few, many = (augment(AugmentConfig(n_iter=n), TEXTS * 1, []) for n in (3, 9))
    n = int((many.iterations <= 3).sum())
    assert many.texts[:n] == few.texts
    assert many.iterations.tolist() == sorted(many.iterations.tolist())
    assert set(many.iterations.tolist()) <= set(range(1, 10))


def test_what_a_text_becomes_depends_on_the_seed_and_not_on_its_place() -> None:
    config = {"n_iter": 5, **only(p_mask=0.5)}
    assert texts_of(config, TEXTS) == texts_of(config, TEXTS)
    assert set(texts_of(config, TEXTS)) == set(texts_of(config, TEXTS[::-1]))
    assert set(texts_of(config, TEXTS)) != set(texts_of({**config, "seed": 8}, TEXTS))


def test_no_text_comes_twice_nor_stands_in_train_nor_is_held_out() -> None:
    held_out = ["我讨厌 苹果", "喜欢"]
    found = texts_of({"n_iter": 60, **only(p_pos=0.5, p_ngram=0.5)}, TEXTS, held_out)
    keys = [content_key(text) for text in found]
    assert len(set(keys)) == len(keys) > 5
    assert not set(keys) & {content_key(text) for text in (*TEXTS, *held_out)}


def test_the_teacher_sees_its_own_mask_token() -> None:
    assert with_mask(f"我{MASK}{MASK}。", "[MASK]") == "我[MASK][MASK]。"


def test_augmented_texts_are_read_back(tmp_path: Path) -> None:
    made = augment(AugmentConfig(n_iter=4), TEXTS, [])
    save_augmented(Place(str(tmp_path)) / "deep" / "a.parquet", made)
    read = load_augmented(Place(str(tmp_path)) / "deep" / "a.parquet")
    assert read.texts == made.texts
    np.testing.assert_array_equal(read.iterations, made.iterations)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.parquet"]


def test_the_fingerprint_is_of_settings_and_texts_and_not_of_their_order() -> None:
    first = fingerprint(AugmentConfig(n_iter=1), TEXTS, ["a"])
    assert fingerprint(AugmentConfig(n_iter=1), TEXTS[::-1], ["a"]) == first
    others = [
        (AugmentConfig(n_iter=2), TEXTS, ["a"]),
        (AugmentConfig(n_iter=1), TEXTS[:1], ["a"]),
        (AugmentConfig(n_iter=1), TEXTS, ["b"]),
    ]
    assert len({first, *(fingerprint(*arguments) for arguments in others)}) == 4


def test_a_word_has_one_fate() -> None:
    with pytest.raises(ValidationError, match=r"p_mask \+ p_pos must be <= 1, but got 0.8 \+ 0.4"):
        AugmentConfig(p_mask=0.8, p_pos=0.4)


def test_augmented_texts_that_are_damaged_are_refused_with_their_file(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "a.parquet"))
    place.write_bytes(b"PAR1 and no more")
    with pytest.raises(DamagedError, match=r"a\.parquet is damaged \(.*\); remove it, and the texts are made again"):
        load_augmented(place)
