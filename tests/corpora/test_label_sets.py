"""Several labels a text: how programs write them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import LabelSet
from distune.corpora.split import labelled_fingerprint
from distune.corpora.teacher_data import TeacherDataConfig, load_teacher_data
from distune.corpora.texts import CorpusError

TEXTS = ["迟到了", "坏了", "都好"]


def sets_of(path: Path, **settings: Any) -> list[LabelSet]:
    found = []
    for row in read_rows(FileConfig(path=str(path), **settings)):
        assert isinstance(row.label, LabelSet)
        found.append(row.label)
    return found


def of_lines(folder: Path, labels: list[Any], **settings: Any) -> list[LabelSet]:
    path = folder / "a.jsonl"
    lines = [json.dumps({"text": text, "label": label}) for text, label in zip(TEXTS, labels, strict=False)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return sets_of(path, multi_label=True, **settings)


def of_cells(folder: Path, cells: list[str], **settings: Any) -> list[LabelSet]:
    path = folder / "a.tsv"
    lines = ["text\tlabel", *(f"{text}\t{cell}" for text, cell in zip(TEXTS, cells, strict=False))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sets_of(path, **settings)


WANTED = [LabelSet(("broken", "late")), LabelSet(("late",)), LabelSet(())]


def test_lists_of_json_are_sets_of_labels_and_an_empty_one_is_no_label(tmp_path: Path) -> None:
    assert of_lines(tmp_path, [["late", "broken"], ["late", "late"], []]) == WANTED


@pytest.mark.parametrize("separator", ["|", ",", ";", "#", " ", "、"])
def test_joined_labels_are_taken_apart(tmp_path: Path, separator: str) -> None:
    cells = [f"late{separator}broken", "late", "[]"]
    assert of_cells(tmp_path, cells, separator=separator, empty_cell="no_labels") == WANTED


@pytest.mark.parametrize(
    "cells",
    [
        ['["late", "broken"]', '["late"]', "[]"],
        ["['late', 'broken']", "['late']", "[]"],
        ["['late' 'broken']", "['late']", "[]"],
        ["[late, broken]", "[late]", "[]"],
        ["{late,broken}", "{late}", "{}"],
        ["('late', 'broken')", "('late',)", "()"],
        ['{"late": 1, "broken": 1}', '{"late": 1, "broken": 0}', '{"late": 0, "broken": 0}'],
        ["{'late': True, 'broken': True}", "{'late': True}", "{'late': False}"],
        ['{"choices": ["late", "broken"]}', '{"choices": ["late"]}', '{"choices": []}'],
    ],
    ids=["json", "python", "numpy", "java", "postgresql", "tuples", "objects", "dicts", "label-studio"],
)
def test_lists_as_programs_spell_them_in_cells_are_read(tmp_path: Path, cells: list[str]) -> None:
    assert of_cells(tmp_path, cells, multi_label=True, empty_cell="no_labels") == WANTED


def test_objects_say_of_each_label_whether_a_text_has_it_and_null_is_unknown(tmp_path: Path) -> None:
    labels = [{"late": 1, "broken": 1.0}, {"late": True, "broken": None}, {"late": 0, "broken": 0}]
    assert of_lines(tmp_path, labels) == [WANTED[0], LabelSet(("late",), ("broken",)), WANTED[2]]


def test_columns_of_0_and_1_are_named_as_their_labels(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": TEXTS, "late": [1, 1, 0], "broken": [1.0, None, 0.0]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        found = sets_of(tmp_path / name, label_columns=("late", "broken"))
        assert found == [WANTED[0], LabelSet(("late",), ("broken",)), WANTED[2]]


def test_minus_one_in_a_column_of_0_and_1_is_unknown_and_told(tmp_path: Path) -> None:
    pd.DataFrame({"text": TEXTS, "late": [1, -1, 0], "broken": [0, 1, -1]}).to_csv(tmp_path / "a.csv", index=False)
    notes: list[str] = []
    config = FileConfig(path=str(tmp_path / "a.csv"), label_columns=("late", "broken"))
    rows = read_rows(config, notes=notes)
    assert [row.label for row in rows] == [
        LabelSet(("late",)),
        LabelSet(("broken",), ("late",)),
        LabelSet((), ("broken",)),
    ]
    assert "  2 cells are -1, which is taken for unknown, as an empty cell is" in notes
    assert "  2 labels are unknown: no loss and no score counts them" in notes


def test_numbers_of_classes_in_lists_have_the_names_that_the_file_gives_them(tmp_path: Path) -> None:
    feature = {"feature": {"names": ["broken", "late"], "_type": "ClassLabel"}, "_type": "Sequence"}
    table = pa.table({"text": TEXTS, "label": [[1, 0], [1], []]})
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    assert sets_of(tmp_path / "a.parquet", multi_label=True) == WANTED


def test_whole_floats_are_the_labels_that_whole_numbers_are(tmp_path: Path) -> None:
    assert of_lines(tmp_path, [[1.0, 2.0], [10], []]) == [LabelSet(("1", "2")), LabelSet(("10",)), LabelSet(())]


@pytest.mark.parametrize(
    ("cells", "settings", "fault"),
    [
        (["late", ""], {"separator": "|"}, r"the labels of line 3 are an empty cell \(''\).*corpus\.empty_cell"),
        (
            ["late|broken", "late"],
            {"multi_label": True},
            r"line 2 are the text 'late\|broken': set corpus\.separator: \"\|\"",
        ),
        (
            ['[["late"], "broken"]'],
            {"multi_label": True},
            r"line 2 must be a list of names, but got \[\['late'\], 'broken'\]",
        ),
        (['["late", null]'], {"multi_label": True}, r"line 2 must be a list of names, but got \['late', None\]"),
        (['{"late": 2}'], {"multi_label": True}, r"'late' of line 2 must be 1 or 0, .* but got '2'"),
        (['{"late": 0.7}'], {"multi_label": True}, r"'late' of line 2 must be 1 or 0, .* but got '0.7'"),
    ],
)
def test_cells_that_say_something_else_are_refused_in_a_line(
    tmp_path: Path, cells: list[str], settings: dict[str, Any], fault: str
) -> None:
    with pytest.raises(CorpusError, match=fault):
        of_cells(tmp_path, cells, **settings)


def test_rows_of_unknown_labels_are_left_out_where_the_study_says_so(tmp_path: Path) -> None:
    assert of_cells(tmp_path, ["late|broken", "late", ""], separator="|", empty_cell="unknown") == WANTED[:2]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"multi_label": False, "separator": "|"}, "separator is for several labels a text, but got multi_label=false"),
        ({"label_columns": ["a", "b"], "separator": "|"}, "label_columns hold 0 and 1, and separator is for a column"),
        ({"label_columns": ["a", "b"], "label": "c"}, "label and label_columns both name the labels"),
        ({"multi_label": True, "per_class": 3}, "per_class counts texts of one class"),
        ({"source": "reviews", "multi_label": True}, "`reviews` has one label a text"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        CorpusConfig.model_validate({"source": "a.csv", **settings})


def corpus_of(folder: Path, n: int = 200, **settings: Any) -> Corpus:
    """`late` stands in every second text, `broken` in every fifth, `lost` in every twentieth."""
    every = {"late": 2, "broken": 5, "lost": 20}
    rows = [{"text": f"text {i}", "label": [name for name, step in every.items() if i % step == 0]} for i in range(n)]
    path = folder / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return load_corpus(CorpusConfig.model_validate({"source": str(path), "multi_label": True, **settings}))


def test_a_split_holds_a_row_of_zeros_and_ones_for_each_text(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    assert corpus.is_multi_label
    assert corpus.labels == ("broken", "late", "lost")
    place = corpus.train.texts.index("text 10")
    assert corpus.train.labels[place].tolist() == [1, 1, 0]
    assert corpus.transfer.labels.shape == (0, 3)


def test_rare_labels_are_in_dev_and_in_test(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, dev_fraction=0.1, test_fraction=0.1)
    assert corpus.class_counts()["lost"] == {"train": 8, "dev": 1, "test": 1}
    assert corpus.class_counts()["late"] == {"train": 80, "dev": 10, "test": 10}


def test_the_labels_that_are_kept_have_their_shares_and_the_rest_is_unlabelled(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, dev_fraction=0.1, test_fraction=0.1, labelled=80)
    assert corpus.class_counts()["late"]["train"] == 40
    assert corpus.class_counts()["lost"]["train"] == 4
    assert len(corpus.train) == len(corpus.transfer) == 80
    assert (corpus.transfer.labels == -1).all()


def test_labels_picks_labels_and_keeps_the_texts_that_have_no_other(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, labels=["late", "broken"])
    assert corpus.labels == ("late", "broken")
    assert sum(map(len, corpus.splits.values())) == 200
    assert any("10 labels other than `labels` names left out: lost (10)" in note for note in corpus.notes)


def test_fingerprints_know_every_label_whatever_their_order(tmp_path: Path) -> None:
    first, turned = corpus_of(tmp_path), corpus_of(tmp_path, labels=["lost", "late", "broken"])
    assert labelled_fingerprint(first.labels, first.dev) == labelled_fingerprint(turned.labels, turned.dev)
    changed = first.dev.labels.copy()
    changed[0, 0] = -1
    other = type(first.dev)(first.dev.texts, changed)
    assert labelled_fingerprint(first.labels, first.dev) != labelled_fingerprint(first.labels, other)


def test_contradicting_sets_of_one_text_give_way_to_the_more_frequent(tmp_path: Path) -> None:
    rows = [{"text": f"t{i}", "label": ["late"]} for i in range(30)] + [
        {"text": f"u{i}", "label": ["lost"]} for i in range(30)
    ]
    rows += [
        {"text": "x", "label": ["late", "lost"]},
        {"text": "x", "label": ["lost"]},
        {"text": "x", "label": ["lost", "late"]},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = load_corpus(CorpusConfig(source=str(path), multi_label=True))
    found = {
        text: row.tolist()
        for split in corpus.splits.values()
        for text, row in zip(split.texts, split.labels, strict=True)
    }
    assert found["x"] == [1, 1]
    assert any("1 text carries contradicting labels" in note for note in corpus.notes)


def test_files_of_the_teacher_must_have_several_labels_too(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    more = tmp_path / "more.jsonl"
    more.write_text('{"text": "new", "label": ["lost"]}\n{"text": "newer", "label": []}\n', encoding="utf-8")
    config = TeacherDataConfig(labelled=(FileConfig(path=str(more), multi_label=True),))
    data = load_teacher_data(config, corpus)
    assert data.train.texts[-2:] == ("new", "newer")
    assert data.train.labels[-2:].tolist() == [[0, 0, 1], [0, 0, 0]]
    with pytest.raises(CorpusError, match="has one: set multi_label for both, or for none"):
        load_teacher_data(TeacherDataConfig(labelled=(FileConfig(path=str(more)),)), corpus)
    strange = tmp_path / "strange.jsonl"
    strange.write_text('{"text": "new", "label": ["odd"]}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="unknown label 'odd'"):
        load_teacher_data(TeacherDataConfig(labelled=(FileConfig(path=str(strange), multi_label=True),)), corpus)


def test_a_dev_file_with_a_label_that_the_source_lacks_is_refused(tmp_path: Path) -> None:
    dev = tmp_path / "dev.jsonl"
    dev.write_text('{"text": "d", "label": ["odd"]}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="unknown label 'odd'; the corpus has broken, late, lost"):
        corpus_of(tmp_path, dev=str(dev))


def test_numbers_of_labels_are_small_for_many_labels(tmp_path: Path) -> None:
    assert corpus_of(tmp_path).train.labels.dtype == np.int8


def test_a_row_of_which_no_picked_label_is_known_is_left_out(tmp_path: Path) -> None:
    # Without it, a text whose labels are all unknown would count as answered rightly whatever is answered.
    rows = [{"text": f"t{i}", "label": {"late": i % 2, "broken": int(i % 3 == 0), "lost": 0}} for i in range(60)]
    rows += [{"text": "u", "label": {"late": None, "broken": None, "lost": 1}}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = load_corpus(CorpusConfig(source=str(path), multi_label=True, labels=("late", "broken")))
    assert "u" not in corpus.texts()
    assert len(corpus.texts()) == 60
    assert "  1 row left out, as none of these labels is known there" in corpus.notes
