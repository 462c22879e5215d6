"""A corpus of pairs of texts: read by both columns, each pair in one split, and joined to what answers it by both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from distune import _pairs
from distune._pairs import in_words, joined, sides
from distune.corpora import encoding
from distune.corpora.augment import AugmentConfig, augment
from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.logits_file import read_logits_file
from distune.corpora.pairs import about_sides
from distune.corpora.texts import CorpusError
from distune.corpora.tokens import CharactersConfig, EnglishWordsConfig, tokenize

QUESTIONS = [f"怎么退款{i}" for i in range(40)]
ROWS = [(one, f"{one}呢" if i % 2 else f"在哪里{i}", str(i % 2)) for i, one in enumerate(QUESTIONS)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    lines = [f"{a},{b},{label}" for a, b, label in ROWS]
    path.write_text("\n".join(["q1,q2,label", *lines]) + "\n", encoding="utf-8")
    return path


def config_of(source: Path, **settings: Any) -> CorpusConfig:
    return CorpusConfig(source=str(source), text="q1", text_b="q2", dev_fraction=0.2, test_fraction=0.2, **settings)


def test_the_mark_between_two_texts_is_one_for_the_house_and_for_the_encoders_that_travel() -> None:
    assert _pairs.MARK == encoding.MARK
    assert sides(joined("甲", "乙")) == ["甲", "乙"]
    assert in_words(joined("甲", "乙")) == "甲 ⇄ 乙"


def test_rows_are_pairs_of_both_columns(source: Path) -> None:
    corpus = load_corpus(config_of(source))
    assert sorted(tuple(sides(text)) for text in corpus.texts()) == sorted((a, b) for a, b, _ in ROWS)
    label_of = {joined(a, b): label for a, b, label in ROWS}
    for split in (corpus.train, corpus.dev, corpus.test):
        assert [corpus.labels[i] for i in split.labels] == [label_of[text] for text in split.texts]


def test_a_pair_is_another_one_than_its_texts_in_one_or_in_another_place() -> None:
    pairs = [("甲乙", "丙"), ("甲", "乙丙"), ("丙", "甲乙")]
    assert len({joined(*pair) for pair in pairs}) == 3
    assert joined("甲 乙", "丙") != joined("甲", "乙 丙")


def test_a_pair_without_one_of_its_texts_is_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"a": "甲", "b": "乙"}, {"a": "甲", "b": " "}, {"a": None, "b": "乙"}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    notes: list[str] = []
    found = read_rows(FileConfig(path=str(path), text="a", text_b="b"), labelled=False, notes=notes)
    assert [row.text for row in found] == [joined("甲", "乙")]
    assert any("2 rows without a text left out" in note for note in notes)


def test_a_text_with_the_mark_is_refused_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "甲"}\n{"text": "甲\\ufdd0乙"}\n', encoding="utf-8")
    with pytest.raises(
        CorpusError, match=r"the text of line 2 holds U\+FDD0, which Unicode keeps for use within a program"
    ):
        read_rows(FileConfig(path=str(path)), labelled=False)


def test_a_missing_second_column_is_named(source: Path) -> None:
    with pytest.raises(CorpusError, match="no column 'q3'; its columns are q1, q2, label"):
        load_corpus(CorpusConfig(source=str(source), text="q1", text_b="q3"))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"text_b": "text"}, "text_b must be another column than text, but both are 'text'"),
        ({"source": "reviews", "text_b": "b"}, "`reviews` has one text in a row"),
        ({"text_b": "b", "more_unlabelled": [{"path": "m.csv"}]}, "more_unlabelled.0 has none: set text_b for both"),
        ({"more_unlabelled": [{"path": "m.csv", "text_b": "b"}]}, "and corpus has none: set text_b for both"),
    ],
    ids=str,
)
def test_files_of_pairs_and_of_texts_do_not_mix(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as error:
        CorpusConfig.model_validate({"source": "a.csv", **settings})
    assert fault in str(error.value)


def test_texts_of_dev_that_stand_in_another_pair_of_train_are_told() -> None:
    train = [joined("甲", "乙"), joined("丙", "丁")]
    dev = [joined("甲", "戊"), joined("己", "庚"), joined("丁", "丙")]
    assert about_sides({"train": train, "transfer": [], "dev": dev, "test": [joined("己", "庚")]}) == [
        "  2 pairs of 3 in dev have a text that is in another pair of train: a student may know their words",
        "  1 pair of dev stands in train in the other order",
    ]


def test_a_vocabulary_of_pairs_has_the_separator_as_its_third_token() -> None:
    tokenized = tokenize(CharactersConfig(min_count=1, max_ngram=2), [joined("甲乙", "丙"), joined("甲乙", "丁")])
    assert tokenized.vocabulary[:3] == ("[PAD]", "[UNK]", "[SEP]")
    # No run of characters reaches from one text into the other.
    assert sorted(tokenized.vocabulary[3:]) == ["丁", "丙", "乙", "甲", "甲 乙"]
    assert tokenized.encoder.is_of_pairs
    ids = {token: i for i, token in enumerate(tokenized.vocabulary)}
    assert tokenized.encoder(("甲乙", "丙")) == [ids["甲"], ids["乙"], ids["甲 乙"], 2, ids["丙"]]
    single = tokenize(EnglishWordsConfig(kind="english_words", min_count=1), ["a b"])
    assert single.vocabulary == ("[PAD]", "[UNK]", "a", "b")


def test_each_text_of_a_pair_is_varied_by_itself() -> None:
    pairs = [joined(a, b) for a, b, _ in ROWS]
    found = augment(AugmentConfig(n_iter=2, p_mask=0.3, p_ngram=1.0, max_ngram=2), pairs, ())
    assert len(found.texts) > 20
    assert all(len(sides(text)) == 2 and all(sides(text)) for text in found.texts)


def test_logits_are_joined_by_both_texts(tmp_path: Path) -> None:
    path = tmp_path / "logits.parquet"
    columns = {"text": ["甲", "甲"], "text_b": ["乙", "丙"], "logit_0": [1.0, -1.0], "logit_1": [-1.0, 1.0]}
    pa.parquet.write_table(pa.table(columns), path)
    file = read_logits_file(str(path), ("0", "1"))
    np.testing.assert_array_equal(file.of([joined("甲", "丙"), joined("甲", "乙")]).logits, [[-1, 1], [1, -1]])
