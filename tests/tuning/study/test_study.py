from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from distune.cluster.config import ClusterConfig, ClusterError
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, load_study, parse_yaml, set_at
from distune.tuning.tracking.store import check_store

Write = Callable[[dict[str, Any]], Path]


def faults(document: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyError) as caught:
        Study(document)
    return str(caught.value).split("\n")


def test_a_study_is_read_into_frozen_values(document: dict[str, Any], write_study: Write) -> None:
    study = load_study(write_study(document))
    assert study.config.search.trials == 4
    assert study.config.search.objectives == ("metric", "latency_ms")
    with pytest.raises(ValidationError, match="frozen"):
        study.config.search.trials = 5  # type: ignore[misc]


@pytest.mark.parametrize("name", [2019, "", "  ", "a\nb", "x" * 61])
def test_a_point_is_named_by_a_short_text(document: dict[str, Any], name: object) -> None:
    document["search"]["first"] = [{"loss": {"kd_weight": 1}}, {"name": name}]
    (fault,) = faults(document)
    assert fault.startswith("search.first: the name of point 1 must be a text of 1 to 60 characters, but got ")


def test_all_faults_of_settings_and_space_are_listed_at_once(document: dict[str, Any]) -> None:
    document["serch"] = {}
    document["corpus"]["labeled"] = 3
    document["search"]["trials"] = 0
    document["teacher"] = {"epochs": 1}
    document["trial"]["loss"]["kd_weight"] = 1.5
    found = faults(document)
    assert [fault.split(": ")[0] for fault in found] == [
        "corpus.labeled",
        "teacher",
        "search.trials",
        "serch",
        "trial.loss.kd_weight",
    ]
    assert found[0].startswith("corpus.labeled: unknown key; did you mean 'labelled'?")
    assert found[2] == "search.trials: must be >= 1, but got 0"


def test_rules_of_a_block_are_held_beside_unknown_keys_and_wrong_values(document: dict[str, Any]) -> None:
    document["teacher"] = {"students": {"trials": 1, "members": 5, "colour": "red"}}
    document["champion"] = {"colour": "red"}
    document["search"] |= {"colour": "red", "seeds": 0, "trials": 2}
    found = faults(document)
    assert "teacher.students: members must be <= trials, but got members=5, trials=1" in found
    assert "champion: needs min_teacher_ratio, max_latency_ms or both" in found
    assert "search.seeds: must be >= 1, but got 0" in found
    assert sum("colour: unknown key; the keys here are " in fault for fault in found) == 3
    assert len(found) == 6


