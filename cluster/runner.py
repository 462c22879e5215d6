"""Runners of functions: a protocol, and the runner of this process. The other is in on_ray.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Argument = TypeVar("Argument")
Shared = TypeVar("Shared")
Answer = TypeVar("Answer")


class Runner(Protocol):
    """Runs functions somewhere: the answers are the same everywhere, and an exception of a call is raised here."""

    def each(
        self, function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared
    ) -> Iterator[tuple[int, Answer]]:
        """Yield (index, answer) as calls of `function(argument, shared)` end, in any order."""

    def map(self, function: Callable[[Argument], Answer], items: Sequence[Argument]) -> Iterator[tuple[int, Answer]]:
        """Yield (index, answer) as a function that keeps what it has loaded answers items, in any order."""

    def once(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """The answer of one call, on the fastest device."""

    def alone(self, function: Callable[[Argument], Answer], argument: Argument) -> Answer:
        """The answer of one call, while none of our other work runs."""


class InProcess:
    """Every call is made here, one after the other: for whom there is no cluster, for the debugger, and for tests."""

    def each(
        self, function: Callable[[Argument, Shared], Answer], arguments: Iterable[Argument], shared: Shared
    ) -> Iterator[tuple[int, Answer]]:
        for index, argument in enumerate(arguments):
            yield index, function(argument, shared)

    def map(self, function: Callable[[Argument], Answer], items: Sequence[Argument]) -> Iterator[tuple[int, Answer]]:
        for index, item in enumerate(items):
            yield index, function(item)

    def once(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        return function(*arguments)

    def alone(self, function: Callable[[Argument], Answer], argument: Argument) -> Answer:
        return function(argument)


IN_PROCESS = InProcess()
