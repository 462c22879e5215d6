"""Exports of Label Studio and Argilla: what was skipped or discarded is no labelled text, and what is passed by is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError

CHOICE = "annotations.0.result.0.value.choices.0"


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "a.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def annotation(*choices: str, cancelled: bool = False) -> dict[str, Any]:
    result = [{"type": "choices", "value": {"choices": list(choices)}}] if choices else []
    return {"was_cancelled": cancelled, "result": result}


def task(text: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"text": text}, "annotations": list(annotations)}


def studio(path: Path, notes: list[str]) -> list[Row]:
    return read_rows(FileConfig(path=path, text="data.text", label=CHOICE), notes=notes)


def test_tasks_that_were_skipped_are_left_out_with_their_number(tmp_path: Path) -> None:
    rows = [
        task("a", annotation("pos")),
        task("b", annotation("neg", cancelled=True)),
        task("c", annotation(cancelled=True)),
        task("d", annotation("neg")),
    ]
    notes: list[str] = []
    assert studio(write(tmp_path, rows), notes) == [Row("a", "pos"), Row("d", "neg")]
    assert notes[1:] == [
        "  2 rows that were skipped by an annotator (`was_cancelled`, as Label Studio writes it) left out; name the file in "
        "`unlabelled:` too to have their texts without labels"
    ]


def test_annotators_who_disagree_are_told(tmp_path: Path) -> None:
    rows = [
        task("a", annotation("pos"), annotation("neg")),
        task("b", annotation("neg"), annotation("neg")),
        task("c", annotation("pos"), annotation("neg", cancelled=True)),
        task("d", annotation("pos", "sad")),
    ]
    notes: list[str] = []
    assert [row.label for row in studio(write(tmp_path, rows), notes)] == ["pos", "neg", "pos", "pos"]
    assert notes[1:] == [
        f"  2 rows have several labels that differ, such as pos, neg: of these the one at '{CHOICE}' is taken; settle them where they "
        "were annotated if that is not meant"
    ]


def test_a_file_of_which_all_was_skipped_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no row has a label: all 1 were skipped by an annotator"):
        studio(write(tmp_path, [task("a", annotation("pos", cancelled=True))]), [])


@pytest.mark.parametrize(("plain", "discarded"), [("Validated", "Discarded"), ("pending", "RecordStatus.discarded")])
def test_records_that_were_discarded_are_left_out(plain: str, discarded: str, tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "pos", "status": plain}, {"text": "b", "label": "neg", "status": discarded}]
    notes: list[str] = []
    assert read_rows(FileConfig(path=write(tmp_path, rows)), notes=notes) == [Row("a", "pos")]
    assert notes[1].startswith("  1 row that was discarded by an annotator (as Argilla writes it) left out")


def test_drafts_are_left_out(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "pos", "status": "submitted"}, {"text": "b", "label": "neg", "status": "draft"}]
    assert read_rows(FileConfig(path=write(tmp_path, rows))) == [Row("a", "pos")]


def test_responses_that_were_discarded_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "q.responses": ["pos"], "q.responses.status": ["submitted"]},
        {"text": "b", "q.responses": ["neg"], "q.responses.status": ["discarded"]},
        {"text": "c", "q.responses": ["neg", "pos"], "q.responses.status": ["submitted", "submitted"]},
    ]
    notes: list[str] = []
    found = read_rows(FileConfig(path=write(tmp_path, rows), label="q.responses.0"), notes=notes)
    assert found == [Row("a", "pos"), Row("c", "neg")]
    assert any(note.startswith("  1 row has several labels that differ, such as neg, pos") for note in notes)


def test_a_list_of_one_response_that_was_discarded_is_left_out(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "q.responses": ["pos"], "q.responses.status": ["submitted"]},
        {"text": "b", "q.responses": ["neg"], "q.responses.status": ["discarded"]},
    ]
    assert read_rows(FileConfig(path=write(tmp_path, rows), label="q.responses")) == [Row("a", "pos")]


def test_a_response_that_was_discarded_or_is_a_draft_is_no_label_within_a_list_of_objects_either(
    tmp_path: Path,
) -> None:
    states = ["submitted", "discarded", "draft", None]
    rows = [
        {"text": f"t{n}", "q": [{"user_id": "u", "value": "pos", "status": state}]} for n, state in enumerate(states)
    ]
    notes: list[str] = []
    found = read_rows(FileConfig(path=write(tmp_path, rows), label="q.0.value"), notes=notes)
    assert found == [Row("t0", "pos"), Row("t3", "pos")]
    assert [note.split(" left out")[0] for note in notes[1:]] == [
        "  1 row that was discarded by an annotator (as Argilla writes it)",
        "  1 row that was kept as a draft by an annotator (as Argilla writes it)",
    ]


def test_a_discarded_response_disagrees_with_none(tmp_path: Path) -> None:
    answers = [{"value": "pos", "status": "submitted"}, {"value": "neg", "status": "discarded"}]
    notes: list[str] = []
    found = read_rows(FileConfig(path=write(tmp_path, [{"text": "a", "q": answers}]), label="q.0.value"), notes=notes)
    assert found == [Row("a", "pos")]
    assert len(notes) == 1


@pytest.mark.parametrize("place", ["²", "9" * 5000, "٣", "①"])
def test_a_path_whose_place_is_no_plain_number_is_refused_in_one_line(tmp_path: Path, place: str) -> None:
    rows = [{"text": "a", "label": ["pos"], "label.status": ["submitted"]}]
    with pytest.raises(CorpusError, match=r"^[^\n]*$"):
        read_rows(FileConfig(path=write(tmp_path, rows), label=f"label.{place}"))


@pytest.mark.parametrize("states", [["open", "discarded"], ["pending", "pending"]])
def test_any_other_column_of_that_name_says_nothing(states: list[str], tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": "x", "status": state} for n, state in enumerate(states)]
    notes: list[str] = []
    assert len(read_rows(FileConfig(path=write(tmp_path, rows)), notes=notes)) == 2
    assert len(notes) == 1


def test_labels_that_a_model_suggested_are_told_with_what_annotators_say(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "a", "label.responses": ["pos"], "label.suggestion": "pos"},
        {"text": "b", "label.responses": ["neg"], "label.suggestion": "pos"},
        {"text": "c", "label.responses": None, "label.suggestion": "neg"},
    ]
    notes: list[str] = []
    assert read_rows(FileConfig(path=write(tmp_path, rows), label="label.suggestion"), notes=notes)[1] == Row(
        "b", "pos"
    )
    assert notes[1:] == [
        "  the labels of 'label.suggestion' are what a model suggested to annotators (as Argilla writes it); 1 of 2 responses of annotators in "
        "'label.responses' differ from them"
    ]


def test_the_turns_of_a_chat_are_no_annotations_that_differ(tmp_path: Path) -> None:
    def chat(text: str, label: str) -> dict[str, Any]:
        turns = {"system": "Classify.", "user": text, "assistant": label}
        return {"messages": [{"role": role, "content": content} for role, content in turns.items()]}

    notes: list[str] = []
    config = FileConfig(
        path=write(tmp_path, [chat("a", "pos"), chat("b", "neg")]),
        text="messages.1.content",
        label="messages.2.content",
    )
    assert read_rows(config, notes=notes) == [Row("a", "pos"), Row("b", "neg")]
    assert notes[1:] == []
