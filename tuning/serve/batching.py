"""Many who ask at the same time, one who answers: what waits is answered together, and nobody waits for company."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from distune.models.answers import AnyAnswer, Text
from distune.tuning.serve.limits import Limits


class FullError(Exception):
    """Too many texts wait, so no more are accepted."""


class GoneError(Exception):
    """The client has disconnected before its answer."""


@dataclass(kw_only=True)
class _Request:
    texts: Sequence[Text]
    future: asyncio.Future[list[AnyAnswer]]
    is_gone: Callable[[], bool]
    n_taken: int = 0
    answers: list[AnyAnswer] = field(default_factory=list)


class Batcher:
    """Answers texts on a thread of its own, as many at a time as have come while it answered those before.

    A request with more texts than fit takes turns with the others, a batch each, so that a large one does not hold up
    small ones. `on_batch` is called with the number of texts that are answered together.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Text]], list[AnyAnswer]],
        limits: Limits,
        on_batch: Callable[[int], None] = lambda n_texts: None,
    ) -> None:
        self.n_waiting = 0
        self._answer, self._limits, self._on_batch = answer, limits, on_batch
        self._queue: asyncio.Queue[_Request] = asyncio.Queue()

    @property
    def is_full(self) -> bool:
        return self.n_waiting >= self._limits.max_waiting

    async def ask(self, texts: Sequence[Text], is_gone: Callable[[], bool] = lambda: False) -> list[AnyAnswer]:
        """The answers of one request. Raises FullError, GoneError if `is_gone` says so before its turn comes, and
        whatever goes wrong in answering."""
        if self.n_waiting + len(texts) > self._limits.max_waiting:
            raise FullError
        request = _Request(texts=texts, future=asyncio.get_running_loop().create_future(), is_gone=is_gone)
        self.n_waiting += len(texts)
        self._queue.put_nowait(request)
        return await request.future

    async def run(self) -> None:
        """Answer the waiting texts until cancelled."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="network") as thread:
            while True:
                await self._answer_batch(thread, [await self._queue.get()])

    async def _answer_batch(self, thread: ThreadPoolExecutor, requests: list[_Request]) -> None:
        """Answer a request and those that wait behind it, as far as they fit into one batch."""
        pieces, room = [], self._limits.max_batch
        while requests:
            request = requests.pop()
            if request.is_gone():
                self._end(request, GoneError())
            else:
                piece = request.texts[request.n_taken : request.n_taken + room]
                request.n_taken += len(piece)
                room -= len(piece)
                pieces.append((request, piece))
            if room and not self._queue.empty():
                requests.append(self._queue.get_nowait())
        texts = [text for _, piece in pieces for text in piece]
        if not texts:
            return
        self._on_batch(len(texts))
        loop = asyncio.get_running_loop()
        try:
            answers = iter(await loop.run_in_executor(thread, self._answer, texts))
        except Exception as error:  # noqa: BLE001  # It belongs to those who asked.
            for request, _ in pieces:
                self._end(request, error)
            return
        self.n_waiting -= len(texts)
        for request, piece in pieces:
            request.answers += [next(answers) for _ in piece]
            if len(request.answers) < len(request.texts):
                self._queue.put_nowait(request)
            elif not request.future.done():  # Whoever awaits it may have been cancelled.
                request.future.set_result(request.answers)

    def _end(self, request: _Request, error: Exception) -> None:
        """Answer a request by an error."""
        self.n_waiting -= len(request.texts) - len(request.answers)
        if not request.future.done():
            request.future.set_exception(error)
