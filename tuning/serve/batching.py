"""Many who ask at the same time, one who answers: what waits is answered together, and nobody waits for company."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from distune.models.predictor import Answer


@dataclass(frozen=True)
class Limits:
    """How many texts are answered in one go, and how many may wait."""

    max_batch: int = 64
    max_waiting: int = 4096


class FullError(Exception):
    """So many texts wait that no more are taken."""


@dataclass
class _Request:
    texts: Sequence[str]
    future: asyncio.Future[list[Answer]]
    n_taken: int = 0
    answers: list[Answer] = field(default_factory=list)


class Batcher:
    """Answers texts on a thread of its own, as many at a time as have come while it answered those before.

    A request with more texts than fit takes turns with the others, a batch each, so that a large one does not hold up
    small ones.
    """

    def __init__(self, answer: Callable[[Sequence[str]], list[Answer]], limits: Limits) -> None:
        self.n_waiting = 0
        self._answer, self._limits = answer, limits
        self._queue: asyncio.Queue[_Request] = asyncio.Queue()

    async def ask(self, texts: Sequence[str]) -> list[Answer]:
        """The answers of one request. Raises FullError, and whatever goes wrong in answering."""
        if self.n_waiting + len(texts) > self._limits.max_waiting:
            raise FullError
        request = _Request(texts, asyncio.get_running_loop().create_future())
        self.n_waiting += len(texts)
        self._queue.put_nowait(request)
        return await request.future

    async def run(self) -> None:
        """Answer what is asked until cancelled."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="network") as thread:
            while True:
                await self._answer_batch(thread, [await self._queue.get()])

    async def _answer_batch(self, thread: ThreadPoolExecutor, requests: list[_Request]) -> None:
        """Answer a request and those that wait behind it, as far as they fit into one batch."""
        pieces, room = [], self._limits.max_batch
        while requests:
            request = requests.pop()
            piece = request.texts[request.n_taken : request.n_taken + room]
            request.n_taken += len(piece)
            room -= len(piece)
            pieces.append((request, piece))
            if room and not self._queue.empty():
                requests.append(self._queue.get_nowait())
        texts = [text for _, piece in pieces for text in piece]
        loop = asyncio.get_running_loop()
        try:
            answers = iter(await loop.run_in_executor(thread, self._answer, texts))
        except Exception as error:  # noqa: BLE001  # It belongs to those who asked.
            for request, _ in pieces:
                request.future.set_exception(error)
                self.n_waiting -= len(request.texts) - len(request.answers)
            return
        self.n_waiting -= len(texts)
        for request, piece in pieces:
            request.answers += [next(answers) for _ in piece]
            if len(request.answers) == len(request.texts):
                request.future.set_result(request.answers)
            else:
                self._queue.put_nowait(request)
