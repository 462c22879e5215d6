"""Answers in cells of text, as programs print lists and counts of theirs: read, or refused in a line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import AnswersFile, read_answers_file
from distune.corpora.texts import CorpusError, text_hash
from tests.making.answer_files import LABELS, probabilities


def test_csv_and_parquet_spell_the_same(tmp_path: Path) -> None:
    csv = tmp_path / "votes.csv"
    csv.write_text('text,votes_bad,votes_good\na,1,2\nb,,\n"c",0,1\n', encoding="utf-8")
    found = read_answers_file(str(csv), LABELS, AnswerRule())
    assert probabilities(found) == pytest.approx([0.375, 0.625])
    assert found.abstained == {text_hash("b")}
    spelt = tmp_path / "spelt.csv"
    spelt.write_text("""text,votes\na,"['good', 'good', 'bad']"\n""", encoding="utf-8")
    assert probabilities(read_answers_file(str(spelt), LABELS, AnswerRule())) == pytest.approx([0.375, 0.625])
    parquet = tmp_path / "votes.parquet"
    votes = pa.array([[("good", 2), ("bad", 1)]], type=pa.map_(pa.string(), pa.int64()))
    pyarrow.parquet.write_table(pa.table({"text": ["a"], "votes": votes}), parquet)
    assert probabilities(read_answers_file(str(parquet), LABELS, AnswerRule())) == pytest.approx([0.375, 0.625])


@pytest.mark.parametrize(
    "cell",
    [
        "['good' 'good' 'bad']",
        "['good'\n 'good' 'bad']",
        "[good good bad]",
        "array(['good', 'good', 'bad'], dtype='<U4')",
        "[np.str_('good'), np.str_('good'), np.str_('bad')]",
        "('good', 'good', 'bad')",
        "Counter({'good': 2, 'bad': 1})",
        "Counter({'good': np.int64(2), 'bad': np.int64(1)})",
        "defaultdict(<class 'int'>, {'good': 2, 'bad': 1})",
        "OrderedDict([('good', 2), ('bad', 1)])",
        "OrderedDict({'good': 2, 'bad': 1})",
        "deque(['good', 'good', 'bad'], maxlen=3)",
    ],
)
def test_votes_that_a_program_has_printed_into_a_csv_are_read(tmp_path: Path, cell: str) -> None:
    for column in ("votes", "label"):
        found = of_cells(tmp_path, column, cell)
        assert probabilities(found) == pytest.approx([0.375, 0.625])  # 1.5 / 4, 2.5 / 4


def of_cells(tmp_path: Path, column: str, cell: str, labels: tuple[str, ...] = LABELS, **rule: Any) -> AnswersFile:
    path = tmp_path / "printed.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", column], ["a", cell], ["b", labels[0]]])
    return read_answers_file(str(path), labels, AnswerRule(**rule))


def test_numbers_that_numpy_prints_side_by_side_are_several_labels(tmp_path: Path) -> None:
    # To Python, '1' '1' is the one word 11.
    found = of_cells(tmp_path, "votes", "['1' '1']", ("1", "11"))
    assert probabilities(found) == pytest.approx([5 / 6, 1 / 6])  # 2.5 / 3, 0.5 / 3
    assert probabilities(of_cells(tmp_path, "votes", "[1 1]", ("1", "11"))) == pytest.approx([5 / 6, 1 / 6])


def test_empty_values_and_none_among_printed_votes_are_abstentions(tmp_path: Path) -> None:
    assert probabilities(of_cells(tmp_path, "votes", "['good' None nan]")) == pytest.approx([0.25, 0.75])
    assert of_cells(tmp_path, "votes", "Counter()").abstained == {text_hash("a")}


def test_a_label_in_brackets_is_a_label(tmp_path: Path) -> None:
    labels = ("(good)", "['good' 'good']", "[spam offer]")
    for label in labels[1:]:
        found = of_cells(tmp_path, "label", label, labels)
        assert int(found.file.of(["a"]).logits.argmax()) == labels.index(label)
    assert of_cells(tmp_path, "label", "[none]", labels, abstentions=("[none]",)).abstained == {text_hash("a")}
    assert int(of_cells(tmp_path, "label", "(1)", ("(1)", "1")).file.of(["a"]).logits.argmax()) == 0


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            "['good' 'bad'",
            "line 2: the answer .* is no label, and no list or object that can be read; write it as JSON",
        ),
        ("{good: 2, bad: 1}", "is no label, and no list or object that can be read"),
        ("['good' 'bad' ... 'bad' 'good']", "line 2: numpy has left votes out of .* write the list by its tolist"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_without_advice_about_abstentions(
    tmp_path: Path, cell: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        of_cells(tmp_path, "votes", cell)
    assert "abstentions" not in str(caught.value)


def test_probabilities_that_numpy_prints_in_an_object_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "text,probabilities\na,\"{np.str_('good'): np.float64(0.75), 'bad': np.float32(0.25)}\"\n", encoding="utf-8"
    )
    assert probabilities(read_answers_file(str(path), LABELS, AnswerRule())) == pytest.approx([0.25, 0.75])
