from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from distune.models.answers import Answer
from distune.tuning.serve.batching import Batcher, FullError, GoneError
from distune.tuning.serve.limits import Limits


class Network:
    """Answers a text by itself, once it may; keeps what it was asked in one go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_answer = threading.Event()

    def __call__(self, texts: Sequence[str]) -> list[Answer]:
        self.batches.append(list(texts))
        assert self.may_answer.wait(300)
        if "bad" in texts:
            raise RuntimeError("it failed")
        return [Answer(label=text, probabilities={}) for text in texts]


async def asked(network: Network, limits: Limits, *requests: list[str]) -> list[list[str] | BaseException]:
    """What each request gets when the first is under way before the others come, which come together."""
    batcher = Batcher(network, limits)
    running = asyncio.create_task(batcher.run())
    tasks = [asyncio.create_task(batcher.ask(requests[0]))]
    while not network.batches:
        await asyncio.sleep(0.001)
    tasks += [asyncio.create_task(batcher.ask(request)) for request in requests[1:]]
    await asyncio.sleep(0.01)
    network.may_answer.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    running.cancel()
    assert batcher.n_waiting == 0
    return [one if isinstance(one, BaseException) else [answer["label"] for answer in one] for one in found]


def test_what_waits_is_answered_together_and_the_first_waits_for_nobody() -> None:
    network, requests = Network(), (["a"], ["b", "c"], ["d"], ["e"])
    assert asyncio.run(asked(network, Limits(max_batch=3), *requests)) == list(requests)
    assert network.batches == [["a"], ["b", "c", "d"], ["e"]]


def test_a_large_request_takes_turns_with_small_ones() -> None:
    network, requests = Network(), (["a"], list("12345"), ["b"], ["c"])
    assert asyncio.run(asked(network, Limits(max_batch=2), *requests)) == list(requests)
    assert network.batches == [["a"], ["1", "2"], ["b", "c"], ["3", "4"], ["5"]]


def test_more_than_may_wait_is_refused() -> None:
    network = Network()
    found = asyncio.run(asked(network, Limits(max_batch=1, max_waiting=3), ["a"], ["b"], ["c", "d"], ["e"]))
    assert found[0::3] == [["a"], ["e"]]
    assert [type(one) for one in found] == [list, list, FullError, list]


def test_a_failure_belongs_to_those_of_its_batch_and_the_next_are_answered() -> None:
    network = Network()
    found = asyncio.run(asked(network, Limits(max_batch=2), ["a"], ["b", "bad", "x"], ["c"]))
    assert (found[0], found[2]) == (["a"], ["c"])
    with pytest.raises(RuntimeError, match="it failed"):
        raise found[1]  # type: ignore[misc]


def test_texts_of_a_client_that_has_gone_are_not_answered() -> None:
    async def go() -> list[list[Answer] | BaseException]:
        network, gone = Network(), [False]
        batcher = Batcher(network, Limits(max_batch=2))
        running = asyncio.create_task(batcher.run())
        tasks = [asyncio.create_task(batcher.ask(["a", "b", "c"], lambda: gone[0]))]
        while not network.batches:
            await asyncio.sleep(0.001)
        tasks.append(asyncio.create_task(batcher.ask(["d"], lambda: gone[0])))
        tasks.append(asyncio.create_task(batcher.ask(["e"])))
        await asyncio.sleep(0.01)
        gone[0] = True
        network.may_answer.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        running.cancel()
        assert (batcher.n_waiting, network.batches) == (0, [["a", "b"], ["e"]])
        return found

    assert [type(one) for one in asyncio.run(go())] == [GoneError, GoneError, list]


def test_one_who_no_longer_waits_does_not_end_the_answers_of_others() -> None:
    async def go() -> list[Answer]:
        network = Network()
        batcher = Batcher(network, Limits())
        running = asyncio.create_task(batcher.run())
        first = asyncio.create_task(batcher.ask(["a"]))
        while not network.batches:
            await asyncio.sleep(0.001)
        first.cancel()
        network.may_answer.set()
        found = await batcher.ask(["b"])
        running.cancel()
        return found

    assert [one["label"] for one in asyncio.run(go())] == ["b"]
