"""`distune status` of a cluster: narrow or wide, nothing of it is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from distune.cluster.jobs import Job
from distune.tuning.cli import main
from distune.tuning.submit import show_status

STARTED_S = 1_795_946_849.0  # 2026-11-29 10:07:29 UTC


def job(number: int, status: str, took_s: float, message: str) -> Job:
    return Job(
        job_id=f"raysubmit_5gt87hpzQfjXYNU{number}",
        name="reviews",
        status=status,
        message=message,
        started_s=STARTED_S,
        ended_s=STARTED_S + took_s,
    )


@pytest.mark.parametrize("width", [80, 120])
def test_a_narrow_terminal_cuts_nothing_of_the_jobs(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    log = "(truncated to 20,000 chars):\n│ times faster │\n\ndistune: [no] finalist\n"
    found = [
        job(1, "SUCCEEDED", 5400.0, "Job finished successfully."),
        job(2, "FAILED", 42.0, f"It failed with exit code 1, last available logs {log}"),
    ]
    monkeypatch.setattr("distune.tuning.submit.connect", lambda address: None)
    monkeypatch.setattr("distune.tuning.submit.jobs", lambda client: found)
    stream = io.StringIO()
    show_status("http://127.0.0.1:8265", None, Console(file=stream, width=width))
    printed = stream.getvalue()
    cells = [
        "│",
        "reviews",
        "│",
        "raysubmit_5gt87hpzQfjXYNU1",
        "│",
        "SUCCEEDED",
        "│",
        "2026-11-29",
        "10:07",
        "│",
        "90",
        "min",
        "│",
    ]
    assert cells in [line.split() for line in printed.splitlines()]
    assert max(map(len, printed.splitlines())) <= width
    assert printed.splitlines()[-1] == "raysubmit_5gt87hpzQfjXYNU2: It failed with exit code 1: distune: [no] finalist"
    assert "finished successfully" not in printed


def test_an_address_that_is_no_dashboard_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["status", "--address", "ray://127.0.0.1:10001"])
    assert stopped.value.code == 2
    expected = "--address takes the cluster's dashboard, such as http://HOST:8265, but got ray://127.0.0.1:10001"
    assert expected in capsys.readouterr().err
