from __future__ import annotations

import json
import random
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import jieba
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
from distune.corpora.encoding.words import _jieba
from distune.corpora.files import read_reviews
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
WORDS_OF_BEFORE = {name: value for name, value in WORDS.items() if name != "cut"}
"""Of a checkpoint from when texts were lower-cased before they were cut."""


def test_words_are_cut_by_jieba_lower_case_and_without_white_space() -> None:
    expected = ["我", "爱", "北京", "天安门", ",", "abc", "good"]
    assert segmenter(WORDS)("我爱北京天安门，ＡＢＣ good") == expected


def test_jieba_may_guess_words_that_its_dictionary_lacks() -> None:
    # The example of jieba's own README: 杭研 stands in no dictionary.
    assert "杭研" not in segmenter(WORDS)("他来到了网易杭研大厦")
    assert "杭研" in segmenter({**WORDS, "hmm": True})("他来到了网易杭研大厦")


@pytest.mark.parametrize("cutter", ["jieba", "rjieba"])
@pytest.mark.parametrize("hmm", [False, True])
def test_words_are_those_of_jieba_itself(cutter: str, hmm: bool) -> None:
    texts = ["适合1-3岁，e-mail: a@b.com.cn，3.5元，c++，50%！", *(row.text for row in read_reviews()[::40])]
    assert len(texts) > 400
    segment = segmenter({**WORDS, "segmenter": cutter, "hmm": hmm})
    for text in texts:
        assert segment(text) == words_of_jieba(text, hmm)


def words_of_jieba(text: str, hmm: bool) -> list[str]:
    plain = unicodedata.normalize("NFKC", text)
    return [t.lower() for t in jieba.cut(plain, HMM=hmm) if not t.isspace()]


def capitals_of_jieba() -> list[str]:
    """The words of jieba's dictionary that have capitals."""
    with jieba.get_dict_file() as file:
        words = {line.split(b" ")[0].decode() for line in file}
    return sorted(word for word in words if word != word.lower())


@pytest.mark.parametrize("cutter", ["jieba", "rjieba"])
@pytest.mark.parametrize("hmm", [False, True])
def test_words_with_capitals_are_kept_whole(cutter: str, hmm: bool) -> None:
    segment = segmenter({**WORDS, "segmenter": cutter, "hmm": hmm})
    words = capitals_of_jieba()
    assert len(words) == 65
    assert {"T恤", "U盘", "A股", "AT&T", "江南Style"} < set(words)
    wide = str.maketrans({chr(i): chr(i + 0xFEE0) for i in range(0x21, 0x7F)})
    for word in words:
        assert segment(word) == segment(word.translate(wide)) == [word.lower()]
        text = f"我买了{word}，很好"
        assert word.lower() in segment(text)
        assert segment(text) == words_of_jieba(text, hmm)


@pytest.mark.parametrize("cutter", ["jieba", "rjieba"])
def test_texts_that_mix_capitals_and_words_are_cut_as_by_jieba(cutter: str) -> None:
    rng, words = (
        random.Random(1),
        [*capitals_of_jieba(), "卡拉OK", "nba", "NBA", "好", "书", "的", "C", "x", "4", "%", ".", " "],
    )
    for hmm in (False, True):
        segment = segmenter({**WORDS, "segmenter": cutter, "hmm": hmm})
        for _ in range(1000):
            text = "".join(rng.choice([word, word, word.lower()]) for word in rng.choices(words, k=rng.randint(1, 6)))
            assert segment(text) == words_of_jieba(text, hmm), text


@pytest.mark.parametrize("cutter", ["jieba", "rjieba"])
def test_a_checkpoint_from_before_cuts_as_it_did(cutter: str) -> None:
    before = {**WORDS_OF_BEFORE, "segmenter": cutter}
    assert segmenter(before)("买Ｕ盘和T恤") == ["买", "u", "盘", "和", "t", "恤"]
    assert segmenter({**before, "cut": "as_spelt"})("买Ｕ盘和T恤") == ["买", "u盘", "和", "t恤"]
    assert segmenter({**before, "user_words": [["iphone手机", 20]]})("iPhone手机") == ["iphone手机"]
    spelling = {"kind": "words_characters", "segmenter": cutter, "hmm": False, "user_words": []}
    vocabulary = ["[PAD]", "[UNK]", "t恤"]
    assert segmenter(spelling, vocabulary)("T恤U盘") == ["t", "恤", "u", "盘"]
    assert segmenter({**spelling, "cut": "as_spelt"}, vocabulary)("T恤U盘") == ["t恤", "u", "盘"]


def test_all_kinds_but_word_pieces_say_that_they_cut_a_text_as_it_is_spelt() -> None:
    for config in CONFIGS:
        expected = None if config.kind == "wordpiece" else "as_spelt"
        assert encoder_settings(config).get("cut") == expected