def test_what_a_misspelt_key_was_to_say_is_not_called_missing(document: dict[str, Any]) -> None:
    document["teacher"] = {"checkpont": "x"}
    document["champion"] = {"max_latency": 3}
    assert [fault.partition(";")[0] for fault in faults(document)] == [
        "teacher.checkpont: unknown key",
        "champion.max_latency: unknown key",
    ]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("search.trials", "many", "must be a whole number, but got 'many'"),
        ("search.trials", 2.5, "must be a whole number, but got 2.5"),
        ("search.trials", True, "must be a number, but got True"),
        ("search.trials", [3], "must be a whole number, but got [3]"),
        ("cluster.cpus_per_trial", "two", "must be a number, but got 'two'"),
        ("cluster.cpus_per_trial", 0, "must be > 0, but got 0"),
        ("name", 5, "must be text, but got 5"),
        (
            "name",
            "评论/1",
            "must have letters, digits, '.', '_' and '-' alone, begin with a letter or a digit, and take at most 219 bytes in UTF-8, "
            "but got '评论/1'",
        ),
        ("name", datetime.date(2024, 1, 2), "must be text, but got 2024-01-02"),
        ("corpus.drop_overlap", "maybe", "must be true or false, but got 'maybe'"),
        ("search.sampler", "luck", "must be 'tpe', 'nsga2', 'gp' or 'random', but got 'luck'"),
        ("corpus.dev_fraction", 1.0, "must be < 1, but got 1.0"),
        ("plugins", "my.py", "must be a list, but got 'my.py'"),
        ("tracking", [1], "must be a block of keys, but got [1]"),
        ("trial.epochs", True, "must be a number, but got True"),
        ("trial.tokens", {"kind": "words", "max_tokens": True}, "must be a number, but got True"),
    ],
)
def test_a_fault_is_said_in_the_words_of_a_study_file(
    document: dict[str, Any], path: str, value: Any, line: str
) -> None:
    set_at(document, path, value)
    (found,) = faults(document)
    assert found.startswith(path)
    assert found.endswith(f": {line}")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".a", "-a", "_a", "a b", "a\n", "a\u200b", "a/b", "a\\b", "a'b", "评" * 74, "\u0301a", "a\ud800"],
)
def test_a_name_that_is_no_folder_anywhere_is_refused(document: dict[str, Any], name: str) -> None:
    document["name"] = name
    (fault,) = faults(document)
    assert fault.startswith("name: must have letters, digits")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("酒店评论", "酒店评论"),
        ("cafe\u0301-2", "caf\u00e9-2"),
        ("हिन्दी", "हिन्दी"),
        ("Отзывы_1.2", "Отзывы_1.2"),
        ("评" * 73, "评" * 73),
    ],
)
def test_a_name_has_letters_of_any_script_in_nfc(document: dict[str, Any], name: str, kept: str) -> None:
    document["name"] = document["search"]["warm_start"] = name
    config = Study(document).config
    assert (config.name, config.search.warm_start) == (kept, kept)


def test_keys_of_a_dict_that_are_no_text_are_faults(document: dict[str, Any]) -> None:
    document["corpus"] |= {None: 1, 1: 2}
    assert faults(document) == ["corpus: a key must be text, but got None"]
    del document["corpus"][None]
    (found,) = faults(document)
    assert found.startswith("corpus.1: unknown key; ")


def test_a_truth_value_for_a_number_is_found_beside_other_faults(document: dict[str, Any]) -> None:
    document["champion"] = {"min_teacher_ratio": True}
    document["corpus"] = {"labels": [False, True]}
    found = faults(document)
    assert "champion.min_teacher_ratio: must be a number, but got True" in found
    assert "corpus.source: is missing" in found
    assert not any("at least 2 values" in fault for fault in found)


def test_what_is_missing_is_named(document: dict[str, Any]) -> None:
    del document["corpus"], document["trial"]
    assert faults(document) == ["corpus: is missing", "trial: is missing"]


def test_a_champion_needs_a_rule(document: dict[str, Any]) -> None:
    document["champion"] = {}
    assert faults(document) == ["champion: needs min_teacher_ratio, max_latency_ms or both"]


def test_settings_are_overridden_by_path(document: dict[str, Any], write_study: Write) -> None:
    overrides = [
        "search.trials=9",
        "trial.learning_rate={log: [1e-4, 1e-3]}",
        "teacher.seed=3",
        "champion.max_latency_ms=2",
    ]
    study = load_study(write_study(document), overrides)
    assert (study.config.search.trials, study.config.teacher.seed) == (9, 3)
    assert study.space.root["learning_rate"].values == (1e-4, 1e-3)
    assert study.document["search"]["trials"] == 9


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trials", "--set takes path=value, but got 'search.trials'"),
        ("trial.student.kind=bilstm", r"trial\.student is not one block here .* set trial\.student as a whole"),
        ("search.trials=|", r"search\.trials: .*got '\|'"),
        ("search.trails=9", r"search\.trails: unknown key; did you mean 'trials'"),
    ],
)
def test_an_override_that_fits_nowhere_is_refused(
    document: dict[str, Any], write_study: Write, override: str, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        load_study(write_study(document), [override])


@pytest.mark.parametrize("setting", [True, {"choice": [False, True]}])
def test_the_agreement_of_one_teacher_is_refused(document: dict[str, Any], setting: object) -> None:
    document["trial"]["loss"]["weigh_by_agreement"] = setting
    with pytest.raises(
        StudyError, match=r"^trial\.loss\.weigh_by_agreement: needs several teachers, and the study has one"
    ):
        Study(document)
    document["more_teachers"] = [{**document["teacher"], "seed": 1}]
    assert Study(document).config.more_teachers


def test_numbers_may_be_written_as_everybody_writes_them() -> None:
    assert parse_yaml("[1e-4, 1.5E3, 2e5, -1e-2, 0.5, 3]") == [1e-4, 1500.0, 2e5, -1e-2, 0.5, 3]
    assert parse_yaml("{a: 1e, b: e5, c: 1-2}") == {"a": "1e", "b": "e5", "c": "1-2"}


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [1", "is not YAML"), ("- 1", "must hold a mapping"), ("", "must hold a mapping .* but got None")],
)
def test_a_file_that_is_no_study_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=message) as caught:
        load_study(path)
    assert "\n" not in str(caught.value)


