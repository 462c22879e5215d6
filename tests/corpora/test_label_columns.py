"""A status of an annotation that a study takes for the label is told where other columns may be the labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distune.corpora.files import FileConfig, read_rows


def notes_of(folder: Path, rows: list[dict[str, Any]], label: str) -> list[str]:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    notes: list[str] = []
    read_rows(FileConfig(path=path, label=label), notes=notes)
    return notes[1:]


def test_a_status_as_the_label_is_told_beside_a_column_of_labels(tmp_path: Path) -> None:
    rows = [{"text": f"t{i}", "accept": ["ab"[i % 2]], "answer": ["accept", "ignore"][i % 3 == 0]} for i in range(8)]
    assert notes_of(tmp_path, rows, "answer") == [
        "  its labels are the status of an annotation ('answer', as Prodigy writes it): is 'accept' the column of the labels?"
    ]


def test_so_is_the_status_of_a_response(tmp_path: Path) -> None:
    label = "q.responses.status"
    rows = [
        {"text": f"t{i}", "q.responses": ["ab"[i % 2]], "q.responses.status": [["submitted", "draft"][i % 2]]}
        for i in range(8)
    ]
    assert notes_of(tmp_path, rows, label) == [
        f"  its labels are the status of an annotation ({label!r}, as Argilla writes it): is 'q.responses' the column of the labels?"
    ]


def test_where_nothing_else_may_be_the_label_nothing_is_told(tmp_path: Path) -> None:
    spam = [{"text": f"t{i}", "label": "spam", "answer": ["accept", "reject"][i % 2]} for i in range(8)]
    assert notes_of(tmp_path, spam, "answer") == []
    orders = [{"text": f"t{i}", "kind": "ab"[i % 2], "status": ["open", "pending"][i % 2]} for i in range(8)]
    assert notes_of(tmp_path, orders, "status") == []
