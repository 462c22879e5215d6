from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.logits_export import principal_axes, write_logits_file
from distune.corpora.logits_file import read_logits_file
from distune.corpora.logits_filling import Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers
from distune.corpora.teacher_logits import CacheKey
from distune.corpora.texts import CorpusError
from tests.making.logits_files import LABELS, parquet


def test_hidden_states_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, text=["好"], logits=[[1.0, 2.0]], hidden=[[1.0, float("nan")]])
    with pytest.raises(CorpusError, match="1 row of hidden is not finite numbers, first row 1"):
        read_logits_file(path, LABELS)


def test_hidden_states_beyond_float16_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, text=["好"], logits=[[1.0, 2.0]], hidden=[[1e6, 0.5]])
    with pytest.raises(
        CorpusError, match=r"hidden: numbers must be within ±65504 to be kept in float16, but got 1e\+06"
    ):
        read_logits_file(path, LABELS)


def test_principal_axes_of_rows_that_are_all_alike_are_the_whole_of_nothing() -> None:
    assert principal_axes(np.ones((3, 2), np.float32), 1)[2] == 1.0


def test_hidden_states_of_a_file_are_read(tmp_path: Path) -> None:
    file = read_logits_file(
        parquet(tmp_path, text=["好", "差"], logits=[[1.0, 2.0]] * 2, hidden=[[1.0, 0.5, 3.0], [4.0, 5.0, 6.0]]), LABELS
    )
    found = file.of(["差", "好"]).hidden
    assert found is not None
    np.testing.assert_array_equal(found, [[4, 5, 6], [1, 0.5, 3]])
    assert found.dtype == np.float16


def test_principal_axes_of_points_on_a_line() -> None:
    # On the line (0, 1) + t (3, 4) / 5 with t = -5, 0, 5, and nothing beside it.
    mean, axes, share = principal_axes(np.array([[-3, -3], [0, 1], [3, 5]], np.float32), 1)
    assert mean.tolist() == [0, 1]
    assert np.abs(axes[:, 0]) == pytest.approx([0.6, 0.8])
    assert share == pytest.approx(1)


def test_hidden_states_are_exported_as_principal_components(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = [f"text {i}" for i in range(60)]
    plane = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 40))
    values = dict(zip(texts, plane.astype(np.float32), strict=True))

    def teacher(batch: Sequence[str]) -> TeacherAnswers:
        return TeacherAnswers(np.zeros((len(batch), 2), np.float32), np.stack([values[text] for text in batch]))

    cache = fill_cache(Place(str(tmp_path)), CacheKey("t", "c", LABELS), texts, Source(lambda: teacher, {}))
    write_logits_file(tmp_path / "logits.parquet", cache, texts, {}, texts[:50])
    file = read_logits_file(tmp_path / "logits.parquet", LABELS)
    found = file.of(texts).hidden
    assert found is not None
    assert found.shape == (60, 16)
    assert file.about["hidden"] == "16 principal components, 100.0% of the variance"
    # Distances are kept, of texts that the axes were not fitted on as well.
    before, after = (np.linalg.norm(np.diff(array.astype(np.float32), axis=0), axis=1) for array in (plane, found))
    np.testing.assert_allclose(after, before, rtol=2e-2)
