"""Blocks answered by several processes, in order; all share the pages of the student that was loaded before they began."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import ClassVar

from distune.corpora.blocks import Block
from distune.corpora.encoding import load_encoder
from distune.models.predictor import Predictor
from distune.tuning.serve.answer_blocks import AnsweredBlock, Plan, answer_block

AHEAD = 2
"""How many blocks wait for each worker."""
Answer = Callable[[Plan, Iterable[Block]], Iterator[tuple[Block, AnsweredBlock]]]
"""Answers blocks in order."""
_loaded: list[Predictor] = []
"""The student of this process; a worker that is forked has it from the start."""


class WorkerError(RuntimeError):
    """A worker process that ended before its work was done; the message says so."""

    exit_code: ClassVar[int] = 1


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(folder: Path, n_workers: int) -> Iterator[tuple[Predictor, Answer]]:
    """The student of a folder, and what answers blocks by it: this process for one worker, else as many others.

    They start before anything else does: a process can be forked safely as long as it has a single thread.
    """
    predictor = Predictor(folder, load_encoder(folder))
    if n_workers == 1:
        yield predictor, lambda plan, blocks: ((block, answer_block(predictor, plan, block)) for block in blocks)
        return
    _loaded[:] = [predictor]
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(n_workers, context, _begin, (str(folder),))
    try:
        pool.submit(os.getpid).result()
        yield predictor, lambda plan, blocks: _in_order(pool, n_workers, plan, blocks)
    finally:
        pool.shutdown(cancel_futures=True)
        _loaded.clear()


def _in_order(
    pool: ProcessPoolExecutor, n_workers: int, plan: Plan, blocks: Iterable[Block]
) -> Iterator[tuple[Block, AnsweredBlock]]:
    waiting: deque[tuple[Block, Future[AnsweredBlock]]] = deque()
    try:
        for block in blocks:
            waiting.append((block, pool.submit(_answer, plan, block)))
            if len(waiting) > AHEAD * n_workers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process was ended from outside, as where memory is short; run the command again, with fewer --workers"
        ) from error


def _begin(folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that the terminal knows.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if not _loaded:  # A process that was not forked.
        _loaded.append(Predictor(folder, load_encoder(folder)))


def _end_with_parent() -> None:
    """End this process with the one that began it, however that was ended: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _answer(plan: Plan, block: Block) -> AnsweredBlock:
    return answer_block(_loaded[0], plan, block)
