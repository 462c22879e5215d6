"""Word vectors from a teacher: from a study to the inputs of its trials, kept in the storage, refused in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.encoding import spelt
from distune.models.teacher import word_states
from distune.models.teacher.teacher import load_teacher
from distune.models.vectors.config import TeacherVectorsConfig
from distune.models.vectors.from_states import vectors_of_states
from distune.tuning.checks import check
from distune.tuning.search.preparation import Prepared
from distune.tuning.search.single import run_single
from distune.tuning.study.file import Study
from tests.conftest import prepared_study

CONTEXT = {"kind": "teacher", "dimension": 8, "source": "in_context"}
TEACHER = {"kind": "teacher", "dimension": 8}


@pytest.fixture
def document(document: dict[str, Any]) -> dict[str, Any]:
    document["trial"]["vectors"] = dict(TEACHER)
    return document


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts of each time that an encoder is asked."""
    calls: list[list[str]] = []
    ask = word_states.mean_states

    def noting(teacher: Any, texts: Any, *others: Any) -> Any:
        calls.append(list(texts))
        return ask(teacher, texts, *others)

    monkeypatch.setattr("distune.models.teacher.word_states.mean_states", noting)
    return calls


def only_inputs(prepared: Prepared) -> Any:
    return next(iter(prepared.inputs.values()))


def test_each_word_of_the_vocabulary_has_what_the_teacher_makes_of_it(document: dict[str, Any]) -> None:
    inputs = only_inputs(prepared_study(document))
    teacher = load_teacher(document["teacher"]["checkpoint"], 32)
    words = inputs.vocabulary[2:]
    states = word_states.states_alone(teacher, words)
    expected = vectors_of_states(states, TeacherVectorsConfig(kind="teacher", dimension=8), np.zeros(len(states)))
    known = np.isfinite(expected).all(axis=1)
    assert known.mean() > 0.9
    np.testing.assert_allclose(inputs.data.vectors[2:][known], expected[known], atol=1e-4)
    assert not inputs.data.vectors[0].any()


def test_an_encoder_reads_words_in_train_and_transfer_texts_alone(
    document: dict[str, Any], asked: list[list[str]]
) -> None:
    document["trial"]["vectors"] = {**CONTEXT, "occurrences": 1000}
    corpus = prepared_study(document).corpus
    assert set(asked[0]) == {spelt(text) for text in (*corpus.train.texts, *corpus.transfer.texts)}
    held_out = {spelt(text) for text in (*corpus.dev.texts, *corpus.test.texts)}
    assert held_out
    assert not held_out & {text for texts in asked for text in texts}


