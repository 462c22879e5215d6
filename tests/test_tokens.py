from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import jieba
import numpy as np
import pytest

from corpora.encoding import SEGMENTERS, UNKNOWN, Encoder, load_encoder, segment
from corpora.files import read_reviews
from corpora.tokens import CharactersConfig, WordsConfig, build_encoder, build_vocabulary, ragged, segment_all

CONFIGS = [WordsConfig, CharactersConfig]
WORDS = {"kind": "words", "hmm": False}


def test_words_are_cut_by_jieba_lower_case_and_without_white_space() -> None:
    assert segment(WORDS, "我爱北京天安门，ＡＢＣ good") == ["我", "爱", "北京", "天安门", ",", "abc", "good"]


def test_jieba_may_guess_words_that_its_dictionary_lacks() -> None:
    # The example of jieba's own README: 杭研 stands in no dictionary.
    assert "杭研" not in segment(WORDS, "他来到了网易杭研大厦")
    assert "杭研" in segment({**WORDS, "hmm": True}, "他来到了网易杭研大厦")


@pytest.mark.parametrize("hmm", [False, True])
def test_words_are_those_of_jieba_itself(hmm: bool) -> None:
    texts = [row.text for row in read_reviews()[::40]]
    assert len(texts) > 400
    for text in texts:
        plain = unicodedata.normalize("NFKC", text).lower()
        assert segment({"kind": "words", "hmm": hmm}, text) == [t for t in jieba.cut(plain, HMM=hmm) if not t.isspace()]


def test_characters_are_single() -> None:
    assert segment({"kind": "characters"}, "好 Ａb\n") == ["好", "a", "b"]


@pytest.mark.parametrize("config", CONFIGS)
def test_every_kind_of_tokens_has_its_segmenter_and_keeps_the_contract(
    config: type[WordsConfig] | type[CharactersConfig], tmp_path: Path
) -> None:
    settings = config(min_count=1, max_tokens=3)
    assert settings.kind in SEGMENTERS
    texts = ["这本书很好，很好！", "Good 书", "", "  "]
    segmented = segment_all(settings, texts)
    vocabulary = build_vocabulary(settings, segmented[:1])
    assert vocabulary[:2] == ("[PAD]", "[UNK]")
    encoder = build_encoder(settings, vocabulary)
    rows = [encoder(text) for text in texts]
    assert [encoder.look_up(tokens) for tokens in segmented] == rows
    assert rows[2:] == [[UNKNOWN], [UNKNOWN]]
    assert all(1 <= len(row) <= 3 for row in rows)
    assert 0 not in {token for row in rows for token in row}
    # A checkpoint's encoder is the same, read back from its folder.
    (tmp_path / "config.json").write_text(json.dumps({"tokens": settings.model_dump(mode="json")}))
    (tmp_path / "vocabulary.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    assert [load_encoder(tmp_path)(text) for text in texts] == rows


def test_the_vocabulary_is_by_frequency_and_then_by_token() -> None:
    segmented = [["b", "a", "c"], ["c", "a"], ["c", "d"]]
    assert build_vocabulary(WordsConfig(min_count=1), segmented) == ("[PAD]", "[UNK]", "c", "a", "b", "d")
    assert build_vocabulary(WordsConfig(min_count=2), segmented) == ("[PAD]", "[UNK]", "c", "a")
    assert build_vocabulary(WordsConfig(min_count=1, max_vocabulary=3), segmented) == ("[PAD]", "[UNK]", "c")


def test_unknown_tokens_and_long_texts() -> None:
    encoder = Encoder({"kind": "characters", "max_tokens": 3}, ["[PAD]", "[UNK]", "好", "书"])
    assert encoder("好坏书好") == [2, 1, 3]


def test_rows_of_unequal_length_are_one_array() -> None:
    rows = ragged([[1, 2, 3], [4], [5, 6]])
    assert rows.flat.tolist() == [1, 2, 3, 4, 5, 6]
    assert rows.offsets.tolist() == [0, 3, 4, 6]
    assert rows.lengths.tolist() == [3, 1, 2]
    assert (len(rows), rows.flat.dtype) == (3, np.int32)
