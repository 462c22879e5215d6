"""How a file may be damaged, or written by somebody who means ill."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Mutation = Callable[[bytes, random.Random], bytes]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
FIELD = re.compile(rb"[^\s,:{}\[\]\"]{2,40}")
HUGE = (
    b"9" * 5000,  # Beyond what Python reads as a number.
    b"9" * 400,  # A number that no float can be.
    "²".encode(),  # A digit, and no number.
    b"1e999",
    b"-1",
    b"9223372036854775808",
    b"1e18",
    b"4294967295",
    b"0",
    b"NaN",
    b"1" * 30,
    b"0x7fffffff",
)
NESTED = (b"[", b'{"a":', b"(", b"- ", b'"', b"{a: ", b"&a [*a, ", b"?", b"\xff", b"\0")
LAUGHS = b"\na: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (i, i, b",".join([b"*%c" % (i - 1)] * 9)) for i in range(ord("b"), ord("j"))
)
"""A thousand million of x, by nine lines of aliases (Klein 2002)."""


def _place(content: bytes, rng: random.Random) -> int:
    return rng.randrange(len(content) + 1)


def _block(content: bytes, rng: random.Random) -> tuple[int, int]:
    start = _place(content, rng)
    return start, min(len(content), start + rng.choice([1, 4, 16, 64, 512, 4096]))


def flip_bit(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\0"
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(2, 30)):
        content = flip_bit(content, rng)
    return content


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def cut_beginning(content: bytes, rng: random.Random) -> bytes:
    return content[_place(content, rng) :]


def double_block(content: bytes, rng: random.Random) -> bytes:
    start, end = _block(content, rng)
    return content[:end] + content[start:]


def drop_block(content: bytes, rng: random.Random) -> bytes:
    start, end = _block(content, rng)
    return content[:start] + content[end:]


def noise(content: bytes, rng: random.Random) -> bytes:
    start, end = _block(content, rng)
    return content[:start] + rng.randbytes(end - start) + content[end:]


def _replaced(
    content: bytes, rng: random.Random, pattern: re.Pattern[bytes], choose: Callable[[bytes], bytes]
) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return choose(b"") + content
    one = rng.choice(found)
    return content[: one.start()] + choose(one[0]) + content[one.end() :]


def huge_number(content: bytes, rng: random.Random) -> bytes:
    return _replaced(content, rng, NUMBER, lambda number: rng.choice(HUGE))


def other_field(content: bytes, rng: random.Random) -> bytes:
    """One word, key or number in the place of another."""
    fields = FIELD.findall(content) or [b"x"]
    return _replaced(content, rng, FIELD, lambda field: rng.choice([*fields, b"null", b"[]", b"{}", b"true", b'"x"']))


def swap_fields(content: bytes, rng: random.Random) -> bytes:
    fields = list(FIELD.finditer(content))
    if len(fields) < 2:
        return content[::-1]
    one, two = sorted(rng.sample(fields, 2), key=lambda field: field.start())
    between = content[one.end() : two.start()]
    return content[: one.start()] + two[0] + between + one[0] + content[two.end() :]


def swap_lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def nest(content: bytes, rng: random.Random) -> bytes:
    start = rng.choice([0, _place(content, rng)])
    return content[:start] + rng.choice(NESTED) * rng.choice([50, 2_000, 100_000]) + content[start:]


def laugh(content: bytes, rng: random.Random) -> bytes:
    return content + LAUGHS


def empty(content: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"", b"\n", b"{}", b"[]", b"null", b"0", b'""', b"\0" * 64])


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    flip_bit,
    flip_bits,
    cut,
    cut_beginning,
    double_block,
    drop_block,
    noise,
    huge_number,
    huge_number,
    other_field,
    other_field,
    swap_fields,
    swap_lines,
    nest,
    laugh,
    empty,
)


def mutated(content: bytes, others: Sequence[bytes], rng: random.Random) -> tuple[str, bytes]:
    """A damaged content, other than it was, and what was done to it; `others` are contents of other files."""
    while True:
        if others and rng.random() < 0.05:
            how, found = "content of another file", rng.choice(others)
        else:
            mutation = rng.choice(MUTATIONS)
            how, found = mutation.__name__, mutation(content, rng)
        if found != content:
            return how, found
