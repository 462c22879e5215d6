"""Calls to a server that may be away: made in order, in a thread of their own, and made again until each has worked."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from distune.models.errors import first_line
from distune.tuning.storage.records import Observer, TrialRecord

Answer = TypeVar("Answer")
ObserverType = TypeVar("ObserverType", bound=Observer)
_log = logging.getLogger(__name__)
AGAIN_AFTER_S = 3.0
PATIENCE_S = 600.0


class ServerAwayError(Exception):
    """A server that did not come back in time, so the remaining entries are not written."""

    exit_code: ClassVar[int] = 1


class Outbox(Generic[ObserverType]):
    """An observer that passes on its entries without waiting; `ask` waits.

    A search goes on while the server is away. Raises the error of a call that no patience can help, at the next one.
    """

    def __init__(self, observer: ObserverType, is_away: Callable[[Exception], bool]) -> None:
        self.observer = observer
        self._is_away = is_away
        self._calls: queue.Queue[tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue()
        self._error: Exception | None = None
        self._gives_up = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def started(self, record: TrialRecord) -> None:
        self._send(partial(self.observer.started, record))

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        self._send(partial(self.observer.reported, number, metrics, epoch))

    def ended(self, record: TrialRecord) -> None:
        self._send(partial(self.observer.ended, record))

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """The answer of a call, after all that was sent before it.

        Raises ServerAwayError when the server stays away for 10 minutes.
        """
        future = self._send(call)
        try:
            answer: Answer = future.result(PATIENCE_S)
        except TimeoutError as error:
            self._gives_up.set()
            raise ServerAwayError(
                f"MLflow has not answered for {PATIENCE_S:.0f} s; {self._calls.qsize() + 1} records are "
                "not written. When it is back, the same command with --resume goes on"
            ) from error
        return answer

    def give_up(self) -> None:
        """Wait for nothing any longer: what is not written yet, a resumed search writes."""
        self._gives_up.set()

    def close(self) -> None:
        """End the thread, after what it still has to do if the server is there."""
        self._calls.put(None)
        if not self._gives_up.is_set():
            self._thread.join(PATIENCE_S)

    def _send(self, call: Callable[[], Answer]) -> Future[Any]:
        if self._error is not None:
            raise self._error
        future: Future[Any] = Future()
        self._calls.put((call, future))
        return future

    def _work(self) -> None:
        while (item := self._calls.get()) is not None and not self._gives_up.is_set():
            call, future = item
            try:
                future.set_result(self._insist(call))
            except Exception as error:  # noqa: BLE001  (it is raised where the search runs)
                self._error = error
                future.set_exception(error)

    def _insist(self, call: Callable[[], Answer]) -> Answer | None:
        is_first = True
        while not self._gives_up.is_set():
            try:
                answer = call()
            except Exception as error:
                if not self._is_away(error):
                    raise
                if is_first:
                    _log.info(
                        f"MLflow does not answer ({first_line(error)[:120]}); the search goes on, and what "
                        "is missed is written when it is back"
                    )
                    is_first = False
                time.sleep(AGAIN_AFTER_S)
            else:
                if not is_first:
                    _log.info("MLflow is back")
                return answer
        return None
