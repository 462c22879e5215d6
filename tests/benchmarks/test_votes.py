"""What votes cost: how they are drawn, and the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.tables.votes import KL, Teacher, drawn, table_of, write_votes


def test_votes_are_drawn_by_the_probabilities_and_a_part_of_them_is_wrong() -> None:
    shares = np.tile([0.25, 0.75], (4000, 1))
    votes = drawn(shares, Teacher(name="", n_votes=5, loss=KL), np.random.default_rng(0))
    assert votes.shape == (4000, 5)
    assert abs(votes.mean() - 0.75) < 0.01
    wrong = drawn(shares, Teacher(name="", n_votes=5, wrong=0.2, loss=KL), np.random.default_rng(0))
    assert abs(wrong.mean() - 0.65) < 0.01  # 0.75 * 0.8 + 0.25 * 0.2
    sure = drawn(np.tile([0.0, 1.0], (10, 1)), Teacher(name="", n_votes=1, loss=KL), np.random.default_rng(0))
    assert sure.tolist() == [[1]] * 10


def test_votes_are_written_as_a_file_of_answers(tmp_path: Path) -> None:
    write_votes(tmp_path / "votes.jsonl", ["好", "差"], np.array([[1, 1], [0, 1]]), ("0", "1"))
    rows = [json.loads(line) for line in (tmp_path / "votes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == [{"text": "好", "votes": ["1", "1"]}, {"text": "差", "votes": ["0", "1"]}]


def test_the_table_has_the_distance_to_the_probabilities() -> None:
    table = table_of({"the teacher itself": [0.9], "its probabilities": [0.86, 0.88], "1 vote": [0.85, 0.85]})
    assert table.splitlines()[2:] == [
        "| the teacher itself | 90.00 | +3.00 |",
        "| its probabilities | 87.00 ± 1.41 | +0.00 |",
        "| 1 vote | 85.00 ± 0.00 | -2.00 |",
    ]