@pytest.mark.parametrize("cutter", ["jieba", "rjieba"])
def test_a_word_of_a_user_dictionary_is_found_in_every_usual_case(cutter: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("iPhone手机 20\nＱ币\n卡拉ok厅 30 n\n卡拉OK厅 40 n\n", encoding="utf-8")
    settings = encoder_settings(WordsConfig(segmenter=cutter, dictionary=tmp_path / "words.txt"))
    frequencies = dict(settings["user_words"])
    assert frequencies["iPhone手机"] == frequencies["IPHONE手机"] == 20
    assert (frequencies["卡拉ok厅"], frequencies["卡拉OK厅"]) == (30, 40)  # What the file says of a spelling counts.
    segment = segmenter(settings)
    for spelling in ("iPhone手机", "IPHONE手机", "iphone手机", "Iphone手机", "ｉＰｈｏｎｅ手机"):
        assert segment(f"买了{spelling}好") == ["买", "了", "iphone手机", "好"]
    assert [segment(text) for text in ("Q币", "q币", "卡拉OK厅", "卡拉ok厅")] == [["q币"]] * 2 + [["卡拉ok厅"]] * 2


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


def test_the_dictionary_that_is_read_bit_by_bit_is_that_of_jieba_in_the_end(tmp_path: Path) -> None:
    read, whole = _jieba.__wrapped__(()), jieba.Tokenizer()
    whole.tmp_dir = str(tmp_path)  # Not the copy that somebody left in the folder for temporary files.
    whole.initialize()
    assert read.total == whole.total
    assert read.FREQ == {}
    read.lcut("好书", HMM=False)
    assert {word: count for word, count in whole.FREQ.items() if word[0] in "好书"} == read.FREQ
    read.get_DAG("".join({word[0] for word in whole.FREQ}))
    assert read.FREQ == whole.FREQ


def test_the_dictionary_is_read_ahead_where_that_is_asked_for() -> None:
    _jieba.cache_clear()
    Encoder({**WORDS, "max_tokens": 3}, ["[PAD]", "[UNK]"]).read_ahead()
    assert len(_jieba(()).FREQ) > 480_000


def test_threads_that_read_the_dictionary_at_once_cut_as_one_does() -> None:
    texts = [row.text for row in read_reviews()[:400]]
    _jieba.cache_clear()
    expected = [tuple(_jieba(()).lcut(text, HMM=False)) for text in texts]
    _jieba.cache_clear()
    tokenizer = _jieba(())
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda text: tuple(tokenizer.lcut(text, HMM=False)), texts * 2))
    assert found == expected * 2


def test_a_user_word_keeps_its_frequency_when_the_words_beside_it_are_read() -> None:
    tokenizer = _jieba((("北京大学", 7),))
    tokenizer.lcut("北京大学", HMM=False)
    assert tokenizer.FREQ["北京大学"] == 7


@pytest.mark.parametrize("cutter", ["jieba", "rjieba"])
def test_a_user_dictionary_adds_words_with_or_without_a_frequency(cutter: str, tmp_path: Path) -> None:
    text = "他来到了网易杭研大厦，真是超级好用"
    (tmp_path / "words.txt").write_text("杭研大厦 20 n\n\n超级好用\n", encoding="utf-8")
    plain = WordsConfig(segmenter=cutter)
    added = WordsConfig(segmenter=cutter, dictionary=tmp_path / "words.txt")
    assert not {"杭研大厦", "超级好用"} & set(segmenter(encoder_settings(plain))(text))
    settings = encoder_settings(added)
    assert settings["user_words"][0] == ["杭研大厦", 20]
    assert str(tmp_path) not in json.dumps(settings)  # the words travel, not the path
    assert {"杭研大厦", "超级好用"} <= set(segmenter(settings)(text))
    assert "杭研大厦" not in segmenter(encoder_settings(plain))(text)  # one tokenizer does not spoil the other


def test_a_user_dictionary_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"tokens.dictionary: cannot read .*none.txt"):
        encoder_settings(WordsConfig(dictionary=tmp_path / "none.txt"))
    (tmp_path / "bad.txt").write_text("好\n好用 n\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"bad.txt, line 2: must be `word .frequency. .tag.`, but got '好用 n'"):
        encoder_settings(WordsConfig(dictionary=tmp_path / "bad.txt"))


def test_a_line_of_a_user_dictionary_that_never_ends_is_refused_in_a_short_line(tmp_path: Path) -> None:
    for line, reason in (
        ("好" * 100_000, "line 1: a word has at most 1,000 characters, but it has 100,000"),
        ("好 " * 100_000, "line 1: must be `word .frequency. .tag.`, but got '好 好"),
    ):
        (tmp_path / "long.txt").write_text(line, encoding="utf-8")
        with pytest.raises(CorpusError, match=reason) as raised:
            encoder_settings(WordsConfig(dictionary=tmp_path / "long.txt"))
        assert len(str(raised.value)) < 1000


def test_a_text_is_normalized_as_by_nfkc_alone() -> None:
    signs = "，！？：；（）～…"
    # Beside a combining mark, which may be composed with what stands before it, and what else NFKC changes.
    for text in ["".join(f"{sign}{mark}" for sign in signs) for mark in "\u0301\u0338\u3099Ａé …"]:
        assert normalized(text) == unicodedata.normalize("NFKC", text).lower()


@pytest.mark.parametrize("hmm", [False, True])
def test_words_of_ascii_are_those_of_jieba_itself(hmm: bool) -> None:
    segment = segmenter({**WORDS, "segmenter": "rjieba", "hmm": hmm})
    rng = random.Random(0)
    for _ in range(2000):
        text = "".join(rng.choices("好书不abKTU恤盘12.,%-_@+#&'~[^ ，\u3000", k=rng.randint(1, 12)))
        assert segment(text) == words_of_jieba(text, hmm), text


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