def test_a_word_in_context_has_the_mean_over_its_occurrences(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = {"kind": "characters", "min_count": 1, "max_ngram": 2}
    document["trial"]["vectors"] = {**CONTEXT, "occurrences": 1000}
    prepared = prepared_study(document)
    inputs, corpus = only_inputs(prepared), prepared.corpus
    texts = [spelt(text) for text in (*corpus.train.texts, *corpus.transfer.texts)]
    teacher = load_teacher(document["teacher"]["checkpoint"], 32)
    states = np.full((len(inputs.vocabulary), 16), np.nan, dtype=np.float32)
    for number, word in enumerate(inputs.vocabulary[2:], start=2):
        signs = word.replace(" ", "")
        found = [(text, at.start()) for text in texts for at in re.finditer(f"(?={re.escape(signs)})", text)]
        places = [[(0, start, start + len(signs))] for _, start in found]
        states[number] = word_states.mean_states(teacher, [text for text, _ in found], places, 1)[0]
    expected = vectors_of_states(states, TeacherVectorsConfig(kind="teacher", dimension=8), np.zeros(len(states)))
    assert np.isfinite(expected[2:]).all()
    np.testing.assert_allclose(inputs.data.vectors[2:], expected[2:], atol=1e-3)


def test_pieces_of_wordpiece_are_read_alone_without_their_mark(
    document: dict[str, Any], asked: list[list[str]]
) -> None:
    document["trial"]["tokens"] = {"kind": "wordpiece", "min_count": 1}
    inputs = only_inputs(prepared_study(document))
    continued = [piece for piece in inputs.vocabulary if piece.startswith("##")]
    assert continued
    assert not any(text.startswith("##") for text in asked[0])
    at = [inputs.vocabulary.index(piece) for piece in (continued[0], continued[0][2:])]
    np.testing.assert_array_equal(*inputs.data.vectors[at])


def test_one_trial_runs_from_the_teachers_vectors(document: dict[str, Any], said: list[str]) -> None:
    document["trial"]["vectors"] = [dict(CONTEXT), {"kind": "random", "dimension": 8}]
    result = run_single(Study(document))
    assert result.best_epoch >= 1
    assert any("teacher vectors of dimension 8 for" in line for line in said)


def test_words_that_are_read_in_no_text_are_read_alone(document: dict[str, Any], said: list[str]) -> None:
    document["teacher"]["max_length"] = 4  # Two characters of each text.
    document["trial"]["vectors"] = dict(CONTEXT)
    prepared_study(document)
    end = "alone, as the encoder reads them in no text"
    (note,) = [line for line in said if line.endswith(end)]
    said.clear()
    prepared_study(document)
    assert note in said
    document["teacher"]["max_length"] = 32
    said.clear()
    prepared_study(document)
    assert not any(line.endswith(end) for line in said)


@pytest.mark.parametrize("change", ["occurrences", "source", "texts", "tokens"])
def test_states_in_context_are_of_their_texts_tokens_and_number(
    document: dict[str, Any], asked: list[list[str]], change: str
) -> None:
    document["trial"]["vectors"] = {**CONTEXT, "occurrences": 2}
    prepared_study(document)
    prepared_study(document)
    assert len(asked) == 1
    if change == "occurrences":
        document["trial"]["vectors"]["occurrences"] = 3
    elif change == "source":
        document["trial"]["vectors"] = dict(TEACHER)
    elif change == "texts":
        document["corpus"]["transfer"] = 50
    else:
        document["trial"]["tokens"] = {"kind": "characters", "min_count": 1}
    prepared_study(document)
    assert len(asked) == 2


def test_an_encoder_reads_no_word_that_only_dev_or_test_have(document: dict[str, Any], asked: list[list[str]]) -> None:
    prepared = prepared_study(document)
    segment, corpus = only_inputs(prepared).encoder.segment, prepared.corpus
    seen = {token for split in (corpus.train, corpus.transfer) for text in split.texts for token in segment(text)}
    held_out = {token for split in (corpus.dev, corpus.test) for text in split.texts for token in segment(text)}
    assert held_out - seen
    assert len(asked) == 1
    assert set(asked[0]) == seen


def test_states_are_computed_once_for_all_dimensions_and_later_searches(
    document: dict[str, Any], asked: list[list[str]], said: list[str]
) -> None:
    document["trial"]["vectors"] = [
        {**TEACHER, "dimension": {"choice": [8, 4]}, "reduce_to": {"choice": [None, 2]}},
        {"kind": "random", "dimension": 3},
    ]
    widths = sorted(one.data.vectors.shape[1] for one in prepared_study(document).inputs.values())
    assert widths == [2, 2, 3, 4, 8]
    assert len(asked) == 1
    again = prepared_study(document)
    assert len(asked) == 1
    assert any("the encoder is not run" in line for line in said)
    document["trial"]["vectors"] = {**TEACHER, "layer": 1}
    other = only_inputs(prepared_study(document)).data.vectors
    assert len(asked) == 2
    eight = next(one.data.vectors for one in again.inputs.values() if one.data.vectors.shape[1] == 8)
    assert np.abs(eight - other).max() > 0.01


def test_another_teacher_has_other_states(
    document: dict[str, Any], asked: list[list[str]], save_teacher: Callable[..., Path]
) -> None:
    first = only_inputs(prepared_study(document)).data.vectors
    document["teacher"]["checkpoint"] = str(save_teacher(seed=5))
    other = only_inputs(prepared_study(document)).data.vectors
    assert len(asked) == 2
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("damage", ["cut", "no states", "no account"])
def test_kept_states_that_are_damaged_are_computed_again(
    document: dict[str, Any], asked: list[list[str]], damage: str
) -> None:
    first = only_inputs(prepared_study(document)).data.vectors
    (folder,) = (Path(document["storage"]) / "vectors").iterdir()
    states, about = folder / "states.npy", folder / "about.json"
    if damage == "cut":
        states.write_bytes(states.read_bytes()[:-4])
    else:
        (states if damage == "no states" else about).unlink()
    np.testing.assert_array_equal(only_inputs(prepared_study(document)).data.vectors, first)
    assert len(asked) == 2
    prepared_study(document)
    assert len(asked) == 2


def test_a_teacher_that_is_fine_tuned_here_has_two_encoders(document: dict[str, Any]) -> None:
    document["teacher"] |= {"epochs": 1, "learning_rate": 0.01}
    tuned = only_inputs(prepared_study(document)).data.vectors
    document["trial"]["vectors"]["encoder"] = "pretrained"
    before = only_inputs(prepared_study(document))
    assert np.abs(tuned - before.data.vectors).max() > 0.01
    states = word_states.states_alone(load_teacher(document["teacher"]["checkpoint"], 32), before.vocabulary[2:])
    expected = vectors_of_states(states, TeacherVectorsConfig(kind="teacher", dimension=8), np.zeros(len(states)))
    known = np.isfinite(expected).all(axis=1)
    np.testing.assert_allclose(before.data.vectors[2:][known], expected[known], atol=1e-4)


def test_a_teacher_that_is_gone_is_trained_again_for_its_vectors(document: dict[str, Any], said: list[str]) -> None:
    document["teacher"] |= {"epochs": 1}
    document["trial"]["vectors"] = {"kind": "random", "dimension": 8}
    prepared = prepared_study(document)
    prepared.teachers.places[0].trained.delete()
    said.clear()
    document["trial"]["vectors"] = dict(TEACHER)
    assert only_inputs(prepared_study(document)).data.vectors.shape[1] == 8
    assert any("training on 20 labelled texts" in line for line in said)


def test_the_first_teacher_with_an_encoder_gives_them_and_check_says_which(
    document: dict[str, Any], write_logits: Callable[..., Path]
) -> None:
    more = dict(document["teacher"])
    texts = prepared_study(document).corpus.texts()
    logits = np.random.default_rng(0).normal(size=(len(texts), 2))
    document["teacher"] = {"logits": str(write_logits(texts, logits))}
    document["more_teachers"] = [more]
    assert "trial.vectors: kind teacher takes them from more_teachers.0" in check(Study(document))
    assert only_inputs(prepared_study(document)).data.vectors.shape[1] == 8
