from __future__ import annotations

import resource

import pytest

from distune.tuning.serve.limits import Limits, ServingError, allow_files, check_limits


def test_a_limit_that_lets_nothing_in_is_refused() -> None:
    check_limits(Limits())
    for limits, line in (
        (Limits(max_waiting=0), "--max-waiting must be at least 1, but got 0"),
        (Limits(max_text_chars=-1), "--max-text-chars must be at least 1, but got -1"),
        (Limits(header_timeout_s=0), "--header-timeout must be a number of seconds from 0.1 to 86,400, but got 0"),
        (
            Limits(body_timeout_s=float("nan")),
            "--body-timeout must be a number of seconds from 0.1 to 86,400, but got nan",
        ),
        (
            Limits(idle_timeout_s=float("inf")),
            "--idle-timeout must be a number of seconds from 0.1 to 86,400, but got inf",
        ),
    ):
        with pytest.raises(ServingError, match=line):
            check_limits(limits)


def test_connections_may_have_as_many_files_as_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: given.append(limits))
    allow_files(960)
    assert given == []
    allow_files(2000)
    assert given == [(2064, 4096)]
    with pytest.raises(
        ServingError,
        match=r"--max-connections 5000 needs 5064 open files, .* may have 4096 .*, or take --max-connections 4032",
    ):
        allow_files(5000)
