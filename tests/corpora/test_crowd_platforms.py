"""Exports of crowd platforms, with the answer of one worker in each row: what the requester rejected is no label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.files import FileConfig, read_rows
from distune.corpora.label_columns import annotation_states, label_columns
from distune.corpora.rows import Row
from distune.corpora.table_config import config_of
from distune.corpora.table_file import read_table
from distune.corpora.texts import CorpusError

PLATFORMS = [
    ("AssignmentStatus", "Approved", "Rejected", "Mechanical Turk"),
    ("ASSIGNMENT:status", "APPROVED", "REJECTED", "Toloka"),
    ("ASSIGNMENT:status", "SUBMITTED", "EXPIRED", "Toloka"),
    ("_tainted", "false", "true", "Appen"),
]


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "batch.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("column", "counts", "rejected", "tool"), PLATFORMS)
def test_rejected_answers_are_left_out_with_their_number(
    column: str, counts: str, rejected: str, tool: str, tmp_path: Path
) -> None:
    rows = [
        {"text": "a", "label": "pos", column: counts},
        {"text": "a", "label": "neg", column: rejected},
        {"text": "a", "label": "neg", column: rejected},
        {"text": "b", "label": "neg", column: counts},
    ]
    notes: list[str] = []
    found = read_rows(FileConfig(path=write(tmp_path, rows)), notes=notes)
    assert found == [Row("a", "pos"), Row("b", "neg")]
    assert notes[1:] == [
        f"  2 rows that were rejected or not finished (`{column}`, as {tool} writes it) left out; name the file in `unlabelled:` too "
        "to have their texts without labels"
    ]


def test_a_batch_of_which_all_was_rejected_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [{"text": "a", "label": "pos", "AssignmentStatus": "Rejected"}])
    with pytest.raises(CorpusError, match=r"no row has a label: all 1 were rejected or not finished$"):
        read_rows(FileConfig(path=path))


def test_such_a_column_with_other_values_says_nothing(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "label": "pos", "AssignmentStatus": "rejected"},
        {"text": "b", "label": "neg", "AssignmentStatus": "open"},
    ]
    assert read_rows(FileConfig(path=write(tmp_path, rows))) == [Row("a", "pos"), Row("b", "neg")]


def test_the_status_is_read_as_a_label_where_the_study_says_so(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "Answer.mood": "pos", "AssignmentStatus": "Approved"},
        {"text": "b", "Answer.mood": "neg", "AssignmentStatus": "Rejected"},
    ] * 4
    notes: list[str] = []
    found = read_rows(FileConfig(path=write(tmp_path, rows), label="AssignmentStatus"), notes=notes)
    assert found[:2] == [Row("a", "Approved"), Row("b", "Rejected")]
    assert notes[1:] == [
        "  its labels are the status of an annotation ('AssignmentStatus', as Mechanical Turk writes it): is 'Answer.mood' the column of "
        "the labels?"
    ]


def test_what_cleanlab_says_of_a_label_is_none(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "is_label_issue": n == 0, "given_label": f"m{n % 2}"} for n in range(4)]
    assert label_columns(read_table(config_of(str(write(tmp_path, rows)))), "text") == {"given_label": 2}


def test_the_status_and_the_worker_are_no_columns_of_labels(tmp_path: Path) -> None:
    rows = [
        {"text": f"t{n}", "WorkerId": f"w{n % 2}", "AssignmentStatus": status, "Answer.mood": f"m{n % 3}"}
        for n, status in enumerate(["Approved", "Rejected"] * 3)
    ]
    table = read_table(config_of(str(write(tmp_path, rows))))
    assert annotation_states(table) == {"AssignmentStatus": "Mechanical Turk"}
    assert label_columns(table, "text") == {"Answer.mood": 3}
