"""A search whose storage is a bucket: steered from another process, while the bucket's server goes away and comes back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from distune.cluster.services import Services
from distune.corpora.places import Place
from distune.tuning.storage.ending import finish_search, skip_trial
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, records_in
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, load_study
from tests.conftest import needs_postgresql
from tests.making.proxy import door
from tests.processes import wait_until

pytestmark = [pytest.mark.slow, needs_postgresql]
AWAY_S = 20.0
ROUNDS = 5
"""How often the bucket is away at most, until the driver or a worker has felt it."""
FELT = "does not answer"


@pytest.mark.long
def test_a_search_in_a_bucket_is_steered_and_waits_for_a_server_that_is_away(
    document: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    shared_places: Services,
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in shared_places.environment.items():
        if name.startswith("AWS"):
            monkeypatch.setenv(name, value)
    document["storage"] = f"s3://distune/{tmp_path.name}"
    document["search"] |= {"trials": 1000, "seeds": 1}
    document["trial"]["epochs"] = 200
    path = write_study(document)
    folder = Folder(Place(f"{document['storage']}/searches/tiny/1"))

    def of_state(*states: str) -> list[TrialRecord]:
        return [one for one in records_in(load_study(path).config, folder) if one.state in states]

    with door(urlsplit(shared_places.environment["AWS_ENDPOINT_URL"]).port or 0) as bucket:
        environment = {**os.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket.port}", "RAY_worker_niceness": "0"}
        command = [sys.executable, "-m", "distune", "search", str(path)]
        with (tmp_path / "said").open("w", encoding="utf-8") as said:
            driver = subprocess.Popen(
                command, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
            wait_until(lambda: driver.poll() is not None or len(of_state("complete")) >= 2, 600)
            for _ in range(ROUNDS):
                bucket.shut()
                time.sleep(AWAY_S)  # Longer than Arrow itself tries again.
                bucket.open()
                more = len(of_state("complete")) + 1
                wait_until(lambda n=more: driver.poll() is not None or len(of_state("complete")) >= n, 600)
                if FELT in _told(tmp_path / "said", folder):
                    break  # On a busy machine nobody may have asked the bucket meanwhile.
            skipped = _skip_one(load_study(path), folder, of_state)
            assert "starts no further trial" in finish_search(load_study(path), folder)
            code = driver.wait(600)
    printed = (tmp_path / "said").read_text(encoding="utf-8")
    assert code == 0, printed
    assert "Traceback" not in printed
    assert "1,000 trials: `distune finish` asked for it, on " in printed
    assert "registered as tiny-student version 1, alias champion" in printed
    assert FELT in _told(tmp_path / "said", folder)
    assert of_state("failed", "running") == []
    assert skipped in [one.number for one in of_state("skipped")]


def _told(said: Path, folder: Folder) -> str:
    """All that the driver has printed and the trials have logged."""
    trials = folder.place / "trials"
    logs = [trials / name / "log.txt" for name in trials.names()]
    return said.read_text(encoding="utf-8") + "".join(log.read_text() for log in logs if log.is_file())


def _skip_one(study: Study, folder: Folder, of_state: Callable[..., list[TrialRecord]]) -> int:
    """Skip a trial that runs; one that ends while it is asked to is followed by another."""
    for _ in range(100):
        wait_until(lambda: bool(of_state("running")))
        running = of_state("running")
        if not running:
            continue
        number = max(one.number for one in running)
        with suppress(StudyError):  # It has ended meanwhile.
            skip_trial(study, folder, number)
        wait_until(partial(_has_ended, number, of_state))
        if number in [one.number for one in of_state("skipped")]:
            return number
    raise AssertionError("no trial could be skipped")


def _has_ended(number: int, of_state: Callable[..., list[TrialRecord]]) -> bool:
    return number not in [one.number for one in of_state("running")]
