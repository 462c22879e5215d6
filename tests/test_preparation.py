from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tuning.material
import tuning.preparation
import tuning.sources
from corpora.augment import MASK
from corpora.corpus import load_corpus
from corpora.teacher_logits import has_cache
from corpora.texts import CorpusError
from models.fitting import ModelError
from models.teacher import load_teacher, teacher_logits, tokenizer_pieces
from tuning.faults import StudyError
from tuning.inputs import inputs_key
from tuning.points import middle
from tuning.preparation import prepare
from tuning.session import check
from tuning.study import Study, load_study, parse_study
from tuning.teachers import Teachers, locate
from tuning.teaching import logits_for, timing_teachers
from tuning.trial import TrialConfig

ROOT = Path(__file__).resolve().parent.parent


def silent(line: str) -> None:
    pass


@pytest.fixture
def study(document: dict[str, Any]) -> Study:
    return parse_study(document)


def test_vocabulary_and_vectors_never_see_dev_or_test_texts(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    build = tuning.material.build_vectors
    monkeypatch.setattr("tuning.material.build_vectors", lambda *a: seen.append(a[2]) or build(*a))
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
    assert len(texts) == len(inputs.data.train) == len(inputs.data.labels) == inputs.data.teacher_logits.shape[1]
    assert [row.tolist() for row in inputs.data.train] == [inputs.encoder(text) for text in texts]
    assert [row.tolist() for row in inputs.data.dev] == [inputs.encoder(text) for text in corpus.dev.texts]
    teacher = load_teacher(str(study.config.teacher.checkpoint), 32)
    np.testing.assert_allclose(inputs.data.teacher_logits[0], teacher_logits(teacher, texts), atol=1e-5)
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
    np.testing.assert_array_equal(first.teachers.of(texts), second.teachers.of(texts))


def test_the_cache_keeps_the_type_that_the_study_asks_for(document: dict[str, Any]) -> None:
    document["teacher"]["logits_dtype"] = "float16"
    assert [shard.values.dtype for shard in prepare(parse_study(document), silent).teachers.caches[0].shards] == [
        np.float16
    ]


def test_one_cache_serves_every_number_of_labels(document: dict[str, Any]) -> None:
    prepare(parse_study(document), silent)
    document["corpus"]["labelled"] = 50
    study = parse_study(document)
    (place,) = locate(study.config, load_corpus(study.config.corpus))
    assert has_cache(place.cache_root, place.key)


def test_other_weights_or_another_length_are_another_teacher(
    document: dict[str, Any], tmp_path: Path, save_teacher: Any
) -> None:
    def fingerprint() -> str:
        study = parse_study(document)
        return locate(study.config, load_corpus(study.config.corpus))[0].key.teacher

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
    (place,) = locate(study.config, corpus)
    said: list[str] = []
    logits = logits_for(study.config, corpus, [place], said.append)
    assert any(line.startswith("teacher: training on 20 labelled texts") for line in said)
    place.key.folder(place.cache_root).delete()
    said.clear()
    again = logits_for(study.config, corpus, [place], said.append)
    assert not any("training" in line for line in said)
    np.testing.assert_array_equal(again.of(corpus.texts()), logits.of(corpus.texts()))
    said.clear()
    logits_for(study.config, corpus, [place], said.append, rebuild=True)
    assert any("training" in line for line in said)


def test_a_text_of_dev_or_test_never_reaches_pretraining(document: dict[str, Any], tmp_path: Path) -> None:
    """A teacher from scratch knows the characters it was pretrained on: one that stands in held-out texts alone it does not."""
    rows = [f"{'好' if i % 2 else '差'}书{i},{i % 2}" for i in range(40)]
    (tmp_path / "corpus.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "dev.csv").write_text("text,label\n好甲,1\n差甲,0\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("text,label\n好乙,1\n差乙,0\n", encoding="utf-8")
    (tmp_path / "more.csv").write_text("text\n好 甲\n差乙\n好丙\n", encoding="utf-8")
    document["corpus"] = {"source": str(tmp_path / "corpus.csv"), "labelled": 10}
    document["corpus"] |= {split: str(tmp_path / f"{split}.csv") for split in ("dev", "test")}
    document["teacher_data"] = {"unlabelled": [{"path": str(tmp_path / "more.csv")}]}
    scratch = {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1}
    document["teacher"] = {"from_scratch": scratch, "pretrain": {"epochs": 1}, "epochs": 1, "max_length": 16}
    study = parse_study(document)
    corpus = load_corpus(study.config.corpus)
    said: list[str] = []
    (place,) = locate(study.config, corpus)
    logits_for(study.config, corpus, [place], said.append)
    assert "pretraining on 41; 2 rows that stand in dev or test were removed" in said[0]
    with place.trained.to_read() as folder:
        assert set("甲乙丙书") & set(tokenizer_pieces(folder)) == {"丙", "书"}


def test_pretraining_makes_another_teacher_of_another_corpus_and_what_is_not_pretrained_keeps_its_name(
    document: dict[str, Any],
) -> None:
    def teacher(**corpus: Any) -> str:
        study = parse_study({**document, "corpus": {**document["corpus"], **corpus}})
        return locate(study.config, load_corpus(study.config.corpus))[0].key.teacher

    document["teacher"] |= {"epochs": 1}
    plain = teacher()
    document["teacher"] |= {"pretrain": None}
    assert teacher() == plain
    document["teacher"] |= {"pretrain": {"epochs": 1}}
    pretrained = teacher()
    document["teacher"] |= {"pretrain": {"epochs": 1, "mask_probability": 0.3}}
    assert len({plain, pretrained, teacher(), teacher(test_fraction=0.1)}) == 4


def test_the_teacher_of_the_example_has_the_name_that_its_caches_have() -> None:
    study = load_study(ROOT / "examples" / "reviews.yaml")
    settings = study.config.model_copy(update={"teacher": study.config.teacher.model_copy(
        update={"logits": ROOT / "examples" / "reviews-teacher.parquet"})})  # fmt: skip
    assert locate(settings, load_corpus(study.config.corpus))[0].key.teacher == "89f27db5dfb09657"


def test_a_teacher_known_by_its_logits_alone_is_timed_by_a_twin(study: Study) -> None:
    corpus = load_corpus(study.config.corpus)
    places = locate(study.config, corpus)
    teachers = logits_for(study.config, corpus, places, silent)
    (real,) = timing_teachers(teachers, corpus.train.texts)
    alone = replace(places[0], settings=places[0].settings.model_copy(update={"checkpoint": None}))
    (twin,) = timing_teachers(replace(teachers, places=(alone,)), corpus.train.texts)
    assert twin.n_parameters == real.n_parameters
    manifest = replace(teachers.caches[0].manifest, about={})
    unknown = Teachers((alone,), (replace(teachers.caches[0], manifest=manifest),))
    assert timing_teachers(unknown, corpus.train.texts) == []


def test_several_teachers_have_a_cache_each_and_speak_by_their_weights(
    document: dict[str, Any], save_teacher: Any
) -> None:
    first = prepare(parse_study(document), silent)
    document["more_teachers"] = [{"checkpoint": str(save_teacher(seed=5)), "max_length": 32, "weight": 3.0}]
    said: list[str] = []
    both = prepare(parse_study(document), said.append)
    assert sum("from the cache" in line for line in said) == 1  # the first teacher's
    texts = both.corpus.texts()
    each = both.teachers.each(texts)
    np.testing.assert_array_equal(each[0], first.teachers.of(texts))
    np.testing.assert_allclose(both.teachers.of(texts), (each[0] + 3 * each[1]) / 4, atol=1e-6)
    assert both.teachers.key.teacher not in {place.key.teacher for place in both.teachers.places}
    data = next(iter(both.inputs.values())).data
    assert data.teacher_logits.shape[0] == len(data.teacher_weights) == 2
    assert both.teachers.about["description"].startswith("2 teachers: ")


def test_hidden_states_are_cached_and_travel_to_the_trials(document: dict[str, Any]) -> None:
    document["teacher"]["hidden_states"] = ["pooled", 1]
    prepared = prepare(parse_study(document), silent)
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
        check(parse_study(document))
    texts = load_corpus(parse_study(document).config.corpus).texts()
    document["teacher"] = {"logits": str(write_logits(texts, np.zeros((len(texts), 2))))}
    with pytest.raises(StudyError, match=r"logits.csv has no column hidden"):
        check(parse_study(document))


def augmented_document(document: dict[str, Any]) -> dict[str, Any]:
    document["trial"]["augment"] = {"n_iter": {"between": [0, 2]}, "p_mask": 0.5}
    return document


def test_augmented_texts_carry_the_teachers_logits_and_never_a_label(document: dict[str, Any]) -> None:
    prepared = prepare(parse_study(augmented_document(document)), silent)
    corpus = prepared.corpus
    ((key, inputs),) = prepared.inputs.items()
    data, n = inputs.data, len(corpus.train) + len(corpus.transfer)
    assert sorted(set(data.iterations.tolist())) == [0, 1, 2]
    assert (data.iterations[:n] == 0).all()
    assert len(data.train) == len(data.labels) == data.teacher_logits.shape[1] > 1.5 * n
    assert (data.labels[n:] == -1).all()
    assert (np.abs(data.teacher_logits[:, n:]).sum(axis=(0, 2)) > 0).all()
    for n_iter in (0, 1, 2):  # one corpus serves them all
        config = {**middle(prepared.study.space), "augment": {"n_iter": n_iter, "p_mask": 0.5}}
        assert inputs_key(TrialConfig.model_validate(config)) == key


def test_only_train_and_transfer_texts_are_augmented(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = tuning.preparation.augment
    monkeypatch.setattr("tuning.preparation.augment", lambda *arguments: seen.append(arguments) or real(*arguments))
    corpus = prepare(parse_study(augmented_document(document)), silent).corpus
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
        real = getattr(tuning.material, name)

        def counted(*arguments: Any, real: Any = real, name: str = name) -> Any:
            calls[name] += 1
            return real(*arguments)

        monkeypatch.setattr(f"tuning.material.{name}", counted)
    prepared = prepare(parse_study(document), silent)
    assert calls == {"tokenize": 1, "build_vectors": 2}
    assert sorted(inputs.data.vectors.shape[1] for inputs in prepared.inputs.values()) == [2, 4, 8, 8]


def test_a_teacher_reads_its_own_mask_token_in_augmented_texts(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = tuning.sources.ask_teacher
    monkeypatch.setattr(tuning.sources, "ask_teacher", lambda t, texts, s: asked.extend(texts) or real(t, texts, s))
    prepared = prepare(parse_study(augmented_document(document)), silent)
    assert any("[MASK]" in text for text in asked)
    assert not any(MASK in text for text in asked)
    assert MASK not in next(iter(prepared.inputs.values())).vocabulary


def test_augmented_texts_are_made_once(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    study = parse_study(augmented_document(document))
    first = prepare(study, silent)
    monkeypatch.setattr("tuning.preparation.augment", lambda *arguments: pytest.fail("augmented again"))
    monkeypatch.setattr("tuning.sources.load_teacher", lambda *arguments: pytest.fail("asked again"))
    second = prepare(study, silent)
    one, two = (next(iter(p.inputs.values())).data for p in (first, second))
    np.testing.assert_array_equal(one.teacher_logits, two.teacher_logits)


def test_a_logits_file_that_knows_the_corpus_only_cannot_serve_augmented_texts(
    document: dict[str, Any], write_logits: Any
) -> None:
    texts = load_corpus(parse_study(document).config.corpus).texts()
    document["teacher"] = {"logits": str(write_logits(texts, np.zeros((len(texts), 2))))}
    with pytest.raises(StudyError, match=r"augment.n_iter: needs a teacher that can be asked, but .*logits.csv knows"):
        check(parse_study(augmented_document(document)))


def test_word_pieces_are_taken_from_the_teacher(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = {"kind": "wordpiece", "min_count": 1}
    (inputs,) = prepare(parse_study(document), silent).inputs.values()
    pieces = set(tokenizer_pieces(document["teacher"]["checkpoint"]))
    assert {"好", "差"} < set(inputs.vocabulary) <= pieces


def test_word_pieces_are_checked_before_anything_starts(document: dict[str, Any], write_logits: Any) -> None:
    document["trial"]["tokens"] = {"kind": "wordpiece", "min_count": 1}
    assert check(parse_study(document)).startswith("no fault")
    document["trial"]["tokens"]["checkpoint"] = f"{document['storage']}/nowhere"
    with pytest.raises(ModelError, match=r"the tokenizer of .*nowhere cannot be loaded"):
        check(parse_study(document))
    del document["trial"]["tokens"]["checkpoint"]
    texts = load_corpus(parse_study(document).config.corpus).texts()
    document["teacher"] = {"logits": str(write_logits(texts, np.zeros((len(texts), 2))))}
    with pytest.raises(
        StudyError, match=r"kind wordpiece needs a tokenizer, and a teacher that is a file of logits has"
    ):
        check(parse_study(document))


def test_a_user_dictionary_is_checked_before_anything_starts(document: dict[str, Any]) -> None:
    document["trial"]["tokens"] = {"kind": "words", "dictionary": "none.txt"}
    with pytest.raises(CorpusError, match=r"tokens.dictionary: cannot read none.txt"):
        check(parse_study(document))
