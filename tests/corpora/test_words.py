"""Chinese words as jieba cuts them, by jieba itself and by rjieba, with dictionaries of the user's own."""

from __future__ import annotations

import json
import random
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jieba
import pytest

from distune.corpora.encoding import (
    Encoder,
    segmenter,
)
from distune.corpora.encoding.words import _jieba
from distune.corpora.files import read_reviews
from distune.corpora.texts import CorpusError
from distune.corpora.tokens import (
    WordsConfig,
    encoder_settings,
)

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


@pytest.mark.parametrize("hmm", [False, True])
def test_words_of_ascii_are_those_of_jieba_itself(hmm: bool) -> None:
    segment = segmenter({**WORDS, "segmenter": "rjieba", "hmm": hmm})
    rng = random.Random(0)
    for _ in range(2000):
        text = "".join(rng.choices("好书不abKTU恤盘12.,%-_@+#&'~[^ ，\u3000", k=rng.randint(1, 12)))
        assert segment(text) == words_of_jieba(text, hmm), text
