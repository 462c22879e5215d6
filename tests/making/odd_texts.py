"""Texts of odd pieces, and a vocabulary that knows some of them."""

from __future__ import annotations

import random

PIECES = [
    *(
        "a",
        "T恤",
        "60-70",
        "mail.com",
        "C++",
        "3.5%",
        "10%off",
        "ABC-def",
        "X-Y",
        "a.b.c",
        "...",
        "-_-",
        "+86-10",
        "#1",
    ),
    *("好", "酒店", "服务", "早餐", "，", "ﬁ", "①", "ｶﾞ", "㍿", "𠀀", "é", "e\u0301", "\u0301", "\u1100", "\u1161"),
    *("İ", "Σ", "ΑΣ", "👍🏽", "\ufe0f", "\u200b", "\ufeff", "\ud800", "\x00", "\x7f", "\x1c", "\x85", "\xa0"),
    *("  ", "\u3000", "\r", "\n", "\r\n", "\u2028", "\t", '"', ".", "%", "_"),
]
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[SEP]",
    "a",
    "t恤",
    "T恤",
    "60-70",
    "60",
    "好",
    "酒店",
    "服务",
    "off",
    "10%off",
    "...",
    " ",
    "服",
    "é",
]


def odd_texts(n: int) -> list[str]:
    draw = random.Random(5)
    return ["".join(draw.choices(PIECES, k=draw.randint(0, 12))) for _ in range(n)]
