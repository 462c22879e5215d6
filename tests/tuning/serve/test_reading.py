from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from distune.tuning.serve.limits import Limits
from distune.tuning.serve.reading import Bodies, texts_of, texts_of_table

LIMITS = Limits(max_body_bytes=10)  # 320 bytes of all bodies together.


class Client:
    """One who sends a body piece by piece."""

    def __init__(self, bodies: Bodies, stack: ExitStack) -> None:
        self.connection, self._pieces = mock.Mock(), asyncio.Queue[tuple[bytes, bool]]()
        body = stack.enter_context(bodies.room(self.connection))
        request = Request({"type": "http", "method": "POST", "headers": []}, self._receive)
        self.value = asyncio.create_task(bodies.value(request, body))

    async def _receive(self) -> Any:
        body, is_more = await self._pieces.get()
        return {"type": "http.request", "body": body, "more_body": is_more}

    async def send(self, body: bytes, is_more: bool = True) -> None:
        self._pieces.put_nowait((body, is_more))
        for _ in range(5):
            await asyncio.sleep(0)


def test_where_bodies_are_too_large_together_the_largest_that_is_not_whole_goes() -> None:
    async def go() -> None:
        with ExitStack() as stack:
            bodies = Bodies(LIMITS)
            whole = [Client(bodies, stack) for _ in range(31)]
            for client in whole:
                await client.send(b" " * 9 + b"1", False)
            large, larger, small = (Client(bodies, stack) for _ in range(3))
            await large.send(b" " * 3)
            await larger.send(b" " * 6)
            await small.send(b"1", False)  # 320 bytes now: it is full.
            assert await small.value == 1
            await large.send(b"1")
            larger.connection.refuse.assert_called_once_with(503, "too many bodies wait already: try again")
            await larger.send(b"1", False)
            with pytest.raises(ClientDisconnect):
                await larger.value
            await large.send(b" " * 6, False)
            with pytest.raises(HTTPException) as refused:  # Nobody else is left to go.
                await large.value
            assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
            assert {await client.value for client in whole} == {1}
        assert bodies._n_bytes == 0

    asyncio.run(go())


def test_pairs_come_as_lists_of_two_or_as_two_columns() -> None:
    pairs = [["甲", "乙"], ["丙", "丁"]]
    limits = Limits()
    assert texts_of({"texts": pairs}, limits, of_pairs=True) == pairs
    records = [{"text": "甲", "text_b": "乙"}, {"text": "丙", "text_b": "丁"}]
    assert texts_of_table({"dataframe_records": records}, limits, of_pairs=True) == pairs
    split = {"columns": ["text_b", "id", "text"], "data": [["乙", 1, "甲"], ["丁", 2, "丙"]]}
    assert texts_of_table({"dataframe_split": split}, limits, of_pairs=True) == pairs
    assert texts_of_table({"dataframe_split": split}, limits) == ["甲", "丙"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"texts": ["甲"]}, 'text 1 must be a pair of two strings, but got "\\u7532"'),
        ({"texts": [["甲", "乙"], ["丙"]]}, "text 2 must be a pair of two strings, but got a list"),
        ({"texts": [["甲", None]]}, "text 1 is a pair without its second text"),
        ({"texts": [["", "乙"]]}, "text 1 is a pair without its first text, which is empty"),
        ({"texts": [["甲", "乙"], ["丙", " \n"]]}, "text 2 is a pair without its second text, which is empty"),
        ({"texts": [["甲", 3]]}, "text 1 must be a string, but got 3"),
        ({"texts": "甲"}, 'the body must be {"texts": [["...", "..."], ...]}'),
    ],
    ids=str,
)
def test_what_is_no_pair_is_refused(body: Any, fault: str) -> None:
    with pytest.raises(HTTPException) as refused:
        texts_of(body, Limits(), of_pairs=True)
    assert refused.value.detail == fault


def test_a_table_without_the_second_text_is_refused() -> None:
    with pytest.raises(HTTPException, match=r'"text": "...", "text_b": "..."'):
        texts_of_table({"dataframe_split": {"columns": ["text"], "data": [["甲"]]}}, Limits(), of_pairs=True)


def test_mlflows_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(HTTPException, match="the columns text and text_b have different lengths"):
        texts_of_table({"inputs": {"text": ["1"], "text_b": ["2", "3"]}}, Limits(), of_pairs=True)


def test_mlflows_lists_hold_texts_or_pairs() -> None:
    for value in (
        {"instances": [["1", "2"], {"text": "3", "text_b": "4"}]},
        {"inputs": {"text": ["1", "3"], "text_b": ["2", "4"], "id": [7, 8]}},
    ):
        assert texts_of_table(value, Limits(), of_pairs=True) == [["1", "2"], ["3", "4"]]
    with pytest.raises(HTTPException, match="text 2 must be a string, but got null"):
        texts_of_table({"instances": ["1", {"id": 7}]}, Limits())
