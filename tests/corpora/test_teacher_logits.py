from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.logits_filling import ShardForm, Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers, TeacherFunction
from distune.corpora.teacher_logits import has_cache
from distune.corpora.texts import CorpusError
from tests.making.teachers import KEY, TEXTS, THREE_ROWS, answer, answer_with_hidden, fill, folder, opened


def test_logits_are_joined_by_text_and_not_by_row(tmp_path: Path) -> None:
    logits = fill(tmp_path).of(["text 5", "text 0", "text 5"])
    np.testing.assert_array_equal(logits, [[-5, 5], [0, 0], [-5, 5]])


def test_a_text_is_found_whatever_white_space_is_around_it(tmp_path: Path) -> None:
    np.testing.assert_array_equal(fill(tmp_path).of([" text 2\n"]), [[-2, 2]])


def test_a_cache_is_memory_mapped_and_read_only(tmp_path: Path) -> None:
    cache = fill(tmp_path)
    assert [type(shard.values) for shard in cache.shards] == [np.memmap] * 3
    with pytest.raises(ValueError, match="read-only"):
        cache.shards[0].values[0, 0] = 1


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_cache_keeps_its_type_and_answers_in_float32(tmp_path: Path, dtype: str) -> None:
    cache = fill(tmp_path, ShardForm(dtype=dtype))  # type: ignore[arg-type]
    assert cache.shards[0].values.dtype == dtype
    assert cache.of(TEXTS).dtype == np.float32
    np.testing.assert_array_equal(cache.of(["text 3"]), [[-3, 3]])


@pytest.mark.parametrize("scale", [70_000.0, 1500.0])
def test_logits_that_float16_would_change_are_kept_in_float32(tmp_path: Path, scale: float) -> None:
    def large_from_four_on(texts: Sequence[str]) -> TeacherAnswers:
        logits = answer(texts).logits
        return TeacherAnswers(np.where(np.abs(logits) > 3, scale + logits, logits))

    cache = fill(tmp_path, ShardForm(dtype="float16", rows=3), large_from_four_on)
    # All texts are equally long: 0, 1, 2 and 3, 4, 5 and 6 are a shard each.
    assert [str(shard.values.dtype) for shard in cache.shards] == ["float16", "float32", "float32"]
    assert (cache.n_wider, cache.manifest.dtype) == (2, "float16")
    np.testing.assert_array_equal(cache.of(["text 1", "text 5"]), [[-1, 1], [scale - 5, scale + 5]])


def test_shards_in_float32_of_an_interrupted_float16_cache_are_kept(tmp_path: Path) -> None:
    asked: list[str] = []

    def large(texts: Sequence[str]) -> TeacherAnswers:
        asked.extend(texts)
        return TeacherAnswers(70_000 + answer(texts).logits)

    fill(tmp_path, ShardForm(dtype="float16", rows=3), large)
    (folder(tmp_path) / "manifest.json").unlink()
    cache = fill(tmp_path, ShardForm(dtype="float16", rows=3), large)
    assert len(asked) == len(TEXTS)
    np.testing.assert_array_equal(cache.of(["text 5"]), [[69_995, 70_005]])


def test_an_old_cache_with_infinite_logits_is_refused_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.corpora.shards.narrowest", lambda logits: np.full_like(logits, np.inf, np.float16))
    cache = fill(tmp_path, ShardForm(dtype="float16"))
    with pytest.raises(CorpusError, match=r"holds logits that are not finite numbers; `distune cache STUDY --rebuild`"):
        cache.of(TEXTS)


def test_an_unknown_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"lacks 1 of 2 texts of the corpus: 'text 99'$"):
        fill(tmp_path).of(["text 1", "text 99"])


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    def dies_in_the_second_shard(texts: Sequence[str]) -> TeacherAnswers:
        if "text 3" in texts:
            raise KeyboardInterrupt
        return answer(texts)

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, teacher=dies_in_the_second_shard)
    assert not has_cache(Place(str(tmp_path)), KEY)
    with pytest.raises(CorpusError, match="no whole teacher-logits cache"):
        opened(tmp_path)


