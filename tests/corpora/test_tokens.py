from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from distune.corpora.augment import MASK
from distune.corpora.encoding import (
    SEGMENTERS,
    UNKNOWN,
    Encoder,
    MissingPackageError,
    load_encoder,
    needed_packages,
    normalized,
    segmenter,
)
from distune.corpora.texts import CorpusError
from distune.corpora.tokens import (
    AnyTokensConfig,
    CharactersConfig,
    EnglishWordsConfig,
    WordPieceConfig,
    WordsCharactersConfig,
    WordsConfig,
    build_vocabulary,
    encoder_settings,
    ragged,
    tokenize,
)

CONFIGS = [
    WordsConfig(min_count=1, max_tokens=3),
    WordsConfig(segmenter="rjieba", min_count=1, max_tokens=3),
    CharactersConfig(min_count=1, max_tokens=3),
    CharactersConfig(min_count=1, max_tokens=3, max_ngram=2),
    WordsCharactersConfig(kind="words_characters", min_count=1, max_tokens=3),
    WordPieceConfig(kind="wordpiece", min_count=1, max_tokens=3),
    EnglishWordsConfig(kind="english_words", min_count=1, max_tokens=3),
]
WORDS = {"kind": "words", "segmenter": "jieba", "hmm": False, "user_words": [], "cut": "as_spelt"}


def test_all_kinds_but_word_pieces_say_that_they_cut_a_text_as_it_is_spelt() -> None:
    for config in CONFIGS:
        expected = None if config.kind == "wordpiece" else "as_spelt"
        assert encoder_settings(config).get("cut") == expected


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{getattr(config, 'segmenter', '')}")
@pytest.mark.parametrize("cut", ["as_spelt", None])
def test_half_of_a_surrogate_pair_is_read_as_an_unknown_sign(config: AnyTokensConfig, cut: str | None) -> None:
    settings = {**encoder_settings(config), "cut": cut}
    segment = segmenter(settings, PIECES)
    assert segment("好\ud83d书") in (["好", "\ufffd", "书"], ["好", "书"])  # BERT drops what is no character.


@pytest.mark.parametrize(
    "text", ["好\u200b书", "\ufeff好书", "好\u00ad书", "好\0书", "好\u2060书\u200e", "好\ufe0f书", "好\x7f书"]
)
def test_what_is_not_seen_is_not_read(text: str) -> None:
    for kind in ("characters", "english_words", "words"):
        segment = segmenter({**WORDS, "kind": kind})
        assert segment(text) == segment("好书")
    assert segmenter({"kind": "characters"})(text) != ["好", "书"]  # A checkpoint from before read it.


def test_a_capital_i_with_a_dot_is_an_i() -> None:
    assert segmenter({"kind": "english_words", "cut": "as_spelt"})("\u0130stanbul") == ["istanbul"]
    assert segmenter({"kind": "characters", "cut": "as_spelt"})("\u0130K") == ["i", "k"]


def test_a_text_is_normalized_as_by_nfkc_alone() -> None:
    signs = "，！？：；（）～…"
    # Beside a combining mark, which may be composed with what stands before it, and what else NFKC changes.
    for text in ["".join(f"{sign}{mark}" for sign in signs) for mark in "\u0301\u0338\u3099Ａé …"]:
        assert normalized(text) == unicodedata.normalize("NFKC", text).lower()


def test_characters_are_single() -> None:
    assert segmenter({"kind": "characters"})("好 Ａb\n") == ["好", "a", "b"]


def test_english_words_keep_their_apostrophes() -> None:
    found = segmenter({"kind": "english_words"})("I don't LIKE it: 3.5/5, rock_n'roll!")
    assert found == ["i", "don't", "like", "it", ":", "3", ".", "5", "/", "5", ",", "rock", "_", "n'roll", "!"]


ENGLISH = segmenter({"kind": "english_words", "cut": "as_spelt"})


@pytest.mark.parametrize("sign", ["'", "\u2019", "\u2018", "\u02bc", "\u201b", "\uff07", "\u00b4", "\u2032", "`"])
def test_a_typographic_apostrophe_is_an_apostrophe(sign: str) -> None:
    assert ENGLISH(f"I Don{sign}t; rock{sign}n{sign}roll") == ["i", "don't", ";", "rock'n'roll"]


