from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.disk import DiskError
from distune.corpora.places import Place
from distune.tuning.storage.ending import ask_to_finish
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.lease import only_driver
from distune.tuning.storage.paths import BOUND_TO, ENDED, Folder, Layout
from distune.tuning.storage.records import open_study
from distune.tuning.storage.searches import (
    _changed,
    go_on_with,
    new_folder,
    only_beginning,
    search_folders,
    state_of,
    unfinished_folder,
)
from distune.tuning.study.bounded_yaml import parse_yaml
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study


def test_each_search_has_a_folder_of_its_own(document: dict[str, Any]) -> None:
    study = Study(document)
    for number in range(1, 12):
        assert new_folder(study).place.name == str(number)
    assert [folder.place.name for folder in search_folders(study)] == [str(number) for number in range(1, 12)]
    assert unfinished_folder(study).place.name == "11"


def test_of_searches_that_begin_at_once_each_gets_a_folder_of_its_own(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(document)
    rename, others = Path.rename, []

    def overtaken(self: Path, target: Path) -> Path:
        if not others:
            others.append(target)
            target.mkdir(parents=True)
            (target / "study.yaml").write_text("another search's", encoding="utf-8")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    folder = new_folder(study)
    assert (folder.place.name, (others[0] / "study.yaml").read_text(encoding="utf-8")) == ("2", "another search's")
    assert Layout(Place(document["storage"])).searches("tiny").names() == ["1", "2"]


def test_a_folder_that_finds_no_room_is_not_there(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="no space is left"):
        new_folder(Study(document))
    assert search_folders(Study(document)) == []


def test_the_layout_is_the_same_on_a_disk_and_behind_a_uri() -> None:
    for root in ("storage", "s3://bucket/storage"):
        places = Layout(Place(root))
        folder = Folder(places.searches("reviews") / "1")
        assert [str(place) for place in (places.logits, places.trained("t"), places.augmented("a"))] == [
            f"{root}/logits",
            f"{root}/teachers/t",
            f"{root}/augmented/a.parquet",
        ]
        found = (folder.journal, folder.driver, folder.table, folder.trial(3).log, folder.trial(3).training)
        assert [str(place) for place in found] == [
            f"{root}/searches/reviews/1/{name}"
            for name in ("journal", "driver.json", "table.txt", "trials/3/log.txt", "trials/3/training.safetensors")
        ]


def test_a_storage_that_cannot_be_read_is_one_line(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    document["storage"] = "s3://nobody-has-this/storage"
    monkeypatch.setattr("distune.corpora.places.Place.names", _away)
    with pytest.raises(StudyError, match=r"storage: cannot read s3://nobody-has-this/storage\S*: connection refused$"):
        search_folders(Study(document))


def _away(self: Place) -> list[str]:
    raise OSError("connection refused\nand pages more of it")


def test_a_search_that_has_ended_is_not_gone_on_with(document: dict[str, Any]) -> None:
    study = Study(document)
    new_folder(study).update(state=ENDED)
    with pytest.raises(StudyError, match="the last search of tiny has ended"):
        unfinished_folder(study)


def test_a_study_that_has_changed_is_not_resumed(document: dict[str, Any]) -> None:
    new_folder(Study(document))
    document["search"]["seed"] = 9
    document["trial"]["epochs"] = 3
    said = (
        r"the study has changed since its search began, in (trial\.epochs, search\.seed|search\.seed, trial\.epochs); "
    )
    with pytest.raises(StudyError, match=said):
        unfinished_folder(Study(document))


def test_an_empty_block_is_a_change_too(document: dict[str, Any]) -> None:
    assert _changed({"a": 1, "augment": {}}, {"a": 1}) == "augment"
    many = {str(number): number for number in range(7)}
    assert _changed(many, {}) == "0, 1, 2, 3, 4 and 2 more"


def test_a_search_goes_on_on_another_cluster(document: dict[str, Any]) -> None:
    new_folder(Study(document))
    document["cluster"] = {"address": "10.0.0.1:6379", "max_failures": 1}
    assert unfinished_folder(Study(document)).place.name == "1"


def test_a_search_stays_with_its_corpus_and_teacher(document: dict[str, Any]) -> None:
    folder = new_folder(Study(document))
    bound = {name: name for name in ("corpus", "answers", "train", "files", "teacher")}
    folder.claim(bound)
    folder.update(run_id="abc")
    folder.claim(bound)
    assert folder.state == {**bound, "run_id": "abc"}
    for name, what in (
        ("corpus", "the corpus has"),
        ("answers", "the labels of dev or test have"),
        ("train", "the labels of train have"),
        ("files", r"a file that trial names \(vectors, a dictionary, a tokenizer, a plugin\) has"),
        ("teacher", "the teacher has"),
    ):
        with pytest.raises(StudyError, match=f"^--resume: {what} changed since the search in"):
            folder.claim({**bound, name: "other"})
    folder = new_folder(Study(document))
    folder.update(corpus="corpus", teacher="teacher")
    with pytest.raises(
        StudyError, match="an older Distune, which did not keep whether the labels of dev or test have changed"
    ):
        folder.claim(bound)


def done(folder: Folder, study: Study, n_trials: int, accuracy: float = 0.5) -> None:
    """Complete trials in a folder."""
    journal = Journal(folder.journal)
    optuna_study = open_study(study.config, journal)
    for _ in range(n_trials):
        trial = optuna_study.ask()
        trial.set_user_attr("config", {"student": {"kind": "average"}})
        trial.set_user_attr("state", "complete")
        optuna_study.tell(trial, [accuracy, 1.0])
    journal.flush()


def limits(document: dict[str, Any], **values: Any) -> Study:
    return Study({**document, "search": {**document["search"], **values}})


def test_a_search_that_has_ended_goes_on_with_more_trials(document: dict[str, Any]) -> None:
    study = Study(document)
    folder = new_folder(study)
    done(folder, study, 4)
    folder.end()
    ask_to_finish(folder)
    for n_trials in (2, 4):
        with pytest.raises(StudyError, match=rf"^search.trials: {n_trials}, but the search in \S+ has 4 trials done"):
            unfinished_folder(limits(document, trials=n_trials, patience=100))
    longer = limits(document, trials=9)
    assert unfinished_folder(longer) == folder
    go_on_with(longer, folder)
    assert folder.state["state"] == "searching"
    assert parse_yaml(folder.study_file.read_text())["search"]["trials"] == 9
    assert not folder.finish.is_file()
    assert unfinished_folder(longer) == folder  # As after a kill.
    with pytest.raises(StudyError, match="the study has changed since its search began"):
        unfinished_folder(limits(document, trials=9, seed=3))


def test_a_search_that_was_interrupted_may_have_fewer_trials_but_no_fewer_than_are_done(
    document: dict[str, Any],
) -> None:
    study = Study(document)
    folder = new_folder(study)
    done(folder, study, 3)
    with pytest.raises(StudyError, match=r"2, but the search in \S+ has 3 .* or for 3 to go on to its finalists$"):
        unfinished_folder(limits(document, trials=2))
    assert unfinished_folder(limits(document, trials=3)) == folder


def test_a_search_whose_patience_is_used_up_is_not_gone_on_with_for_no_trial(document: dict[str, Any]) -> None:
    study = limits(document, patience=2)
    folder = new_folder(study)
    done(folder, study, 3)
    folder.end()
    with pytest.raises(StudyError, match=r"would end at once: search.patience is used up: the last 2 trials"):
        unfinished_folder(limits(document, patience=2, trials=9))
    assert unfinished_folder(limits(document, patience=3, trials=9)) == folder


def test_an_interrupted_search_keeps_what_it_was_asked_for(document: dict[str, Any]) -> None:
    study = Study(document)
    folder = new_folder(study)
    ask_to_finish(folder)
    go_on_with(study, folder)
    assert folder.finish.is_file()


def test_a_study_that_is_being_searched_is_not_searched_beside_it(document: dict[str, Any]) -> None:
    study = Study(document)
    with (
        only_beginning(study),
        pytest.raises(StudyError, match=rf"another search of tiny is being prepared.*: process {os.getpid()} on"),
        only_beginning(study),
    ):
        pass
    folder = new_folder(study)
    with only_beginning(study):
        pass
    with (
        only_driver(folder.driver),
        pytest.raises(StudyError, match=rf"tiny is being searched by process {os.getpid()} on"),
        only_beginning(study),
    ):
        pass
    with only_beginning(study):
        pass


def test_trials_without_what_they_are_bound_to_are_not_gone_on_with(document: dict[str, Any]) -> None:
    study = Study(document)
    folder = new_folder(study)
    assert folder.state == {}
    (folder.journal / "000000000-000000001.jsonl").write_text("{}\n")
    with pytest.raises(
        StudyError, match=r"search\.json is missing, which says what the trials .* put it back, or start"
    ):
        folder.claim(dict.fromkeys(BOUND_TO, "a"))


def test_a_search_that_nobody_runs_is_interrupted(document: dict[str, Any]) -> None:
    folder = new_folder(Study(document))
    assert state_of(folder) == "new"
    folder.update(state="searching")
    assert state_of(folder) == "interrupted"
    with only_driver(folder.driver):
        assert state_of(folder) == "searching"
    folder.update(state="ended")
    assert state_of(folder) == "ended"
