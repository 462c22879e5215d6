"""Caches of teacher logits that are damaged, or were interrupted: refused, or filled again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.disk import DiskError
from distune.corpora.shards import TeacherAnswers
from distune.corpora.texts import CorpusError
from tests.making.teachers import TEXTS, answer, answer_with_hidden, fill, folder, opened


def change(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_a_damaged_shard_is_refused_before_a_number_of_it_is_used(tmp_path: Path) -> None:
    fill(tmp_path)
    change(folder(tmp_path) / "logits-00001.npy")
    cache = opened(tmp_path)
    np.testing.assert_array_equal(cache.of(["text 0", "text 6"]), [[0, 0], [-6, 6]])
    for _ in range(2):
        with pytest.raises(CorpusError, match=r"damaged: logits-00001\.npy is missing or has changed"):
            cache.of(["text 0", "text 3"])


@pytest.mark.parametrize(
    ("file", "reads"), [("index.npy", "of"), ("logits-00000.npy", "of"), ("hidden-00002.npy", "hidden_of")]
)
def test_every_damaged_file_is_refused_where_it_is_read(tmp_path: Path, file: str, reads: str) -> None:
    fill(tmp_path, teacher=answer_with_hidden)
    change(folder(tmp_path) / file)
    with pytest.raises(CorpusError, match=f"damaged: {file} is missing or has changed"):
        getattr(opened(tmp_path), reads)(["text 6"])


def test_a_cache_that_lacks_a_file_is_not_opened(tmp_path: Path) -> None:
    fill(tmp_path)
    (folder(tmp_path) / "logits-00001.npy").unlink()
    with pytest.raises(CorpusError, match=r"damaged: logits-00001\.npy is missing or has changed"):
        opened(tmp_path)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


@pytest.mark.parametrize("harm", [change, cut, Path.unlink])
@pytest.mark.parametrize("file", ["logits-00001.npy", "hidden-00001.npy", "hashes-00001.npy", "shard-00001.json"])
def test_a_shard_of_an_interrupted_run_that_is_not_as_it_was_written_is_filled_again(
    tmp_path: Path, said: list[str], harm: Callable[[Path], None], file: str
) -> None:
    asked: list[str] = []

    def noting(texts: Sequence[str]) -> TeacherAnswers:
        asked.extend(texts)
        return answer_with_hidden(texts)

    fill(tmp_path, teacher=answer_with_hidden)
    (folder(tmp_path) / "manifest.json").unlink()
    harm(folder(tmp_path) / file)
    cache = fill(tmp_path, teacher=noting)
    assert asked == ["text 3", "text 4", "text 5"]
    np.testing.assert_array_equal(cache.of(TEXTS), answer(TEXTS).logits)
    np.testing.assert_array_equal(cache.hidden_of(["text 5"]), [[5, 0, -5]])
    if file.startswith("logits") and harm == Path.unlink:
        assert said == []  # As where a run was interrupted.
    else:
        assert said[0].startswith("teacher logits: 1 of 3 shards in ")


def test_shards_of_a_version_that_kept_no_checksums_are_filled_again(tmp_path: Path, said: list[str]) -> None:
    fill(tmp_path)
    (folder(tmp_path) / "manifest.json").unlink()
    for file in folder(tmp_path).glob("shard-*.json"):
        file.unlink()
    np.testing.assert_array_equal(fill(tmp_path).of(TEXTS), answer(TEXTS).logits)
    assert "3 of 3 shards" in said[0]


def test_a_disk_that_is_full_in_the_middle_leaves_whole_shards_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noting(texts: Sequence[str]) -> TeacherAnswers:
        asked.extend(texts)
        return answer(texts)

    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "logits-00002.npy":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DiskError, match=r"logits-00002\.npy: no space is left; "):
            fill(tmp_path, teacher=noting)
    assert [path.name for path in folder(tmp_path).iterdir() if path.name.endswith(".unfinished")] == []
    np.testing.assert_array_equal(fill(tmp_path, teacher=noting).of(TEXTS), answer(TEXTS).logits)
    assert [asked.count(text) for text in TEXTS] == [1, 1, 1, 1, 1, 1, 2]
