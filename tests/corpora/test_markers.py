"""Cells that say that there is no label, or what a program prints of one: missing, told or refused, never a class in silence."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from distune.corpora.cells import labels_of
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError


def table(folder: Path, labels: list[str], texts: list[str] | None = None) -> Path:
    path = folder / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(texts or [f"text {n}" for n in range(len(labels))], labels, strict=True))
    return path


@pytest.mark.parametrize("sign", ["#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!"])
def test_errors_of_excel_are_no_labels(sign: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="1 row has no 'label'"):
        read_rows(FileConfig(path=table(tmp_path, ["pos", "neg", sign])))


@pytest.mark.parametrize("sign", ["?", ".", "-", "na", "undefined", "Undefined", "inf", "未标注", "Loading...", "skip"])
def test_a_sign_that_may_mean_missing_is_told_with_what_to_do(sign: str, tmp_path: Path) -> None:
    path, notes = table(tmp_path, ["pos", "neg", sign, sign]), []
    read_rows(FileConfig(path=path), notes=notes)
    line = f"  the label {sign!r} has 2 rows: if it means that there is none, name the classes in `labels:`, which leaves its rows out"
    assert line in notes
    named: list[str] = []
    read_rows(FileConfig(path=path), named=["pos", "neg", sign], notes=named)
    assert not any("means that there is none" in note for note in named)


def test_infinity_of_json_is_told(tmp_path: Path) -> None:
    path, notes = tmp_path / "a.jsonl", []
    path.write_text('{"text": "a", "label": 1}\n{"text": "b", "label": Infinity}\n{"text": "c", "label": 2}\n')
    read_rows(FileConfig(path=path), notes=notes)
    assert any(note.startswith("  the label 'inf' has 1 row: if it means that there is none") for note in notes)


def test_plus_and_minus_are_classes(tmp_path: Path) -> None:
    notes: list[str] = []
    read_rows(FileConfig(path=table(tmp_path, ["+", "-", "+"])), notes=notes)
    assert not any("means that there is none" in note for note in notes)


OBJECTS = [
    "b'pos'",
    'b"pos"',
    "np.str_('pos')",
    "np.int64(1)",
    "numpy.True_",
    "tensor(1)",
    "tensor([1], device='cuda:0')",
    "array(['pos'], dtype='<U3')",
    "Decimal('1')",
    "<Label.POS: 1>",
    "<data.Label object at 0x7f01>",
]


@pytest.mark.parametrize("cell", OBJECTS)
def test_what_a_program_prints_of_an_object_is_no_label(cell: str, tmp_path: Path) -> None:
    path = table(tmp_path, ["pos", cell, cell])
    with pytest.raises(
        CorpusError, match="of 2 rows is what a program prints of an object of Python, and not its value"
    ) as caught:
        read_rows(FileConfig(path=path))
    assert "\n" not in str(caught.value)
    assert [row.label for row in read_rows(FileConfig(path=path), named=["pos", cell])] == ["pos", cell, cell]


def test_a_formula_of_excel_is_no_label() -> None:
    with pytest.raises(CorpusError, match="""the label '="1"' of 1 row is what Excel calls a formula"""):
        labels_of(['="1"', "2"], RowNames(file="a.csv"), {}, ())


@pytest.mark.parametrize("label", ["b", "bug 'x'", "np", "C (array)", "array", "<unk>", "a = 'b'"])
def test_labels_that_only_look_like_one_are_kept(label: str) -> None:
    assert labels_of([label, "other"], RowNames(file="a.csv"), {}, ()) == [label, "other"]


def test_texts_that_a_program_printed_are_refused_and_a_few_are_kept(tmp_path: Path) -> None:
    texts = ["b'good film'", "b'bad film'", "plain"]
    with pytest.raises(CorpusError, match=r"the text .* is what a program prints of an object of Python"):
        read_rows(FileConfig(path=table(tmp_path, ["x", "y", "x"], texts)))
    texts = ["tensor(1)", "why does it print tensor(1)", "plain"]
    assert [row.text for row in read_rows(FileConfig(path=table(tmp_path, ["x", "y", "x"], texts)))] == texts


def told_of_lone(tmp_path: Path, labels: list[str], named: tuple[str, ...] = ()) -> list[str]:
    notes: list[str] = []
    read_rows(FileConfig(path=table(tmp_path, labels)), notes=notes, named=named)
    return [note for note in notes if "one row alone" in note]


def test_a_label_of_one_row_among_frequent_ones_is_told_with_its_line(tmp_path: Path) -> None:
    classes = ["a"] * 5 + ["b"] * 6
    assert told_of_lone(tmp_path, ["string", *classes]) == [
        "  1 label has one row alone, 'string' (line 2), and every other has 5 or more: is that a label, or a line of units, of totals or "
        "of another table?"
    ]
    assert told_of_lone(tmp_path, [*classes, "age", "4"])[0].startswith(
        "  2 labels have one row alone, 'age' (line 13), '4' (line 14), and every other has 5 or more"
    )


def test_rare_classes_and_those_that_the_study_names_are_not(tmp_path: Path) -> None:
    classes = ["a"] * 5 + ["b"] * 6
    assert told_of_lone(tmp_path, ["string", *classes], ("a", "b", "string")) == []
    assert told_of_lone(tmp_path, ["c", "d", "d", "d", "d", *classes]) == []
    assert told_of_lone(tmp_path, [*classes, "c", "d", "e", "f"]) == []
    assert told_of_lone(tmp_path, classes) == []


def test_lines_of_fasttext_are_no_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("__label__pos good\n__label__neg bad\nfine\n", encoding="utf-8")
    config = FileConfig(path=path, columns=["text"])
    with pytest.raises(CorpusError, match="2 texts begin with a label as fastText writes it, '__label__pos good'"):
        read_rows(config, labelled=False)
    path.write_text("__label__pos good\nbad\nfine\n", encoding="utf-8")
    assert len(read_rows(config, labelled=False)) == 3


def test_lines_of_json_as_texts_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text('{"text": "good"}\n{"text": "bad"}\nfine\n', encoding="utf-8")
    notes: list[str] = []
    assert len(read_rows(FileConfig(path=path, columns=["text"]), labelled=False, notes=notes)) == 3
    assert (
        """  2 texts are objects of JSON, such as '{"text": "good"}': is that meant, or does the text stand within it? A file of such lines """
        "ends in .jsonl"
    ) in notes
    path.write_text('{"text": "good"}\nbad\n', encoding="utf-8")
    notes = []
    read_rows(FileConfig(path=path, columns=["text"]), labelled=False, notes=notes)
    assert not any("JSON" in note for note in notes)


def test_labels_that_all_end_as_completions_for_fine_tuning_do_are_told(tmp_path: Path) -> None:
    said = "  all labels end in ' END', such as 'neg END', as completions of OpenAI's old fine-tuning format do; `rename:` takes it off"
    told: dict[str, list[str]] = {"rename": [], "some": [], "as it is": []}
    path = table(tmp_path, [" pos END", " neg END"])
    read_rows(FileConfig(path=path), notes=told["as it is"])
    read_rows(FileConfig(path=path, rename={"pos END": "pos", "neg END": "neg"}), notes=told["rename"])
    read_rows(FileConfig(path=table(tmp_path, ["pos END", "neg"])), notes=told["some"])
    assert {name: said in notes for name, notes in told.items()} == {"rename": False, "some": False, "as it is": True}
