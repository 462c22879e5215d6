"""`import distune`: the public names, a study from Python, and what `distune.load` takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import distune
from distune.tuning.tracking.store import check_readable
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.ended import Ended


def in_a_new_process(program: str) -> Any:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in distune.__all__:
        assert getattr(distune, name) is not None, name
    with pytest.raises(AttributeError, match="module 'distune' has no attribute 'serch'"):
        distune.serch  # noqa: B018


def test_what_is_shown_is_what_is_public() -> None:
    shown = in_a_new_process("import json, distune; print(json.dumps(dir(distune)))")
    assert shown == sorted([*distune.__all__, "plugs", "testing"])
    program = "import json, distune; print(json.dumps([distune.plugs.__name__, distune.testing.__name__]))"
    assert in_a_new_process(program) == ["distune.plugs", "distune.testing"]


def test_ctrl_c_in_a_search_is_no_mere_exception() -> None:
    assert issubclass(distune.InterruptedSearchError, KeyboardInterrupt)
    assert not issubclass(distune.InterruptedSearchError, Exception)


def test_the_import_brings_nothing_heavy(tmp_path: Path) -> None:
    folder = save_student(checkpoint_of(STUDENTS[0]), tmp_path / "student")
    heavy = (
        "[m for m in ('torch', 'ray', 'mlflow', 'transformers', 'pydantic', 'pandas', 'pyarrow') if m in sys.modules]"
    )
    assert in_a_new_process(f"import sys, json, distune; print(json.dumps({heavy}))") == []
    program = f"import sys, json, distune; distune.load({str(folder)!r}).predict(['好']); print(json.dumps({heavy}))"
    assert in_a_new_process(program) == []


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(distune.CheckpointError, match="is no checkpoint folder: it lacks"):
        distune.load(tmp_path)


@pytest.mark.parametrize("source", [None, 3, b"x", "", {"a": 1}])
def test_what_can_be_no_student_is_refused(source: Any) -> None:
    expected = re.escape(f"what a search found, or a name of the registry, but got {source!r}")
    with pytest.raises(distune.CheckpointError, match=expected):
        distune.load(source)


@pytest.mark.parametrize("source", ["http://x", "sqlite:///x"])
def test_a_uri_that_holds_no_folder_is_refused(source: str) -> None:
    with pytest.raises(distune.StudyError, match=rf"cannot pull: must be a path, or a URI .* but got {source}"):
        distune.load(source)


@pytest.mark.parametrize(
    "uri", [None, "sqlite:///nonexist/none.db", "sqlite:///no.db", "sqlite+pysqlite:///no.db", "mlruns", "file:mlruns"]
)
def test_to_read_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str | None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "no.db").write_bytes(b"")
    expected = f"my-studnt is no folder, and there is no MLflow store at {uri or 'sqlite:///mlflow.db'} to pull it from"
    with pytest.raises(distune.StudyError, match=re.escape(expected)):
        distune.load("my-studnt", uri=uri)
    assert [path.name for path in tmp_path.iterdir()] == ["no.db"]


def test_a_folder_with_an_experiment_is_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("")
    for uri in ("mlruns", "file:mlruns", f"file://{tmp_path}/mlruns", "http://server:5000", "databricks"):
        check_readable(uri, "my-student")


def test_a_store_of_no_known_kind_is_refused() -> None:
    before = os.environ.get("MLFLOW_TRACKING_URI")
    with pytest.raises(distune.StudyError, match="cannot pull my-student@champion from garbage://: "):
        distune.load("my-student", uri="garbage://")
    assert os.environ.get("MLFLOW_TRACKING_URI") == before
    with pytest.raises(distune.CheckpointError, match=r"uri must be that of an MLflow store, .* but got 3"):
        distune.load("my-student", uri=3)  # type: ignore[arg-type]


def test_a_study_comes_from_a_file_or_a_dict_with_settings_replaced(
    document: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]
) -> None:
    path = write_study(document)
    for source in (path, str(path), document):
        study = distune.load_study(source, **{"search.trials": 16, "trial.student": {"kind": "average"}})
        assert study.config.search.trials == study.document["search"]["trials"] == 16
        assert study.document["trial"]["student"] == {"kind": "average"}
    assert document["search"]["trials"] == 4
    assert distune.Study(document).config.search.trials == 4


@pytest.mark.parametrize("function", [distune.check, distune.search, distune.run_trial])
def test_what_is_no_study_is_refused(function: Callable[[Any], Any]) -> None:
    hint = "; distune.load_study(...) makes a study of a file or a dict"
    shown = {"dict {'name': 'tiny'}": {"name": "tiny"}, "str 'study.yaml'": "study.yaml"}
    for text, value in shown.items():
        with pytest.raises(distune.StudyError) as caught:
            function(value)
        assert str(caught.value) == f"{function.__name__} takes a study, but got {text}{hint}"
    with pytest.raises(distune.StudyError, match=f"^{function.__name__} takes a study, but got None$"):
        function(None)


@pytest.mark.parametrize(("source", "shown"), [(None, "None"), (b"x", "bytes b'x'"), (3, "int 3")])
def test_what_no_study_is_made_of_is_refused(source: Any, shown: str) -> None:
    for function, takes in (
        (distune.load_study, "a study file or a dict"),
        (distune.results, "a study, a study file or the folder of a search"),
    ):
        with pytest.raises(distune.StudyError) as caught:
            function(source)  # type: ignore[operator]
        assert str(caught.value) == f"{function.__name__} takes {takes}, but got {shown}"


def test_a_study_is_not_loaded_again_and_a_dict_has_no_results(document: dict[str, Any]) -> None:
    with pytest.raises(distune.StudyError, match=r"but got a Study: pass its \.document"):
        distune.load_study(distune.Study(document))  # type: ignore[arg-type]
    with pytest.raises(distune.StudyError, match=r"but got dict \{.*\}; distune\.load_study\(\.\.\.\) makes a study"):
        distune.results(document)  # type: ignore[arg-type]


def test_every_fault_is_in_one_error(document: dict[str, Any]) -> None:
    document["search"]["trials"] = 0
    document["nonsense"] = 1
    with pytest.raises(distune.StudyError) as caught:
        distune.Study(document)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["search.trials", "nonsense"]


def test_a_study_is_checked(document: dict[str, Any]) -> None:
    assert distune.check(distune.Study(document)).startswith("no fault; 20 train, ")


def test_one_trial_runs_here_with_parts_replaced(document: dict[str, Any]) -> None:
    study = distune.Study(document)
    result = distune.run_trial(
        study, student={"kind": "average", "hidden_layer": 3}, epochs=1, **{"loss.kd_weight": 0.5}
    )
    assert 0 <= result.score <= 1
    assert result.best_epoch == 1
    assert "hidden_layer" not in str(study.document["trial"]["student"][0])
    with pytest.raises(distune.StudyError, match=r"trial\.student"):
        distune.run_trial(study, student={"kind": "nothing"})


def test_every_public_name_is_on_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in distune.__all__ if not re.search(rf"[`.]{name}\b", page)] == []


def test_the_version_is_that_of_the_package() -> None:
    assert distune.__version__ == "0.1.0"


@pytest.mark.slow
def test_what_a_search_found_is_read_from_its_folder(ended: Ended) -> None:
    found = distune.results(str(ended.folder))
    assert found.folder == distune.results(ended.study).folder == str(ended.folder)
    trials = found.trials
    assert len(trials) == 5
    assert {"trial", "state", "accuracy", "latency_ms", "student.kind", "learning_rate"} <= set(trials)
    assert set(found.front["trial"]) <= set(trials["trial"][trials["state"] == "complete"])
    assert "distilled champion" in found.table
    assert distune.load(found).predict(["好"]) == distune.load(found.champion).predict(["好"])


def test_a_study_that_was_not_searched_has_no_results(document: dict[str, Any]) -> None:
    with pytest.raises(distune.StudyError, match="tiny has not been searched yet"):
        distune.results(distune.Study(document))
