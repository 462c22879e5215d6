from __future__ import annotations

from distune.tuning.study.plural import n_of


def test_one_is_one_and_more_are_more() -> None:
    assert [n_of(n, "trial") for n in (0, 1, 3, 1200)] == ["0 trials", "1 trial", "3 trials", "1,200 trials"]
