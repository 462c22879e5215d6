from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpora.corpus import load_corpus
from corpora.teacher_logits import has_cache
from models.teacher import load_teacher, teacher_logits
from tuning.preparation import prepare
from tuning.study import Study, parse_study
from tuning.teaching import describe, locate, logits_for, obtain_teacher, timing_teacher
from tuning.trial import TrialConfig, rows_of


def silent(line: str) -> None:
    pass


@pytest.fixture
def study(document: dict[str, Any]) -> Study:
    return parse_study(document)


def test_vocabulary_and_vectors_never_see_dev_or_test_texts(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    import tuning.preparation

    build = tuning.preparation.build_vectors
    monkeypatch.setattr("tuning.preparation.build_vectors", lambda *a: seen.append(a[2]) or build(*a))
    prepared = prepare(study, silent)
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


def test_rows_labels_and_logits_belong_together(study: Study) -> None:
    prepared = prepare(study, silent)
    corpus, inputs = prepared.corpus, next(iter(prepared.inputs.values()))
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    assert len(texts) == len(inputs.data.train) == len(inputs.data.labels) == len(inputs.data.teacher_logits)
    assert [row.tolist() for row in rows_of(inputs.data.train)] == [inputs.encoder(text) for text in texts]
    assert [row.tolist() for row in rows_of(inputs.data.dev)] == [inputs.encoder(text) for text in corpus.dev.texts]
    teacher = load_teacher(str(study.config.teacher.checkpoint), 32)
    np.testing.assert_allclose(inputs.data.teacher_logits, teacher_logits(teacher, texts), atol=1e-5)
    assert (inputs.data.labels >= 0).sum() == 20


def test_each_kind_of_tokens_and_vectors_is_prepared_once(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = [{"kind": "words", "max_tokens": {"choice": [4, 8]}}, {"kind": "characters"}]
    prepared = prepare(parse_study(document), silent)
    assert len(prepared.inputs) == 3
    config = TrialConfig.model_validate({
        "tokens": {"kind": "words", "max_tokens": 4}, "vectors": {"kind": "random", "dimension": 8},
        "student": {"kind": "average"},
    })  # fmt: skip
    assert max(prepared.of(config).data.train.lengths) == 4


def test_a_second_search_finds_the_cache(study: Study) -> None:
    said: list[str] = []
    first = prepare(study, said.append)
    assert not any("from the cache" in line for line in said)
    second = prepare(study, said.append)
    assert any("from the cache" in line and "the teacher is not run" in line for line in said)
    texts = first.corpus.texts()
    np.testing.assert_array_equal(first.logits.of(texts), second.logits.of(texts))


def test_the_cache_keeps_the_type_that_the_study_asks_for(document: dict[str, Any]) -> None:
    document["teacher"]["logits_dtype"] = "float16"
    assert [shard.dtype for shard in prepare(parse_study(document), silent).logits.shards] == [np.float16]


def test_one_cache_serves_every_number_of_labels(document: dict[str, Any]) -> None:
    prepare(parse_study(document), silent)
    document["corpus"]["labelled"] = 50
    study = parse_study(document)
    place = locate(study.config, load_corpus(study.config.corpus))
    assert has_cache(place.cache_root, place.key)


def test_other_weights_or_another_length_are_another_teacher(
    document: dict[str, Any], tmp_path: Path, save_teacher: Any
) -> None:
    def fingerprint() -> str:
        study = parse_study(document)
        return locate(study.config, load_corpus(study.config.corpus)).key.teacher

    copy = tmp_path / "teacher"
    shutil.copytree(document["teacher"]["checkpoint"], copy)
    document["teacher"]["checkpoint"] = str(copy)
    first = fingerprint()
    assert fingerprint() == first
    shutil.copyfile(save_teacher(seed=9) / "model.safetensors", copy / "model.safetensors")
    retrained = fingerprint()
    document["teacher"]["max_length"] = 16
    assert len({first, retrained, fingerprint()}) == 3


def test_a_trained_teacher_is_kept_and_not_trained_again(document: dict[str, Any]) -> None:
    document["teacher"] = {
        "from_scratch": {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1}, "epochs": 1, "max_length": 16,
    }  # fmt: skip
    study = parse_study(document)
    corpus = load_corpus(study.config.corpus)
    place = locate(study.config, corpus)
    said: list[str] = []
    logits = logits_for(study.config, corpus, place, said.append)
    assert any(line.startswith("teacher: training on 20 labelled texts") for line in said)
    shutil.rmtree(place.key.folder(place.cache_root))
    said.clear()
    again = logits_for(study.config, corpus, place, said.append)
    assert not any("training" in line for line in said)
    np.testing.assert_array_equal(again.of(corpus.texts()), logits.of(corpus.texts()))
    said.clear()
    logits_for(study.config, corpus, place, said.append, rebuild=True)
    assert any("training" in line for line in said)


def test_a_teacher_known_by_its_logits_alone_is_timed_by_a_twin(study: Study, document: dict[str, Any]) -> None:
    corpus = load_corpus(study.config.corpus)
    place = locate(study.config, corpus)
    teacher = obtain_teacher(study.config, corpus, place, silent)
    about = describe(study.config, corpus, teacher)
    alone = study.config.model_copy(
        update={"teacher": study.config.teacher.model_copy(update={"checkpoint": None, "logits": Path("x.csv")})}
    )
    twin = timing_teacher(alone, about, place, corpus.train.texts)
    assert twin is not None
    assert twin.n_parameters == teacher.n_parameters
    assert timing_teacher(alone, {}, place, corpus.train.texts) is None