def test_signs_that_are_no_apostrophes_stay_what_they_are() -> None:
    assert ENGLISH("the dogs\u2019 \u2018x\u2019 `y` 6\u2032 \u201cz\u201d") == [
        *("the", "dogs", "'", "'", "x", "'", "`", "y", "`", "6", "\u2032", "\u201c", "z", "\u201d")
    ]


def test_english_words_of_a_checkpoint_from_before_are_cut_as_they_were() -> None:
    segment = segmenter({"kind": "english_words"})
    assert segment("Don\u2019t don't") == ["don", "\u2019", "t", "don't"]
    assert segment("m\u0304a") == ["m", "\u0304", "a"]


def test_combining_marks_are_parts_of_words() -> None:
    assert ENGLISH("M\u0304a हिन्दी, ok") == ["m\u0304a", "हिन्दी", ",", "ok"]
    assert ENGLISH("cafe\u0301") == ["caf\u00e9"]


def test_a_word_that_the_vocabulary_lacks_is_spelt() -> None:
    config = WordsCharactersConfig(kind="words_characters", min_count=2)
    tokenized = tokenize(config, ["北京好", "北京大", "天安门好大"])
    # Counted: 北京 2, 北 2, 京 2, 好 2, 大 2, 天安门 1, 天 1, 安 1, 门 1.
    assert set(tokenized.vocabulary[2:]) == {"北京", "北", "京", "好", "大"}
    assert tokenized.segmented == (["北京", "好"], ["北京", "大"], ["天", "安", "门", "好", "大"])
    assert tokenized.encoder.segment("北京天安门") == ["北京", "天", "安", "门"]


PIECES = ["[PAD]", "[UNK]", "[CLS]", "好", "书", "un", "##good", "good", "##go", "##od"]


def test_word_pieces_are_those_of_bert() -> None:
    segment = segmenter({"kind": "wordpiece"}, PIECES)
    assert segment("好书 ungood, Good") == ["好", "书", "un", "##good", "[UNK]", "good"]


def test_word_pieces_that_the_corpus_lacks_are_left_out_and_cut_smaller() -> None:
    config = WordPieceConfig(kind="wordpiece", min_count=2)
    tokenized = tokenize(config, ["好书 good", "good ungo 好", "un##od ungo"], PIECES)
    assert set(tokenized.vocabulary) == {"[PAD]", "[UNK]", "good", "好", "##go", "un"}
    assert tokenized.segmented[0] == ["好", "[UNK]", "good"]
    assert tokenized.encoder("书 good")[0] == UNKNOWN


def test_word_pieces_without_a_tokenizer_are_refused() -> None:
    with pytest.raises(CorpusError, match="tokens of kind wordpiece need a tokenizer: name its `checkpoint`"):
        tokenize(WordPieceConfig(kind="wordpiece"), ["好"])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{getattr(config, 'segmenter', '')}")
