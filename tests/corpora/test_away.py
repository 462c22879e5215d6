"""Storages that do not answer for a while, as real servers whose answers are literal."""

from __future__ import annotations

import http.server
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from distune.corpora import away
from distune.corpora.away import AwayError, patiently
from distune.corpora.kept import DamagedError, UnreadableError, read_object
from distune.corpora.places import Place
from distune.tuning.storage.paths import Folder

ROOT = Path(__file__).resolve().parents[2]
NO_CONNECTION = OSError("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7, Could not connect")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(away, "AGAIN_AFTER_S", 0.0)


def answering(*answers: Exception | str) -> tuple[list[Exception | str], Callable[[], str]]:
    left = list(answers)

    def call() -> str:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return left, call


def test_a_call_is_made_again_until_the_storage_answers(caplog: pytest.LogCaptureFixture) -> None:
    left, call = answering(NO_CONNECTION, NO_CONNECTION, "there", "never asked")
    assert patiently(call, "s3://b", 60.0) == "there"
    assert left == ["never asked"]
    first, last = caplog.messages
    assert first.startswith("s3://b does not answer (AWS Error NETWORK_CONNECTION")
    assert first.endswith("; this waits for it, 60 s at most")
    assert last == "s3://b is back"


@pytest.mark.parametrize(
    "said",
    [
        "AWS Error UNKNOWN (HTTP status 503) during HeadObject operation: No response body.",
        "AWS Error SLOW_DOWN during PutObject operation: Please reduce your request rate.",
        "google::cloud::Status(UNAVAILABLE: Retry policy exhausted)",
    ],
)
def test_without_patience_it_is_one_line(said: str) -> None:
    _, call = answering(OSError(said))
    with pytest.raises(AwayError) as raised:
        patiently(call, "s3://b", 0.0)
    assert (
        str(raised.value)
        == f"s3://b does not answer (tried for 0 s: {said}); try again when it does; a search goes on with --resume"
    )


@pytest.mark.parametrize(
    "error", [FileNotFoundError("x"), OSError("AWS Error ACCESS_DENIED during PutObject"), OSError(5, "x")]
)
def test_what_no_patience_can_help_is_raised_at_once(error: OSError) -> None:
    left, call = answering(error, "never asked")
    with pytest.raises(type(error)) as raised:
        patiently(call, "s3://b", 60.0)
    assert (raised.value, left) == (error, ["never asked"])


def test_a_patience_that_is_used_up_is_used_up_for_all_until_the_storage_answers() -> None:
    _, call = answering(NO_CONNECTION)
    with pytest.raises(AwayError):
        patiently(call, "s3://gone", 1e-9)
    left, call = answering(NO_CONNECTION, "there")
    with pytest.raises(AwayError):
        patiently(call, "s3://gone", 3600.0)
    assert left == ["there"]
    assert patiently(call, "s3://gone", 0.0) == "there"
    _, call = answering(NO_CONNECTION, "there")
    assert patiently(call, "s3://gone", 3600.0) == "there"


def test_all_places_of_a_search_that_has_begun_wait_in_every_process() -> None:
    folder = Folder(Place("s3://b/searches/tiny/1")).patient()
    for place in (folder.journal, folder.trial(3).log, folder.place.parent, pickle.loads(pickle.dumps(folder)).finish):
        assert place.patience_s == 600.0
    assert folder == Folder(Place("s3://b/searches/tiny/1"))


ASK = """
import sys
from distune.corpora import away
from distune.corpora.places import Place
away.AGAIN_AFTER_S = 0.0
print(Place("s3://bucket/file", 300.0).is_file())
"""


@contextmanager
def server(answers: list[int]) -> Iterator[str]:
    """An HTTP server that gives these answers, one after the other, and then the last one again and again."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def asked(url: str, program: str) -> subprocess.CompletedProcess[str]:
    known = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "r"}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | known, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_real_client_of_s3_waits_for_its_server() -> None:
    answers = [503] * 8 + [200]  # Arrow asks 5 times by itself.
    with server(answers) as url:
        done = asked(url, ASK)
    assert (done.stdout, answers) == ("True\n", [200])
    assert done.stderr.splitlines()[0].startswith("s3://bucket does not answer (")


def test_what_a_server_refuses_to_give_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Place) -> str:
        raise OSError("When reading x: AWS Error ACCESS_DENIED during HeadObject operation: No response body.")

    monkeypatch.setattr(Place, "read_text", read)
    with pytest.raises(UnreadableError) as raised:
        read_object(Place("s3://b/driver.json"), "remove the file")
    assert str(raised.value) == (
        "cannot read s3://b/driver.json: When reading x: AWS Error ACCESS_DENIED during HeadObject operation: "
        "No response body.; this process needs the right to read it"
    )


def test_what_this_user_may_not_read_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Place) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Place, "read_text", read)
    with pytest.raises(
        DamagedError, match=r"^cannot read driver\.json: Permission denied; this process needs the right to read it$"
    ):
        read_object(Place("driver.json"), "remove the file")
