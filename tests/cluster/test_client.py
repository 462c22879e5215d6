"""Connecting through `ray://`: what is tried again, and what is refused at once."""

from __future__ import annotations

from pathlib import Path
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
