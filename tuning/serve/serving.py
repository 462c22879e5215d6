"""The model that answers now, and its change for another one while requests come."""

from __future__ import annotations

import asyncio
import shutil
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distune.corpora.encoding import load_encoder
from distune.models.checkpoint_folder import CheckpointError, check_folder
from distune.models.predictor import Predictor
from distune.tuning.serve.batching import Batcher
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.metrics import Metrics
from distune.tuning.serve.versions import Offer, Versions

WARM_UP = "很好，very good"
LOOKS_AGAIN_S = 0.05


def ready_predictor(folder: Path, threads: int) -> Predictor:
    """The student of a checkpoint folder, which has read all that it needs and has answered once.

    Raises CheckpointError for a folder that is not whole.
    """
    check_folder(folder)
    encoder = load_encoder(folder)
    encoder.read_ahead()
    predictor = Predictor(folder, encoder, threads)
    list(predictor.answers([(WARM_UP, WARM_UP) if predictor.is_of_pairs else WARM_UP] * 2))
    return predictor


@dataclass(kw_only=True, eq=False)
class ServedModel:
    """A student and those who wait for its answers. A request keeps the model that it came to until it is answered."""

    name: str
    predictor: Predictor
    batcher: Batcher
    version: str | None = None
    n_users: int = field(default=0, init=False)

    @contextmanager
    def used(self) -> Iterator[None]:
        """A request that this model answers: the model stays until it is left."""
        self.n_users += 1
        try:
            yield
        finally:
            self.n_users -= 1


class Serving:
    """The present model; `swap` makes another one the present one, and the old one ends with its last request."""

    def __init__(self, name: str, predictor: Predictor, limits: Limits, version: str | None = None) -> None:
        self.counts = Metrics((), lambda: self.n_waiting)
        self._limits, self._ending = limits, set[asyncio.Task[None]]()
        self._old: list[ServedModel] = []
        self.current = self._model(name, predictor, version)

    def _model(self, name: str, predictor: Predictor, version: str | None) -> ServedModel:
        batcher = Batcher(lambda texts: list(predictor.answers(texts)), self._limits, self.counts.count_batch)
        self.counts.begin_version(version, predictor.labels)
        return ServedModel(name=name, predictor=predictor, batcher=batcher, version=version)

    @property
    def n_waiting(self) -> int:
        """The texts that wait, for whichever model."""
        return sum(one.batcher.n_waiting for one in (self.current, *self._old))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answers are given inside the `with`."""
        self._answering = {self.current: asyncio.create_task(self.current.batcher.run())}
        yield
        for task in (*self._answering.values(), *self._ending):
            task.cancel()

    def swap(self, predictor: Predictor, version: str | None) -> None:
        """Have a model answer all requests from now on. It is called on the loop.

        Raises CheckpointError for a model that answers another kind of texts or of answers: clients would get what they cannot read.
        """
        old = self.current
        for kind in ("is_of_pairs", "is_multi_label"):
            if getattr(old.predictor, kind) != getattr(predictor, kind):
                what = "pairs of texts" if kind == "is_of_pairs" else "several labels a text"
                which = "answers" if getattr(predictor, kind) else "no longer answers"
                raise CheckpointError(f"it {which} {what}, which clients do not expect")
        new = self._model(old.name, predictor, version)
        self._answering[new] = asyncio.create_task(new.batcher.run())
        self.current = new
        self._old.append(old)
        ending = asyncio.create_task(self._end(old))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, old: ServedModel) -> None:
        while old.n_users:
            await asyncio.sleep(LOOKS_AGAIN_S)
        self._answering.pop(old).cancel()
        self._old.remove(old)


class Followed:
    """The versions that come are loaded next to the present one, and take its place once they have answered."""

    def __init__(self, serving: Serving, versions: Versions, threads: int, present: Offer) -> None:
        self._serving, self._versions, self._threads, self._present = serving, versions, threads, present

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Versions are taken inside the `with`."""
        loop, offers = asyncio.get_running_loop(), asyncio.Queue[Offer]()
        tell: Callable[..., object] = loop.call_soon_threadsafe
        self._versions.listen(lambda offer: tell(offers.put_nowait, offer), lambda fault: tell(self._fault, fault))
        taking = asyncio.create_task(self._take(offers))
        yield
        taking.cancel()
        self._versions.close()

    async def _take(self, offers: asyncio.Queue[Offer]) -> None:
        while True:
            offer = await offers.get()
            name = self._serving.current.name
            try:
                predictor = await asyncio.to_thread(ready_predictor, offer.folder, self._threads)
                self._serving.swap(predictor, offer.version)
            except Exception as error:  # noqa: BLE001  # Whatever is wrong with it, the present one goes on.
                if not hasattr(error, "exit_code"):  # No damage that we know: the log has where it came from.
                    traceback.print_exception(error)
                self._fault(f"{name} version {offer.version} cannot be served: {error}")
                shutil.rmtree(offer.folder, ignore_errors=True)
                continue
            print(
                f"{name} version {offer.version} answers now, in place of version {self._present.version}", flush=True
            )
            shutil.rmtree(self._present.folder, ignore_errors=True)
            self._present = offer

    def _fault(self, fault: str) -> None:
        self._serving.counts.count_fault_of_version()
        print(f"distune: {fault}; version {self._present.version} goes on answering", file=sys.stderr, flush=True)
