"""The first piece of a file ends anywhere, within a character too."""

from __future__ import annotations

from io import BufferedReader, BytesIO
from pathlib import Path

import pytest

from distune.corpora import incoming, streamed
from distune.corpora.incoming import Utf8
from tests.making.blocks import by_blocks

LONG = "这家酒店的服务是很好的，早餐也不错" * 9


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize(
    ("encoding", "given"),
    [("utf-8", None), ("utf-8", "cp1252"), ("gb18030", None), ("gb18030", "gb18030"), ("big5", "big5")],
)
def test_a_line_longer_than_a_piece_is_decoded(
    encoding: str, given: str | None, shift: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "PIECE_BYTES", 128)
    text = "x" * shift + (LONG if encoding != "big5" else "飯店的早餐很好" * 30)
    path = tmp_path / "a.csv"
    path.write_bytes(f"{text}\n好的\n".encode(encoding))
    assert by_blocks(path, columns=("text",), encoding=given) == {"text": [text, "好的"]}


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_long_line_that_comes_in_is_decoded(encoding: str, shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "BLOCK_BYTES", 128)
    text = "x" * shift + LONG
    source = Utf8(BufferedReader(BytesIO(text.encode(encoding)), 128), "a.txt")
    assert b"".join(iter(lambda: source.read1(128), b"")).decode() == text
