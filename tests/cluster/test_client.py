"""Connecting through `ray://`: what is tried again, and what is refused at once."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from distune.cluster import client
from distune.cluster.config import ClusterError

BUSY, DEAD = (
    ConnectionAbortedError(f"Initialization failure from server: {words}. See its log.") for words in client.NOT_STARTED
)


def failing(monkeypatch: pytest.MonkeyPatch, errors: list[Exception]) -> list[str]:
    """Makes `ray.init` fail so often; what is returned grows by the address of each attempt."""
    attempts: list[str] = []

    def init(address: str, **options: Any) -> None:
        attempts.append(address)
        if errors:
            raise errors.pop(0)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(client, "BETWEEN_S", 0.0)
    return attempts


def test_a_head_that_is_too_busy_to_start_a_clients_process_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    attempts = failing(monkeypatch, [BUSY, DEAD])
    client._connect("ray://head:10001", tmp_path)
    assert attempts == ["ray://head:10001"] * 3


def test_one_that_never_does_is_refused_with_what_ray_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    attempts = failing(monkeypatch, [BUSY] * 5)
    with pytest.raises(ClusterError, match=client.NOT_STARTED[0]):
        client._connect("ray://head:10001", tmp_path)
    assert len(attempts) == client.ATTEMPTS


def test_another_fault_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    attempts = failing(monkeypatch, [ConnectionError("wrong token")])
    with pytest.raises(ClusterError, match="wrong token"):
        client._connect("ray://head:10001", tmp_path)
    assert len(attempts) == 1


SLOW_TO_END = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("closing", flush=True), time.sleep(0.5), sys.exit(130)))
print("ready", flush=True)
time.sleep(300)
"""


@pytest.fixture
def on_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """The context in which the head runs an actor."""
    context = SimpleNamespace(runtime_env={"working_dir": "gcs://sent.zip"}, gcs_address="127.0.0.1:6379")
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)


def said_until(command: client._Command, word: str) -> str:
    said = ""
    while word not in said:
        piece, status = command.news()
        assert status is None, said
        said += piece.decode()
    return said


@pytest.mark.usefixtures("on_a_head")
def test_an_interrupted_command_closes_its_things_and_has_its_own_exit_status() -> None:
    command = client._Command(f"export DISTUNE=1; {shlex.join([sys.executable, '-c', SLOW_TO_END])}; exit $?")
    said_until(command, "ready")
    command.interrupt()
    said_until(command, "closing")
    status = None
    while status is None:
        _, status = command.news()
    assert status == 130
    command.interrupt()  # One more, which comes too late, is no fault.
    command._process.stdout.close()  # type: ignore[union-attr]


class Actor:
    """An actor that never has news, or whose machine is gone, and that counts how often it is interrupted."""

    def __init__(self, error: Exception | None = None) -> None:
        self.interruptions, self._error = 0, error
        self.news = SimpleNamespace(remote=self._news)
        self.interrupt = SimpleNamespace(remote=self._interrupt)

    def _news(self) -> tuple[bytes, int | None]:
        if self._error is not None:
            raise self._error
        return b"trial 1", None

    def _interrupt(self) -> None:
        self.interruptions += 1


def test_a_caller_that_stops_asking_leaves_no_search_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "get", lambda value: value)
    actor = Actor()
    followed = client._followed(actor)
    assert next(followed) == "trial 1"
    followed.close()  # type: ignore[attr-defined]  # As Ctrl-C while a line is printed does, or a pipe that nobody reads.
    assert actor.interruptions == 1


@pytest.mark.parametrize(
    "error",
    [ConnectionError("Client is shutting down."), ray.exceptions.RayActorError(error_msg="The actor died.\nmore")],
)
def test_a_head_that_is_lost_is_a_line_that_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    actor = Actor(error)
    monkeypatch.setattr(client, "check_reachable", lambda address: None)
    monkeypatch.setattr(client, "_connect", lambda address, folder: None)
    monkeypatch.setattr(client, "disconnect", lambda: None)
    monkeypatch.setattr(ray, "get", lambda value: value)
    monkeypatch.setattr(ray, "remote", lambda **_: lambda _: SimpleNamespace(remote=lambda _: actor))
    with pytest.raises(ClusterError) as caught:
        list(client.run_through_client("ray://head:10001", tmp_path, "distune search"))
    assert str(caught.value) == (
        f"the connection to Ray at ray://head:10001 was lost ({str(error).splitlines()[0]}); the search may go on there: "
        "`distune status STUDY` shows it, and if nobody runs it, --resume goes on"
    )
