"""Ray Tune takes Ctrl-C for itself: whether it came, and that it is heard afterwards."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from ray.tune.tune import _setup_signal_catching

from distune.tuning.search.run import interruptible


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def tuned(n_signals: int) -> None:
    """As a run of Ray Tune is, to which so many signals come; Ray ends at the first one."""
    with interruptible():
        event = _setup_signal_catching()
        for _ in range(n_signals):
            signal.raise_signal(signal.SIGINT)
            assert event.is_set()


def test_ctrl_c_while_ray_tunes_is_raised_when_it_has_ended_its_run() -> None:
    with pytest.raises(KeyboardInterrupt):
        tuned(n_signals=1)


def test_ctrl_c_after_ray_tuned_is_heard() -> None:
    with interruptible():
        event = _setup_signal_catching()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert not event.is_set()


def test_a_second_ctrl_c_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        tuned(n_signals=2)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_a_thread_of_its_own_a_search_leaves_signals_alone() -> None:
    ended = []

    def search() -> None:
        with interruptible():
            ended.append(True)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert ended == [True]
