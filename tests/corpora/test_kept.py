"""Whatever a damaged file of a storage does to who reads it is one error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distune.corpora.kept import DamagedError, read_object, read_text, reading
from distune.corpora.places import Place
from distune.corpora.texts import CorpusError


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value: line 1 column 1"),
        (b"\xff", "can't decode byte 0xff"),
        (b"[1]", "it must hold an object of JSON, but holds a list"),
        (b'{"a": ' + b"[" * 100_000, "maximum recursion depth exceeded"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    ],
)
def test_what_is_no_object_is_refused_with_the_path_and_what_to_do(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamagedError, match=rf"a\.json is damaged \(.*{said}.*\); do this$") as raised:
        read_object(Place(str(tmp_path / "a.json")), "do this")
    assert raised.value.exit_code == 2
    assert len(str(raised.value)) < 500


def test_a_file_that_is_not_there_and_errors_of_ours_pass() -> None:
    with pytest.raises(FileNotFoundError):
        read_text(Place("/nowhere/at/all"), "do this")
    with pytest.raises(CorpusError, match=r"^it is named$"), reading("a.json", "do this"):
        raise CorpusError("it is named")


def test_a_missing_key_is_said_with_its_kind() -> None:
    with (
        pytest.raises(DamagedError, match=r"^a\.json is damaged \(KeyError: 'columns'\); do this$"),
        reading("a.json", "do this"),
    ):
        raise KeyError("columns")
