"""What is registered when a store is away, an alias was removed, or a search is resumed; on a real store of SQLite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    DEADLINE_EXCEEDED,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.tracking import MlflowClient

from distune.tuning.speed.timing import files_of
from distune.tuning.tracking.promotion import Beside
from distune.tuning.tracking.pulling import pull
from distune.tuning.tracking.registry import LoggedModel, log_model, present_champion, register
from distune.tuning.tracking.runs import Tracker, is_away
from tests.conftest import STUDENTS
from tests.making.candidates import FAST, GOOD
from tests.making.checkpoints import checkpoint_of, save_student

BETTER, WORSE = replace(GOOD, dev_score=0.9), replace(GOOD, dev_score=0.1)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> MlflowClient:
    place = tmp_path_factory.mktemp("registering")
    shutil.copyfile(migrated, place / "mlflow.db")
    client = MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
    client.create_experiment("e", artifact_location=(place / "artifacts").as_uri())
    return client


@pytest.fixture
def model(client: MlflowClient) -> LoggedModel:
    return logged(client, trial=3)


def logged(client: MlflowClient, trial: int) -> LoggedModel:
    """A model of a new search, without its files."""
    run_id = client.create_run("1").info.run_id
    made = client.create_logged_model("1", "student", run_id, {"distune.trial": str(trial)})
    return LoggedModel(uri=made.model_uri, model_id=made.model_id, run_id=run_id, trial=trial, card="")


def away(*arguments: Any, **settings: Any) -> Any:
    raise MlflowException("503", TEMPORARILY_UNAVAILABLE)


def test_a_server_that_is_away_does_not_make_a_worse_student_champion(
    client: MlflowClient, model: LoggedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = client.tracking_uri
    register(uri, "away", model, BETTER)
    for name in ("get_registered_model", "get_model_version", "search_model_versions"):
        late = logged(client, 4)
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, name, away)
            with pytest.raises(MlflowException) as caught:
                register(uri, "away", late, WORSE)
        assert is_away(caught.value)
        assert client.get_registered_model("away").aliases["champion"] == 1
    assert register(uri, "away", late, WORSE).alias == "challenger"


@pytest.mark.parametrize(
    ("code", "may_work_later"),
    [
        (TEMPORARILY_UNAVAILABLE, True),
        (DEADLINE_EXCEEDED, True),
        (RESOURCE_EXHAUSTED, True),
        (RESOURCE_DOES_NOT_EXIST, False),
        (PERMISSION_DENIED, False),
    ],
)
def test_what_may_work_when_it_is_asked_again_is_asked_again(code: int, may_work_later: bool) -> None:
    assert is_away(MlflowException("no", code)) == may_work_later


def test_an_alias_that_was_removed_is_said(client: MlflowClient, model: LoggedModel) -> None:
    uri = client.tracking_uri
    assert register(uri, "removed", model, BETTER).reason == "the first of its name"
    client.delete_registered_model_alias("removed", "champion")
    found = register(uri, "removed", logged(client, 4), WORSE)
    assert found.reason == "none of the 1 earlier versions has the alias champion: it was removed"
    assert found.alias == "champion"


def test_a_search_that_is_resumed_registers_its_trial_once(client: MlflowClient, model: LoggedModel) -> None:
    uri = client.tracking_uri
    register(uri, "resumed", logged(client, 1), WORSE)
    first = register(uri, "resumed", model, BETTER)
    again = register(uri, "resumed", model, BETTER)
    assert (first.version, again.version, again.alias) == ("2", "2", "champion")
    assert again.reason == "this search had registered it already"
    assert client.get_registered_model("resumed").aliases == {"champion": 2}
    # Another trial of the same search is another student.
    assert register(uri, "resumed", replace(model, trial=4), WORSE).version == "3"


def test_a_kill_before_the_alias_leaves_a_version_that_gets_it_later(
    client: MlflowClient, model: LoggedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = client.tracking_uri
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", away)
        with pytest.raises(MlflowException):
            register(uri, "killed", model, BETTER)
    found = register(uri, "killed", model, BETTER)
    assert (found.version, found.alias, found.reason) == ("1", "champion", "the first of its name")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("checkpoint") / "student"
    return save_student(checkpoint_of(STUDENTS[0]), target, "# A card")


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with no store named."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(None)
    yield tmp_path
    mlflow.set_tracking_uri(None)


def test_a_model_is_logged_once_and_mlflow_points_where_it_did(
    client: MlflowClient, checkpoint: Path, nowhere: Path
) -> None:
    before = mlflow.get_tracking_uri()
    run_id = client.create_run("1").info.run_id
    found = [log_model(client.tracking_uri, run_id, checkpoint, ["好书"], trial) for trial in (3, 3, 4)]
    assert found[0] == found[1]
    assert found[2].model_id != found[0].model_id
    register(client.tracking_uri, "pulled", found[0], GOOD)
    folder = pull(client.tracking_uri, "pulled", nowhere / "student")
    assert (folder / "README.md").read_text() == "# A card"
    # Whoever calls us goes on with the store that was theirs, and none was made.
    assert (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")) == (before, None)
    assert [path.name for path in nowhere.iterdir()] == ["student"]
    mlflow.set_tracking_uri("sqlite:///mine.db")
    log_model(client.tracking_uri, client.create_run("1").info.run_id, checkpoint, ["好书"], 3)
    assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///mine.db"


def test_the_present_champion_of_the_same_terms_is_there_to_be_timed(
    client: MlflowClient, checkpoint: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = client.tracking_uri
    assert present_champion(uri, "present", GOOD.terms, nowhere) is None
    found = log_model(uri, client.create_run("1").info.run_id, checkpoint, ["好书"], 3)
    register(uri, "present", found, GOOD)
    present = present_champion(uri, "present", GOOD.terms, nowhere)
    assert present is not None
    assert (present.version, present.fault) == ("1", "")
    assert files_of(present.folder or nowhere) == files_of(checkpoint)
    assert present_champion(uri, "present", replace(GOOD, teacher="other").terms, nowhere) is None
    # One without files is no reason to end a search that has ended well; a server that is away is one to ask again.
    register(uri, "empty", logged(client, 3), GOOD)
    broken = present_champion(uri, "empty", GOOD.terms, nowhere)
    assert broken is not None
    assert (broken.version, broken.folder, bool(broken.fault)) == ("1", None, True)
    monkeypatch.setattr(MlflowClient, "get_registered_model", away)
    with pytest.raises(MlflowException, match="503"):
        present_champion(uri, "present", GOOD.terms, nowhere)


def test_speeds_of_one_run_decide_unless_another_became_champion_meanwhile(client: MlflowClient) -> None:
    uri = client.tracking_uri
    register(uri, "timed", logged(client, 3), replace(FAST, speedup=None))
    slower = Beside(version="1", p50_ms=0.2, max_latency_ms=None)
    new = replace(FAST, speedup=None, p50_ms=0.15)
    found = register(uri, "timed", logged(client, 4), new, replace(slower, version="9"))
    assert found.reason == "version 1 was the champion: there was no teacher to time them against"
    found = register(uri, "timed", logged(client, 5), new, slower)
    assert (found.alias, found.version) == ("champion", "3")
    assert found.reason == "version 1 was the champion: p50 0.150 ms against 0.200 ms, timed in one run"


def test_a_trial_is_said_to_have_made_a_model_once(client: MlflowClient) -> None:
    run_id = client.create_run("1").info.run_id
    model_id = client.create_logged_model("1", "student").model_id
    tracker: Any = SimpleNamespace(_client=client, _children={3: run_id})
    for _ in range(2):
        Tracker.link_model(tracker, 3, model_id, {"speedup": 4.0})
    assert [one.model_id for one in client.get_run(run_id).outputs.model_outputs] == [model_id]
    assert len(client.get_metric_history(run_id, "speedup")) == 1
