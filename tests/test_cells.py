"""The file of a benchmark's records, also after a kill in mid-line."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cells import append, digest, read


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cells.jsonl"
    append(path, {"a": 1})
    append(path, {"b": "好"})
    assert read(path) == [{"a": 1}, {"b": "好"}]
    assert read(tmp_path / "none.jsonl") == []


def test_a_line_that_was_cut_off_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    append(path, {"a": 1})
    append(path, {"b": "好"})
    path.write_bytes(path.read_bytes()[:-4])  # In the middle of the character.
    assert read(path) == [{"a": 1}]
    append(path, {"c": 3})
    assert read(path) == [{"a": 1}, {"c": 3}]


def test_the_order_of_keys_makes_no_other_digest() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