def test_whole_shards_of_an_interrupted_run_are_not_computed_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def dies_once(texts: Sequence[str]) -> TeacherAnswers:
        asked.extend(texts)
        if "text 3" in texts and asked.count("text 3") == 1:
            raise KeyboardInterrupt
        return answer(texts)

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, teacher=dies_once)
    cache = fill(tmp_path, teacher=dies_once)
    assert [asked.count(text) for text in TEXTS] == [1, 1, 1, 2, 2, 2, 1]
    np.testing.assert_array_equal(cache.of(TEXTS), answer(TEXTS).logits)


def test_hidden_states_are_kept_beside_the_logits_in_float16(tmp_path: Path) -> None:
    cache = fill(tmp_path, teacher=answer_with_hidden)
    assert cache.manifest.hidden_width == 3
    np.testing.assert_array_equal(cache.hidden_of(["text 5", "text 0"]), [[5, 0, -5], [0, 0, 0]])
    assert cache.hidden_of(TEXTS).dtype == np.float16
    np.testing.assert_array_equal(cache.of(["text 5"]), [[-5, 5]])
    with pytest.raises(CorpusError, match="lacks 1 of 1 text of"):
        cache.hidden_of(["text 99"])


def test_a_cache_without_hidden_states_has_them_of_no_width(tmp_path: Path) -> None:
    assert fill(tmp_path).hidden_of(TEXTS).shape == (7, 0)


def test_hidden_states_that_float16_cannot_hold_are_refused(tmp_path: Path) -> None:
    def huge(texts: Sequence[str]) -> TeacherAnswers:
        return TeacherAnswers(answer(texts).logits, np.full((len(texts), 2), 1e6, np.float32))

    with pytest.raises(
        CorpusError, match=r"the teacher's hidden states: numbers must be within ±65504 .* but got 1e\+06"
    ):
        fill(tmp_path, ShardForm(), huge)


@pytest.mark.parametrize(
    ("field", "value"), [("corpus", "corpus-2"), ("teacher", "teacher-2"), ("labels", ["good", "bad"])]
)
def test_a_cache_that_belongs_to_something_else_is_refused(tmp_path: Path, field: str, value: object) -> None:
    fill(tmp_path)
    manifest = folder(tmp_path) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), field: value}))
    with pytest.raises(CorpusError, match=f"belongs to another {field}"):
        opened(tmp_path)


def test_a_cache_whose_corpus_has_a_name_without_end_is_refused_in_a_short_line(tmp_path: Path) -> None:
    fill(tmp_path)
    manifest = folder(tmp_path) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "corpus": "(" * 100_000}))
    with pytest.raises(CorpusError, match="belongs to another corpus") as raised:
        opened(tmp_path)
    assert len(str(raised.value)) < 1000


def test_a_teacher_with_the_wrong_number_of_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"of shape \[7, 2\], one for each of the labels bad, good, but gave \[7, 3\]"
    ):
        fill(tmp_path, ShardForm(), lambda texts: TeacherAnswers(np.zeros((len(texts), 3), np.float32)))


def test_logits_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not finite"):
        fill(tmp_path, ShardForm(), lambda texts: TeacherAnswers(np.full((len(texts), 2), np.nan)))


def test_texts_are_asked_for_longest_first_over_all_shards(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in (1, 22, 3, 4444, 5, 666)]
    asked: list[list[str]] = []

    def notes(part: Sequence[str]) -> TeacherAnswers:
        asked.append(list(part))
        return answer(part)

    cache = fill_cache(Place(str(tmp_path)), KEY, texts, Source(lambda: notes, {}), ShardForm(rows=2))
    assert asked == [["text 4444", "text 666"], ["text 22", "text 1"], ["text 3", "text 5"]]
    np.testing.assert_array_equal(cache.of(texts)[:, 1], [1, 22, 3, 4444, 5, 666])


def test_no_teacher_is_loaded_for_a_cache_whose_shards_are_all_there(tmp_path: Path) -> None:
    fill(tmp_path)
    (folder(tmp_path) / "manifest.json").unlink()

    def never() -> TeacherFunction:
        raise AssertionError("the teacher was loaded")

    cache = fill_cache(Place(str(tmp_path)), KEY, TEXTS, Source(never, {}), THREE_ROWS)
    np.testing.assert_array_equal(cache.of(TEXTS), answer(TEXTS).logits)
