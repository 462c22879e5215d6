from __future__ import annotations

from distune._plural import n_of


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [n_of(n, "trial") for n in (0, 1, 3, 1200)] == ["0 trials", "1 trial", "3 trials", "1,200 trials"]
    assert [n_of(n, "row has", "rows have") for n in (0, 1, 1200)] == ["0 rows have", "1 row has", "1,200 rows have"]
