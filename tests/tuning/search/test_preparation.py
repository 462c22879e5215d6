from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distune.models.teacher.teacher
import distune.tuning.search.preparation
import distune.tuning.trial.inputs
from distune.corpora.augment import MASK
from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.models.errors import ModelError
from distune.models.teacher.teacher import load_teacher, teacher_logits
from distune.models.teacher.tokenizing import tokenizer_pieces
from distune.tuning.checks import check
from distune.tuning.search.reading import read_study
from distune.tuning.search.warm_start import earlier_folder
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.points import midpoint
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import inputs_key
from tests.conftest import prepared_study


def test_vocabulary_and_vectors_never_see_dev_or_test_texts(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    build = distune.tuning.trial.inputs.build_vectors
    monkeypatch.setattr("distune.tuning.trial.inputs.build_vectors", lambda *a: seen.append(a[2]) or build(*a))
    prepared = prepared_study(study)
    corpus = prepared.corpus
    inputs = next(iter(prepared.inputs.values()))
    train = [inputs.encoder.segment(text) for text in (*corpus.train.texts, *corpus.transfer.texts)]
    held_out = {
        token for split in (corpus.dev, corpus.test) for text in split.texts for token in inputs.encoder.segment(text)
    }
    known = {token for tokens in train for token in tokens}
    assert held_out - known
    assert not set(inputs.vocabulary) & (held_out - known)
    assert [list(sentences) for sentences in seen] == [train]


def test_rows_labels_and_logits_belong_together(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    # A CPU that computes bf16 answers in it: other digits on another machine.
    monkeypatch.setattr("distune.models.teacher.teacher.has_fast_bf16", lambda device: False)
    prepared = prepared_study(study)
    corpus, inputs = prepared.corpus, next(iter(prepared.inputs.values()))
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    assert len(texts) == len(inputs.data.train) == len(inputs.data.labels) == inputs.data.teacher_logits.shape[1]
    assert [row.tolist() for row in inputs.data.train] == [inputs.encoder(text) for text in texts]
    assert [row.tolist() for row in inputs.data.dev] == [inputs.encoder(text) for text in corpus.dev.texts]
    teacher = load_teacher(str(study.config.teacher.checkpoint), 32)
    expected = teacher_logits(teacher, texts)
    assert expected.std(axis=0).min() > 0.3
    np.testing.assert_allclose(inputs.data.teacher_logits[0], expected, atol=1e-4)
    assert (inputs.data.labels >= 0).sum() == 20


def test_each_kind_of_tokens_and_vectors_is_prepared_once(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = [{"kind": "words", "max_tokens": {"choice": [4, 8]}}, {"kind": "characters"}]
    prepared = prepared_study(document)
    assert len(prepared.inputs) == 3
    config = TrialConfig.model_validate(
        {
            "tokens": {"kind": "words", "max_tokens": 4},
            "vectors": {"kind": "random", "dimension": 8},
            "student": {"kind": "average"},
        }
    )
    assert max(prepared.of(config).data.train.lengths) == 4


def test_hidden_states_are_cached_and_travel_to_the_trials(document: dict[str, Any]) -> None:
    document["teacher"]["hidden_states"] = ["pooled", 1]
    prepared = prepared_study(document)
    data = next(iter(prepared.inputs.values())).data
    assert data.teacher_hidden.shape == (len(data.train), 32)
    assert np.abs(data.teacher_hidden).max() > 0


def test_hidden_states_that_no_teacher_gives_are_refused_before_anything_starts(
    document: dict[str, Any], write_logits: Any
) -> None:
    document["trial"]["loss"]["hidden_weight"] = {"between": [0, 1]}
    with pytest.raises(
        StudyError, match=r"hidden_weight: needs the teacher's hidden states; set teacher.hidden_states"
    ):
        check(Study(document))
    texts = load_corpus(Study(document).config.corpus).texts()
    document["teacher"] = {"logits": str(write_logits(texts, np.eye(2)[np.arange(len(texts)) % 2]))}
    with pytest.raises(StudyError, match=r"logits.csv has no column hidden"):
        check(Study(document))


def augmented_document(document: dict[str, Any]) -> dict[str, Any]:
    document["trial"]["augment"] = {"n_iter": {"between": [0, 2]}, "p_mask": 0.5}
    return document


def test_augmented_texts_carry_the_teachers_logits_and_never_a_label(document: dict[str, Any]) -> None:
    prepared = prepared_study(augmented_document(document))
    corpus = prepared.corpus
    ((key, inputs),) = prepared.inputs.items()
    data, n = inputs.data, len(corpus.train) + len(corpus.transfer)
    assert sorted(set(data.iterations.tolist())) == [0, 1, 2]
    assert (data.iterations[:n] == 0).all()
    assert len(data.train) == len(data.labels) == data.teacher_logits.shape[1] > 1.5 * n
    assert (data.labels[n:] == -1).all()
    assert (np.abs(data.teacher_logits[:, n:]).sum(axis=(0, 2)) > 0).all()
    for n_iter in (0, 1, 2):  # one corpus serves them all
        config = {**midpoint(prepared.study.space), "augment": {"n_iter": n_iter, "p_mask": 0.5}}
        assert inputs_key(TrialConfig.model_validate(config)) == key


def test_only_train_and_transfer_texts_are_augmented(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = distune.tuning.search.preparation.augment
    monkeypatch.setattr(
        "distune.tuning.search.preparation.augment", lambda *arguments: seen.append(arguments) or real(*arguments)
    )
    corpus = prepared_study(augmented_document(document)).corpus
    ((config, texts, held_out),) = seen
    assert config.n_iter == 2
    assert set(texts) == {*corpus.train.texts, *corpus.transfer.texts}
    assert set(held_out) == {*corpus.dev.texts, *corpus.test.texts}


def test_texts_are_read_once_for_each_kind_of_tokens_and_vectors_trained_once_for_each_reduction(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    document["trial"]["vectors"] = [
        {"kind": "random", "dimension": 8, "reduce_to": {"choice": [None, 2, 4]}},
        {"kind": "word2vec", "dimension": 8, "epochs": 1},
    ]
    calls: dict[str, int] = {"tokenize": 0, "build_vectors": 0}
    for name in calls:
        real = getattr(distune.tuning.trial.inputs, name)

        def counted(*arguments: Any, real: Any = real, name: str = name) -> Any:
            calls[name] += 1
            return real(*arguments)

        monkeypatch.setattr(f"distune.tuning.trial.inputs.{name}", counted)
    prepared = prepared_study(document)
    assert calls == {"tokenize": 1, "build_vectors": 2}
    assert sorted(inputs.data.vectors.shape[1] for inputs in prepared.inputs.values()) == [2, 4, 8, 8]


def test_a_teacher_reads_its_own_mask_token_in_augmented_texts(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = distune.models.teacher.teacher.ask_teacher
    monkeypatch.setattr(
        distune.models.teacher.teacher,
        "ask_teacher",
        lambda t, texts, *rest, **how: asked.extend(texts) or real(t, texts, *rest, **how),
    )
    prepared = prepared_study(augmented_document(document))
    assert any("[MASK]" in text for text in asked)
    assert not any(MASK in text for text in asked)
    assert MASK not in next(iter(prepared.inputs.values())).vocabulary


def test_augmented_texts_are_made_once(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(augmented_document(document))
    first = prepared_study(study)
    monkeypatch.setattr("distune.tuning.search.preparation.augment", lambda *arguments: pytest.fail("augmented again"))
    monkeypatch.setattr("distune.models.teacher.teacher.load_teacher", lambda *arguments: pytest.fail("asked again"))
    second = prepared_study(study)
    one, two = (next(iter(p.inputs.values())).data for p in (first, second))
    np.testing.assert_array_equal(one.teacher_logits, two.teacher_logits)


def test_a_logits_file_that_knows_the_corpus_only_cannot_serve_augmented_texts(
    document: dict[str, Any], write_logits: Any
) -> None:
    texts = load_corpus(Study(document).config.corpus).texts()
    document["teacher"] = {"logits": str(write_logits(texts, np.eye(2)[np.arange(len(texts)) % 2]))}
    with pytest.raises(StudyError, match=r"augment.n_iter: needs a teacher that can be asked, but .*logits.csv knows"):
        check(Study(augmented_document(document)))


def test_word_pieces_are_taken_from_the_teacher(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = {"kind": "wordpiece", "min_count": 1}
    (inputs,) = prepared_study(document).inputs.values()
    pieces = set(tokenizer_pieces(document["teacher"]["checkpoint"]))
    assert {"好", "差"} < set(inputs.vocabulary) <= pieces


def test_word_pieces_are_checked_before_anything_starts(document: dict[str, Any], write_logits: Any) -> None:
    document["trial"]["tokens"] = {"kind": "wordpiece", "min_count": 1}
    assert check(Study(document)).startswith("no fault")
    document["trial"]["tokens"]["checkpoint"] = f"{document['storage']}/nowhere"
    with pytest.raises(
        ModelError, match=r"the tokenizer of .*nowhere is no folder here, and from the hub it cannot be loaded"
    ):
        check(Study(document))
    del document["trial"]["tokens"]["checkpoint"]
    texts = load_corpus(Study(document).config.corpus).texts()
    document["teacher"] = {"logits": str(write_logits(texts, np.eye(2)[np.arange(len(texts)) % 2]))}
    with pytest.raises(
        StudyError, match=r"kind wordpiece needs a tokenizer, and a teacher that is a file of logits has"
    ):
        check(Study(document))


def test_a_user_dictionary_is_checked_before_anything_starts(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = {"kind": "words", "dictionary": "none.txt"}
    with pytest.raises(CorpusError, match=r"tokens.dictionary: cannot read none.txt"):
        check(Study(document))


def test_a_search_is_bound_to_labels_as_well_as_texts(document: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "corpus.csv"
    source.write_bytes(Path(document["corpus"]["source"]).read_bytes())
    document["corpus"] = {"source": str(source), "dev_fraction": 0.2, "test_fraction": 0.2}
    first = prepared_study(document)
    (folder := new_folder(first.study)).claim(first.fingerprints)
    warm = Study({**document, "name": "later", "search": {**document["search"], "warm_start": "tiny"}})
    assert earlier_folder(warm.config, first.corpus) == folder
    for part, named in (("dev", "answers"), ("test", "answers"), ("train", "train")):
        text = first.corpus.splits[part].texts[0]
        rows = source.read_text(encoding="utf-8")
        label = rows.partition(f'"{text}",')[2][0]
        source.write_text(rows.replace(f'"{text}",{label}', f'"{text}",{1 - int(label)}'), encoding="utf-8")
        corrected = prepared_study(document)
        changed = {name for name, one in first.fingerprints.items() if corrected.fingerprints[name] != one}
        assert changed == {named}
        with pytest.raises(StudyError, match=r"--resume: the labels of (dev or test|train) have changed"):
            folder.claim(corrected.fingerprints)
        if named == "answers":
            with pytest.raises(
                StudyError,
                match=r"warm_start: tiny was searched with other labels of dev or test .* leave warm_start out",
            ):
                read_study(warm)
        source.write_text(rows, encoding="utf-8")
    assert prepared_study(document).fingerprints == first.fingerprints


def test_a_file_of_word_vectors_is_read_before_any_teacher_and_what_it_has_is_said(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    path = tmp_path / "v.txt"
    document["trial"]["vectors"] = {"kind": "file", "path": str(path), "dimension": 2}
    path.write_text("9 2\n好 1 2\n的 3 4\n", encoding="utf-8")
    note = "its header says 9 rows, but it has 2; all of them are read"
    assert f"  {path}: {note}" in check(Study(document)).splitlines()
    prepared_study(document)
    assert f"file vectors: {note}" in said
    path.write_text("9 2\n好 1 2\n的 3", encoding="utf-8")
    monkeypatch.setattr("distune.tuning.search.preparation.logits_for", lambda *a: pytest.fail("a teacher was asked"))
    with pytest.raises(ModelError, match="was cut off: its last line has 1 number instead of 2"):
        prepared_study(document)


def test_what_leaves_a_student_without_a_known_word_is_refused_before_any_teacher(
    document: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "v.txt"
    path.write_text("2 2\nthe 1 2\nof 3 4\n", encoding="utf-8")
    english = {**document["trial"], "vectors": {"kind": "file", "path": str(path), "dimension": 2}}
    message = re.escape(f"{path} has no vector for any of the words of the first 1,000 texts")
    with pytest.raises(ModelError, match=message):
        check(Study({**document, "trial": english}))
    frequent = {**document["trial"], "tokens": {"kind": "words", "min_count": 5000}}
    with pytest.raises(CorpusError, match=r"but got min_count=5000; the most frequent occurs \d+ times"):
        check(Study({**document, "trial": frequent}))