def test_every_kind_of_tokens_has_its_segmenter_and_keeps_the_contract(config: AnyTokensConfig, tmp_path: Path) -> None:
    assert config.kind in SEGMENTERS
    texts = ["这本书很好，很好！", "Good 书", "", "  "]
    tokenized = tokenize(config, texts[:1], PIECES)
    vocabulary, encoder = tokenized.vocabulary, tokenized.encoder
    assert vocabulary[:2] == ("[PAD]", "[UNK]")
    assert len(set(vocabulary)) == len(vocabulary) > 2
    rows = [encoder(text) for text in texts]
    assert [encoder.look_up(tokens) for tokens in tokenized.segmented] == rows[:1]
    assert [encoder.look_up(encoder.segment(text)) for text in texts] == rows
    assert rows[2:] == [[UNKNOWN], [UNKNOWN]]
    assert all(1 <= len(row) <= 3 * config.max_ngram for row in rows)
    assert 0 not in {token for row in rows for token in row}
    assert set(needed_packages(encoder.settings)) <= {"jieba", "rjieba", "tokenizers"}
    # A checkpoint's encoder is the same, read back from its folder.
    (tmp_path / "config.json").write_text(json.dumps({"tokens": encoder.settings}))
    (tmp_path / "vocabulary.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    assert [load_encoder(tmp_path)(text) for text in texts] == rows


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{getattr(config, 'segmenter', '')}")
def test_a_hidden_word_of_an_augmented_text_is_one_unknown_token(config: AnyTokensConfig) -> None:
    encoder = tokenize(config, ["这本 书 很 好", "好 书"], PIECES).encoder
    plain, hidden = encoder("好 书"), encoder(f"好 {MASK}书")
    assert hidden == [plain[0], UNKNOWN, plain[1]]


def test_every_kind_of_tokens_is_under_the_contract() -> None:
    assert {type(config) for config in CONFIGS} == set(get_args(AnyTokensConfig))
    assert {config.kind for config in CONFIGS} == set(SEGMENTERS)


def test_the_vocabulary_is_by_frequency_and_then_by_token() -> None:
    segmented = [["b", "a", "c"], ["c", "a"], ["c", "d"]]
    assert build_vocabulary(WordsConfig(min_count=1), segmented) == ("[PAD]", "[UNK]", "c", "a", "b", "d")
    assert build_vocabulary(WordsConfig(min_count=2), segmented) == ("[PAD]", "[UNK]", "c", "a")
    assert build_vocabulary(WordsConfig(min_count=1, max_vocabulary=3), segmented) == ("[PAD]", "[UNK]", "c")


def test_unknown_tokens_and_long_texts() -> None:
    encoder = Encoder({"kind": "characters", "max_tokens": 3}, ["[PAD]", "[UNK]", "好", "书"])
    assert encoder("好坏书好") == [2, 1, 3]


def test_ngrams_stand_behind_the_tokens_where_the_vocabulary_has_them() -> None:
    vocabulary = ["[PAD]", "[UNK]", "不", "好", "书", "不 好", "好 书", "不 好 书"]
    settings = {"kind": "characters", "max_tokens": 4}
    assert Encoder({**settings, "max_ngram": 3}, vocabulary)("不好书") == [2, 3, 4, 5, 6, 7]
    assert Encoder({**settings, "max_ngram": 2}, vocabulary)("不好书") == [2, 3, 4, 5, 6]
    # An unknown character and what is cut off are in no n-gram; a checkpoint from before there were any has none.
    assert Encoder({**settings, "max_ngram": 3}, vocabulary)("不坏好书不好") == [2, 1, 3, 4, 6]
    assert Encoder(settings, vocabulary)("不好书") == [2, 3, 4]


def test_ngrams_are_counted_with_the_tokens_and_have_no_unknown_part() -> None:
    config = CharactersConfig(min_count=2, max_ngram=3)
    segmented = [["好", "书", "[UNK]"], ["好", "书", "[UNK]"], ["书", "好"]]
    assert build_vocabulary(config, segmented) == ("[PAD]", "[UNK]", "书", "好", "好 书")


def test_english_words_make_ngrams_over_words() -> None:
    config = EnglishWordsConfig(kind="english_words", min_count=1, max_ngram=2)
    tokenized = tokenize(config, ["Not good."])
    assert set(tokenized.vocabulary[2:]) == {"not", "good", ".", "not good", "good ."}
    assert tokenized.segmented == (["not", "good", "."],)  # What word vectors learn from.


def test_rows_of_unequal_length_are_one_array() -> None:
    rows = ragged([[1, 2, 3], [4], [5, 6]])
    assert rows.flat.tolist() == [1, 2, 3, 4, 5, 6]
    assert rows.offsets.tolist() == [0, 3, 4, 6]
    assert rows.lengths.tolist() == [3, 1, 2]
    assert (len(rows), rows.flat.dtype) == (3, np.int32)
    assert [row.tolist() for row in rows.rows(np.array([2, 0, 2]))] == [[5, 6], [1, 2, 3], [5, 6]]


@pytest.mark.parametrize(("kind", "package"), [("words", "rjieba"), ("wordpiece", "tokenizers")])
def test_a_package_that_is_missing_is_named(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        MissingPackageError, match=f"tokens of kind {kind} need the package {package}, .*pip install {package}"
    ):
        segmenter({**WORDS, "kind": kind, "segmenter": "rjieba"} if kind == "words" else {"kind": kind}, PIECES)
