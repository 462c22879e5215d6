"""The trials with which a search begins: the plain student, the points of the user, those of an earlier study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distune.corpora.places import Place
from distune.tuning.checks import check
from distune.tuning.search.run import earlier_trials
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import open_study, read_records, records_in
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from tests.conftest import prepared_study
from tests.making.proposals import ask, epoch, opened, proposals


def test_the_plain_student_is_the_first_trial(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    configs = [TrialConfig.model_validate(ask(searcher, str(i))["trial"]) for i in range(3)]
    assert [config.loss.is_plain for config in configs] == [True, False, False]


def test_the_plain_student_is_the_plain_twin_of_a_finalist(document: dict[str, Any], tmp_path: Path) -> None:
    document["trial"]["loss"]["label_smoothing"] = 0.1
    document["trial"]["augment"] = {"n_iter": 1}
    config = TrialConfig.model_validate(ask(proposals(Study(document), tmp_path), "a")["trial"])
    assert config == config.plain()
    assert (config.loss.kd_weight, config.loss.label_smoothing, config.augment.n_iter) == (0.0, 0.1, 0)


def test_the_points_of_the_user_come_after_the_plain_student(document: dict[str, Any], tmp_path: Path) -> None:
    document["search"]["first"] = [
        {"student": {"kind": "bilstm", "hidden_size": 8}, "loss": {"kd_weight": 1, "teacher_term": {"kind": "mse"}}},
        {"loss": {"teacher_term": {"kind": "kl", "temperature": 4.0}}},
    ]
    study = Study(document)
    searcher = proposals(study, tmp_path)
    configs = [TrialConfig.model_validate(ask(searcher, name)["trial"]) for name in "abc"]
    assert configs[0].loss.is_plain
    assert configs[1].student.model_dump(include={"kind", "hidden_size"}) == {"kind": "bilstm", "hidden_size": 8}
    assert configs[1].loss.kd_weight == 1
    assert configs[2].loss.teacher_term.model_dump(include={"kind", "temperature"}) == {"kind": "kl", "temperature": 4}


def test_the_points_of_the_user_are_told_from_what_the_sampler_proposed_and_have_their_names(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["search"]["first"] = [{"name": " 论文 A ", "loss": {"kd_weight": 0.75}}, {"loss": {"kd_weight": 0.5}}]
    study = Study(document)
    searcher = proposals(study, tmp_path)
    for name in "abcd":
        ask(searcher, name)
    titles = ["student alone", "论文 A", "search.first.1", ""]
    assert [record.title for record in records_in(study.config, Folder(Place(str(tmp_path))))] == titles


def test_without_labels_in_train_the_first_trial_is_the_student_of_the_teachers_likeliest_labels(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["corpus"]["labelled"] = 0
    study = Study(document)
    searcher = proposals(study, tmp_path)
    assert ask(searcher, "a")["trial"]["loss"]["kd_weight"] == 0
    ask(searcher, "b")
    titles = ["hard-label student", ""]
    assert [record.title for record in records_in(study.config, Folder(Place(str(tmp_path))))] == titles


def test_the_first_points_of_a_search_of_before_they_were_named_are_told_too(
    document: dict[str, Any], tmp_path: Path
) -> None:
    study = Study(document)
    journal = Journal(Folder(Place(str(tmp_path))).journal)
    optuna_study = open_study(study.config, journal)
    optuna_study.enqueue_trial({}, user_attrs={"plain": True})
    optuna_study.enqueue_trial({"loss.kd_weight": 0.75})
    journal.flush()
    searcher = proposals(study, tmp_path)
    for name in "abc":
        ask(searcher, name)
    titles = ["student alone", "search.first", ""]
    assert [record.title for record in records_in(study.config, Folder(Place(str(tmp_path))))] == titles


def test_a_search_starts_from_the_trials_of_an_earlier_study(document: dict[str, Any], tmp_path: Path) -> None:
    earlier = Study({**document, "name": "earlier"})
    (folder := new_folder(earlier)).update(state="searching")
    first = proposals(earlier, Path(str(folder)))
    given = [ask(first, name)["trial"] for name in "abc"]
    for name, accuracy in zip("abc", (0.6, 0.7, 0.8), strict=True):
        first.on_trial_complete(name, epoch(2, accuracy))
    # A narrower space: what lies outside it is left behind.
    document["trial"]["loss"]["kd_weight"] = {"between": [0.5, given[1]["loss"]["kd_weight"]]}
    fingerprints = prepared_study(document).fingerprints
    document["search"]["warm_start"] = "earlier"
    with pytest.raises(StudyError, match=r"earlier was searched on another corpus"):
        prepared_study(document)
    folder.claim(fingerprints)
    prepared = prepared_study(document)
    known = earlier_trials(prepared.study, folder)
    fitting = [one for one in given[1:] if one["loss"]["kd_weight"] <= given[1]["loss"]["kd_weight"]]
    assert [trial.params["loss.kd_weight"] for trial in known] == [one["loss"]["kd_weight"] for one in fitting]
    assert known[0].values == [0.7, 0.5]
    study = opened(prepared.study, tmp_path)
    study.add_trials(known)
    assert read_records(study) == []  # they are not trials of this search
    assert ask(proposals(prepared.study, tmp_path), "x")["trial"]["loss"]["kd_weight"] == 0  # the plain student


def test_the_first_points_are_queued_once_even_if_the_driver_is_killed_before_any_is_tried(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["search"]["first"] = [{"loss": {"kd_weight": 0.75}}]
    study = Study(document)
    for _ in range(3):
        searcher = proposals(study, tmp_path)
    weights = [ask(searcher, name)["trial"]["loss"]["kd_weight"] for name in "abcd"]
    assert weights[:2] == [0, 0.75]
    assert weights.count(0) == weights.count(0.75) == 1


def test_a_study_to_start_from_that_was_never_searched_is_refused(document: dict[str, Any]) -> None:
    document["search"]["warm_start"] = "nothing"
    with pytest.raises(StudyError, match=r"search.warm_start: nothing has not been searched yet"):
        check(Study(document))
