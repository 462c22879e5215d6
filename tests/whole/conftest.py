from __future__ import annotations

from collections.abc import Callable

import pytest

from distune.tuning.cli import main

Run = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command and gives its exit code, its stdout and the lines of its stderr."""

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err.splitlines()

    return call
