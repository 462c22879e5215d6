"""A teacher that is made of students, tiny ones, trained for an epoch."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from distune.cluster.runner import IN_PROCESS
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.places import Place
from distune.corpora.split import Split
from distune.models.checkpoint_folder import check_folder
from distune.models.teacher.config import TeacherConfig
from distune.tuning.report.lines import lines_on
from distune.tuning.session import cache
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.space import parse_space
from distune.tuning.teachers.draws import draw_students
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for, timing_teachers
from distune.tuning.teachers.students import (
    Training,
    load_ensemble,
    log_mean_probability,
    train_ensemble,
)
from distune.tuning.teachers.teachers import joint_key
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.inputs import NoTeacher, RawInputs
from tests.conftest import prepared_study
from tests.making.ensembles import SPACE, taught

__all__ = ["taught"]  # Fixture.


def place_of(document: dict[str, Any], number: int = 0) -> Any:
    study = Study(document)
    return locate(study.config, load_corpus(study.config.corpus))[number]


def fingerprint(document: dict[str, Any]) -> str:
    return str(place_of(document).key.teacher)


def test_the_answer_is_the_logarithm_of_the_mean_probability() -> None:
    thirds = np.log([[[3.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 4.0]]]).astype(np.float32)
    found = log_mean_probability(thirds)
    # (3/4 + 1/2) / 2 and (1/4 + 1/2) / 2; (1/2 + 1/5) / 2 and (1/2 + 4/5) / 2.
    np.testing.assert_allclose(found, np.log([[0.625, 0.375], [0.35, 0.65]]), atol=1e-6)
    certain = np.array([[[1000.0, 0.0]], [[1000.0, 0.0]]], dtype=np.float32)
    np.testing.assert_allclose(log_mean_probability(certain), [[0.0, np.log(1e-6)]], atol=1e-6)


def test_students_are_drawn_by_the_seed_and_learn_from_labels_alone() -> None:
    space = parse_space(SPACE, TrialConfig)
    students = draw_students(space, 8, seed=5)
    assert students == draw_students(space, 8, seed=5) != draw_students(space, 8, seed=6)
    assert [one.seed for one in students] == list(range(5, 13))
    assert all(one.loss.is_plain and one.loss.label_smoothing == 0.1 for one in students)
    assert {(one.augment.n_iter, one.compression.kind) for one in students} == {(0, "none")}
    assert {getattr(one.student, "hidden_layer", None) for one in students} == {0, 4}
    assert len({one.learning_rate for one in students}) == 8
    assert all(0.01 <= one.learning_rate <= 0.1 for one in students)


def test_the_best_on_dev_are_kept_and_answer_every_text_once(taught: dict[str, Any], said: list[str]) -> None:
    prepared = prepared_study(taught)
    assert "teacher: training 3 students on 20 labelled texts; the 2 best on dev answer" in said
    trained = sorted(float(line.rpartition(" ")[2]) for line in said if "/3 trained, average (seed " in line)
    (members,) = (line for line in said if line.startswith("teacher: dev accuracy of the members"))
    assert members.split(";")[0].endswith(f"{trained[2]:.4f}, {trained[1]:.4f}")
    assert members.endswith(f"together {prepared.teacher_score:.4f}")
    (place,) = prepared.teachers.places
    with place.trained.to_read() as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["member-0", "member-1", "trained.json"]
        check_folder(folder / "member-0")
    texts = prepared.corpus.texts()
    logits = prepared.teachers.of(texts)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(load_ensemble(place.trained, ("0", "1"))(texts[:70]).logits, logits[:70], atol=1e-5)
    about = prepared.teachers.about
    assert about["description"] == (
        "2 students together (2 x average), trained on 20 labels alone, the best on dev of 3 drawn at random"
    )
    assert timing_teachers(prepared.teachers, texts) == []


def test_the_second_time_nothing_is_trained(
    taught: dict[str, Any], monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    first = prepared_study(taught)
    monkeypatch.setattr(
        "distune.tuning.teachers.students.train_ensemble", lambda *arguments: pytest.fail("trained again")
    )
    said.clear()
    again = prepared_study(taught)
    assert any("from the cache" in line for line in said)
    texts = first.corpus.texts()
    np.testing.assert_array_equal(again.teachers.of(texts), first.teachers.of(texts))
    (place,) = first.teachers.places
    place.key.folder(place.cache_root).delete()  # The students are still there, and answer again.
    asked = prepared_study(taught)
    np.testing.assert_array_equal(asked.teachers.of(texts), first.teachers.of(texts))


def trained_on(corpus: Corpus, folder: Path) -> Place:
    trained = Place(str(folder))
    material = RawInputs(corpus=corpus, teachers=NoTeacher(2), pieces=lambda tokens: [], seed=7)
    students = TeacherConfig.model_validate({"students": {"trials": 2, "members": 2}}).students
    assert students is not None
    train_ensemble(
        Training(
            students=students,
            space=parse_space(SPACE, TrialConfig),
            material=material,
            threads=1,
            runner=IN_PROCESS,
        ),
        trained,
    )
    return trained


def test_no_student_sees_a_test_text(taught: dict[str, Any], tmp_path: Path) -> None:
    corpus = load_corpus(Study(taught).config.corpus)
    other = replace(corpus, test=Split((), np.empty(0, dtype=np.int64)))
    answers = [
        load_ensemble(trained_on(one, tmp_path / name), one.labels)(corpus.test.texts).logits
        for name, one in (("whole", corpus), ("without", other))
    ]
    np.testing.assert_array_equal(answers[0], answers[1])


def test_students_learn_from_the_labels_of_teacher_data_too(
    taught: dict[str, Any], tmp_path: Path, said: list[str]
) -> None:
    corpus = load_corpus(Study(taught).config.corpus)
    rows = ["手机很好用,1", "屏幕差得很,0", f"{corpus.transfer.texts[0]},1", f"{corpus.test.texts[0]},0"]
    (tmp_path / "more.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    more = {**taught, "teacher_data": {"labelled": [{"path": str(tmp_path / "more.csv")}]}}
    prepared = prepared_study(more)
    # Two that are new and one of the transfer set; the one that stands in test is left out.
    assert "teacher: training 3 students on 23 labelled texts; the 2 best on dev answer" in said
    assert prepared.teachers.about["data"][1] == str(tmp_path / "more.csv")
    assert len(prepared.corpus.train) == 20
    assert fingerprint(more) != fingerprint(taught)


def test_augmented_texts_are_asked_too(taught: dict[str, Any]) -> None:
    prepared = prepared_study(taught)
    (inputs,) = prepared.inputs.values()
    assert inputs.data.iterations.max() == 1
    assert (np.abs(inputs.data.teacher_logits).sum(axis=(0, 2)) > 0).all()


def test_what_is_said_of_a_teacher_is_softened_by_its_temperature(
    taught: dict[str, Any], save_teacher: Any, said: list[str]
) -> None:
    taught["teacher"] |= {"weight": 3.0}
    taught["more_teachers"] = [{"checkpoint": str(save_teacher(seed=4)), "max_length": 32}]
    hard = prepared_study(taught)
    taught["more_teachers"][0]["temperature"] = 4.0
    said.clear()
    soft = prepared_study(taught)
    assert sum("from the cache" in line for line in said) >= 2
    texts = hard.corpus.texts()
    students, bert = hard.teachers.each(texts)
    np.testing.assert_array_equal(soft.teachers.each(texts), np.stack([students, bert / 4]))
    np.testing.assert_allclose(soft.teachers.of(texts), (3 * students + bert / 4) / 4, atol=1e-6)
    data = next(iter(soft.inputs.values())).data
    np.testing.assert_array_equal(data.teacher_logits[1, : len(soft.corpus.train)], bert[: len(soft.corpus.train)] / 4)
    assert joint_key(soft.teachers.places) != joint_key(hard.teachers.places)
    description = soft.teachers.about["description"]
    assert description.startswith("2 teachers: 2 students together")
    assert "(weight 3)" in description
    assert description.endswith("(logits divided by 4)")


def test_students_are_known_by_what_they_are_drawn_from_and_learn_from(taught: dict[str, Any]) -> None:
    first = fingerprint(taught)
    same = [
        {"teacher": {**taught["teacher"], "weight": 2.0, "temperature": 3.0}},
        {"trial": {**SPACE, "augment": {"n_iter": 2}, "compression": {"kind": "none"}, "seed": 9}},
        {"trial": {**SPACE, "loss": {"kd_weight": 0.3, "teacher_term": {"kind": "mse"}, "label_smoothing": 0.1}}},
        {"search": {"seed": 9, "trials": 2}},
        {"teacher": {"students": {**taught["teacher"]["students"], "trial": SPACE}}},
    ]
    assert {fingerprint({**taught, **change}) for change in same} == {first}
    assert fingerprint({**taught, "trial": dict(reversed(SPACE.items()))}) != first  # Other students are drawn of it.
    others = [
        {"teacher": {**taught["teacher"], "seed": 8}},
        {"teacher": {**taught["teacher"], "logits_dtype": "float16"}},
        {"teacher": {"students": {"trials": 4, "members": 2}}},
        {"teacher": {"students": {"trials": 3, "members": 1}}},
        {"trial": {**SPACE, "epochs": 2}},
        {"trial": {**SPACE, "loss": {"label_smoothing": 0.2}}},
        {"corpus": {**taught["corpus"], "labelled": 30}},
        {"corpus": {**taught["corpus"], "seed": 8}},
    ]
    assert len({first, *(fingerprint({**taught, **change}) for change in others)}) == 1 + len(others)


def test_students_may_have_a_space_of_their_own(taught: dict[str, Any], said: list[str]) -> None:
    own = {**SPACE, "student": {"kind": "textcnn", "filters": {"choice": [2, 3]}}}
    taught["teacher"]["students"]["trial"] = own
    prepared_study(taught)
    assert sum("/3 trained, textcnn" in line for line in said) == 3
    own["student"] = {"kind": "textcnn", "filters": {"between": [0, 3]}}
    with pytest.raises(StudyError, match=r"^teacher\.students\.trial\.student\.filters: must be >"):
        Study(taught)


def test_word_pieces_of_the_first_teacher_serve_its_students_too(
    taught: dict[str, Any], teacher_folder: Path, said: list[str]
) -> None:
    taught |= {"teacher": {"checkpoint": str(teacher_folder), "max_length": 32}, "more_teachers": [taught["teacher"]]}
    taught["trial"] = {**SPACE, "tokens": {"kind": "wordpiece", "min_count": 1}}
    prepared_study(taught)
    assert any(line.startswith("teacher: wordpiece: ") for line in said)


@pytest.mark.long
def test_a_cache_is_filled_by_students_that_ray_trained(taught: dict[str, Any]) -> None:
    taught["cluster"] = {"cpus_per_trial": 0.5, "gpus_per_trial": "auto"}
    study = Study(taught)
    out = io.StringIO()
    console = Console(file=out, width=200)
    with lines_on(console):
        cache(study, False, None, "", console)
    assert "teacher: 3/3 trained, average" in out.getvalue()
    assert "teacher: dev accuracy" in out.getvalue()
    corpus = load_corpus(study.config.corpus)
    found = logits_for(study.config, corpus, locate(study.config, corpus)).of(corpus.texts())
    here = Study({**taught, "storage": f"{taught['storage']}-here"})
    alone = logits_for(here.config, corpus, locate(here.config, corpus)).of(corpus.texts())
    np.testing.assert_allclose(found, alone, atol=1e-4)
