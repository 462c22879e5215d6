"""A study's teachers: by what they are known, where their answers are kept, and how they are timed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from distune.corpora.corpus import load_corpus
from distune.corpora.teacher_logits import has_cache
from distune.models.teacher.tokenizing import tokenizer_pieces
from distune.tuning.study.file import Study, load_study
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for, timing_teachers
from distune.tuning.teachers.teachers import Teachers, assumptions
from tests.conftest import prepared_study

ROOT = Path(__file__).resolve().parents[3]


def test_a_second_search_finds_the_cache(study: Study, said: list[str]) -> None:
    first = prepared_study(study)
    assert not any("from the cache" in line for line in said)
    second = prepared_study(study)
    assert any("from the cache" in line and "the teacher is not run" in line for line in said)
    texts = first.corpus.texts()
    np.testing.assert_array_equal(first.teachers.of(texts), second.teachers.of(texts))


def test_the_cache_keeps_the_type_that_the_study_asks_for(document: dict[str, Any]) -> None:
    document["teacher"]["logits_dtype"] = "float16"
    assert [shard.values.dtype for shard in prepared_study(document).teachers.caches[0].shards] == [np.float16]


def test_one_cache_serves_every_number_of_labels(document: dict[str, Any]) -> None:
    prepared_study(document)
    document["corpus"]["labelled"] = 50
    study = Study(document)
    (place,) = locate(study.config, load_corpus(study.config.corpus))
    assert has_cache(place.cache_root, place.key)


def test_other_weights_or_another_length_are_another_teacher(
    document: dict[str, Any], tmp_path: Path, save_teacher: Any
) -> None:
    def fingerprint() -> str:
        study = Study(document)
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


def test_a_trained_teacher_is_kept_and_not_trained_again(document: dict[str, Any], said: list[str]) -> None:
    document["teacher"] = {
        "from_scratch": {"layers": 1, "hidden_size": 16, "heads": 2, "min_count": 1},
        "epochs": 1,
        "max_length": 16,
    }
    study = Study(document)
    corpus = load_corpus(study.config.corpus)
    (place,) = locate(study.config, corpus)
    logits = logits_for(study.config, corpus, [place])
    assert any(line.startswith("teacher: training on 20 labelled texts") for line in said)
    place.key.folder(place.cache_root).delete()
    said.clear()
    again = logits_for(study.config, corpus, [place])
    assert not any("training" in line for line in said)
    np.testing.assert_array_equal(again.of(corpus.texts()), logits.of(corpus.texts()))
    said.clear()
    logits_for(study.config, corpus, [place], rebuild=True)
    assert any("training" in line for line in said)


def test_a_text_of_dev_or_test_never_reaches_pretraining(
    document: dict[str, Any], tmp_path: Path, said: list[str]
) -> None:
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
    (place,) = prepared_study(document).teachers.places
    (training,) = [line for line in said if "training on" in line]
    assert training.startswith("teacher: pretraining on 41 texts, training on 10 labelled texts")
    (left_out,) = [line for line in said if "left out" in line]
    assert left_out.strip() == "teacher_data: 2 rows of the files left out, as dev or test has the text"
    with place.trained.to_read() as folder:
        assert set("甲乙丙书") & set(tokenizer_pieces(folder)) == {"丙", "书"}


def test_pretraining_makes_another_teacher_of_another_corpus_and_what_is_not_pretrained_keeps_its_name(
    document: dict[str, Any],
) -> None:
    def teacher(**corpus: Any) -> str:
        study = Study({**document, "corpus": {**document["corpus"], **corpus}})
        return locate(study.config, load_corpus(study.config.corpus))[0].key.teacher

    document["teacher"] |= {"epochs": 1}
    plain = teacher()
    document["teacher"] |= {"pretrain": None}
    assert teacher() == plain
    document["teacher"] |= {"pretrain": {"epochs": 1}}
    pretrained = teacher()
    document["teacher"] |= {"pretrain": {"epochs": 1, "mask_probability": 0.3}}
    assert len({plain, pretrained, teacher(), teacher(test_fraction=0.1)}) == 4


def test_a_file_of_logits_is_known_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    study = load_study(ROOT / "examples" / "reviews.yaml")
    corpus = load_corpus(study.config.corpus)
    file = ROOT / "examples" / "reviews-teacher.parquet"
    shutil.copyfile(file, tmp_path / "other.parquet")
    found = set()
    for path in (file, tmp_path / "other.parquet"):
        teacher = study.config.teacher.model_copy(update={"logits": path})
        (place,) = locate(study.config.model_copy(update={"teacher": teacher}), corpus)
        assert assumptions([place]) == []  # Its labels stand in its metadata.
        found.add(place.key.teacher)
    assert len(found) == 1


def test_a_teacher_known_by_its_logits_alone_is_timed_by_a_twin(study: Study) -> None:
    corpus = load_corpus(study.config.corpus)
    places = locate(study.config, corpus)
    teachers = logits_for(study.config, corpus, places)
    (real,) = timing_teachers(teachers, corpus.train.texts)
    alone = replace(places[0], settings=places[0].settings.model_copy(update={"checkpoint": None}))
    (twin,) = timing_teachers(replace(teachers, places=(alone,)), corpus.train.texts)
    assert twin.n_parameters == real.n_parameters
    manifest = replace(teachers.caches[0].manifest, about={})
    unknown = Teachers((alone,), (replace(teachers.caches[0], manifest=manifest),))
    assert timing_teachers(unknown, corpus.train.texts) == []


def test_several_teachers_have_a_cache_each_and_speak_by_their_weights(
    document: dict[str, Any], save_teacher: Any, said: list[str]
) -> None:
    first = prepared_study(document)
    document["more_teachers"] = [{"checkpoint": str(save_teacher(seed=5)), "max_length": 32, "weight": 3.0}]
    said.clear()
    both = prepared_study(document)
    assert sum("from the cache" in line for line in said) == 1  # the first teacher's
    texts = both.corpus.texts()
    each = both.teachers.each(texts)
    np.testing.assert_array_equal(each[0], first.teachers.of(texts))
    np.testing.assert_allclose(both.teachers.of(texts), (each[0] + 3 * each[1]) / 4, atol=1e-6)
    assert both.teachers.key.teacher not in {place.key.teacher for place in both.teachers.places}
    data = next(iter(both.inputs.values())).data
    assert data.teacher_logits.shape[0] == len(data.teacher_weights) == 2
    assert both.teachers.about["description"].startswith("2 teachers: ")