def test_a_study_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot read the study .*: No such file"):
        load_study(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["o'neil", 'my "best"', ".", "..", " ", "", "a/b", "a:b", "a@b", "a\nb", "a" * 251])
def test_a_name_that_the_registry_does_not_take_is_a_fault(document: dict[str, Any], name: str) -> None:
    document["tracking"]["register_as"] = name
    with pytest.raises(StudyError, match=r"tracking\.register_as"):
        Study(document)


def test_a_name_may_have_spaces_and_other_letters(document: dict[str, Any]) -> None:
    document["tracking"]["register_as"] = "评论 student.v2"
    assert Study(document).config.tracking.register_as == "评论 student.v2"


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://host/runs?user=me&password=secret1",
        "mysql://host/runs?passwd=secret1",
        "http://host:5000?api_token=secret1",
    ],
)
def test_a_password_in_a_query_is_refused_and_not_repeated(document: dict[str, Any], uri: str) -> None:
    document["tracking"]["uri"] = uri
    with pytest.raises(StudyError, match=r"tracking.uri: .* in its query") as caught:
        Study(document)
    assert "secret1" not in str(caught.value)


def test_the_store_is_that_of_the_study_then_of_the_environment_then_the_default(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    named, silent = {**document, "tracking": {"uri": "sqlite:///mine.db"}}, {**document, "tracking": {}}
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = Study(silent).document
    assert Study(silent).config.tracking.store == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert Study(silent).config.tracking.store == "http://server:5000"
    assert Study({key: block for key, block in document.items() if key != "tracking"}).config.tracking.store == (
        "http://server:5000"
    )
    assert Study(named).config.tracking.store == "sqlite:///mine.db"
    # What is kept of a search is what was written.
    assert Study(silent).document == before
    # The default, where it is written down, is what the study names.
    assert (
        Study({**document, "tracking": {"uri": "sqlite:///mlflow.db"}}).config.tracking.store == "sqlite:///mlflow.db"
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret1@server:5000")
    with pytest.raises(StudyError, match="MLFLOW_TRACKING_URI: must hold no user or password") as caught:
        check_store(Study(silent).config)
    assert "secret1" not in str(caught.value)


def test_the_cluster_is_that_of_the_study_then_of_the_environment_then_this_machine(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cluster(**settings: Any) -> ClusterConfig:
        return Study({**document, "cluster": settings}).config.cluster

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert (cluster().place, cluster().is_shared) == ("local", False)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert (cluster(cpus_per_trial=2).place, cluster().is_shared) == ("head:6379", True)
    assert Study(document).config.cluster.place == "head:6379"
    assert (cluster(address="local").place, cluster(address="local").is_shared) == ("local", False)
    assert cluster(address="auto").place == "auto"
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    assert cluster(address="local").place == "local"
    with pytest.raises(ClusterError, match=r"RAY_ADDRESS is http://head:8265, a dashboard, .* cluster.address"):
        _ = cluster().place
