"""The cost of votes for several labels: how they are drawn, and the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.tables.set_votes import Teacher, drawn, table_of, write_votes


def test_a_part_of_all_votes_is_of_another_text() -> None:
    labels = np.tile([[1, 0, 0], [0, 1, 1]], (2000, 1)).astype(np.int8)
    right = drawn(labels, Teacher(name="", n_votes=3), np.random.default_rng(0))
    assert right.shape == (4000, 3, 3)
    assert (right == labels[:, None]).all()
    wrong = drawn(labels, Teacher(name="", n_votes=3, wrong=0.2), np.random.default_rng(0))
    # Half of the other texts have the same labels.
    assert abs((wrong != labels[:, None]).any(axis=2).mean() - 0.1) < 0.01


def test_votes_are_written_as_lists_of_lists(tmp_path: Path) -> None:
    votes = np.array([[[1, 0], [1, 1]], [[0, 0], [0, 1]]])
    write_votes(tmp_path / "votes.jsonl", ["好", "差"], votes, ("a", "b"))
    assert [json.loads(line) for line in (tmp_path / "votes.jsonl").read_text(encoding="utf-8").splitlines()] == [
        {"text": "好", "votes": [["a"], ["a", "b"]]},
        {"text": "差", "votes": [[], ["b"]]},
    ]


def test_the_table_has_means_and_spreads() -> None:
    table = table_of({"1 vote": [[0.5, 0.7], [0.6, 0.7]]})
    assert table.splitlines()[-1] == "| 1 vote | 55.00 ± 7.07 | 70.00 ± 0.00 |"
