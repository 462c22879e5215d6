from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ray._private.runtime_env.packaging import _dir_travel

from distune.tuning.shipping import command, file_keys, pack, pins
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, load_study


def packed(document: dict[str, Any], tmp_path: Path) -> Path:
    folder = tmp_path / "job"
    folder.mkdir()
    return pack(Study(document), folder)


def test_the_files_of_a_study_travel_and_it_names_them_by_their_new_place(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "words.txt").write_text("好用 5\n", encoding="utf-8")
    document["trial"]["tokens"] |= {"dictionary": str(tmp_path / "words.txt")}
    document["cluster"] = {"address": "local", "cpus_per_trial": 2}
    folder = packed(document, tmp_path)
    monkeypatch.chdir(folder)
    shipped = load_study(Path("study.yaml")).document
    assert Path(shipped["corpus"]["source"]).read_text() == Path(document["corpus"]["source"]).read_text()
    assert (Path(shipped["teacher"]["checkpoint"]) / "model.safetensors").is_file()
    assert Path(shipped["trial"]["tokens"]["dictionary"]).read_text(encoding="utf-8") == "好用 5\n"
    assert not Path(shipped["corpus"]["source"]).is_absolute()
    assert shipped["cluster"] == {"address": "auto", "cpus_per_trial": 2}
    assert shipped["storage"] == document["storage"]  # it stays where the nodes share it


def test_what_a_checkpoint_keeps_out_of_git_is_sent_too(
    document: dict[str, Any], tmp_path: Path, teacher_folder: Path
) -> None:
    teacher = tmp_path / "kept" / "teacher"
    shutil.copytree(teacher_folder, teacher)
    (teacher / "onnx").mkdir()
    for ignored in (teacher / ".gitignore", teacher / ".rayignore", teacher / "onnx" / ".gitignore"):
        ignored.write_text("*.safetensors\n")
    document["teacher"]["checkpoint"] = str(teacher)
    folder = packed(document, tmp_path)
    sent = sent_by_ray(folder)
    assert any(name.endswith("teacher/model.safetensors") for name in sent)
    assert [name for name in sent if name.endswith("ignore")] == []


def sent_by_ray(folder: Path) -> list[str]:
    """The files that Ray sends of a folder."""
    sent: list[str] = []
    _dir_travel(folder, [], lambda path: sent.append(str(path)), include_gitignore=True)
    return sent


def test_a_hub_id_and_the_name_of_a_column_are_no_files(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("a file that is called as the column is")
    document["corpus"]["text"] = "text"
    document["teacher"]["checkpoint"] = "bert-base-chinese"
    folder = packed(document, tmp_path)
    shipped = load_study(folder / "study.yaml").document
    assert shipped["corpus"]["text"] == "text"
    assert shipped["teacher"]["checkpoint"] == "bert-base-chinese"


def test_every_setting_that_is_a_path_is_marked_to_travel() -> None:
    read = {"source", "dev", "test", "unlabelled", "path", "logits", "answers", "checkpoint", "dictionary", "plugins"}
    assert file_keys() == read
    models: list[type[BaseModel]] = [BaseModel]
    for model in models:
        models += model.__subclasses__()
    paths = {
        name
        for model in models
        if model.__module__.startswith("distune.")
        for name, field in model.model_fields.items()
        if "Path" in str(field.annotation) or "_usable_place" in str(field)
    }
    # The storage is made, not sent.
    assert paths - file_keys() <= {"storage"}


def test_the_code_that_travels_runs_by_itself(document: dict[str, Any], tmp_path: Path) -> None:
    folder = packed(document, tmp_path)
    assert not list(folder.rglob("__pycache__"))
    # -S -E: nothing of this installation, so that what is imported is what was packed.
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); import distune.tuning; print(distune.tuning.__file__)"
    found = subprocess.run([sys.executable, "-S", "-E", "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(folder))


def test_results_that_would_be_lost_with_the_job_are_refused(document: dict[str, Any], tmp_path: Path) -> None:
    document["storage"] = "storage"
    with pytest.raises(StudyError, match="storage: must be a URI, or an absolute path that the cluster's nodes share"):
        packed(document, tmp_path)
    document["storage"] = str(tmp_path)
    document["tracking"]["uri"] = "sqlite:///mlflow.db"
    with pytest.raises(StudyError, match=r"tracking.uri: must be a server, or an absolute path"):
        pack(Study(document), tmp_path / "job")
    document["storage"] = "storage"
    with pytest.raises(StudyError) as caught:
        pack(Study(document), tmp_path / "job")
    assert [fault.partition(":")[0] for fault in str(caught.value).split("\n")] == ["storage", "tracking.uri"]


def test_a_search_that_is_sent_takes_the_store_of_the_environment_along(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000/my store")
    assert "MLFLOW_TRACKING_URI" not in command(Study(document), " --resume")  # It names its own.
    document["tracking"] = {}
    study = Study({**document, "storage": str(tmp_path)})
    assert command(study, " --resume").startswith("export MLFLOW_TRACKING_URI='http://server:5000/my store'; trap ")
    folder = pack(study, tmp_path / "job")
    assert "server" not in (folder / "study.yaml").read_text()


def test_files_too_large_to_be_sent_are_refused(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.tuning.shipping.LARGEST_MB", 0.01)
    with pytest.raises(StudyError, match=r"too large to be sent: \d+ MB of at most 0.01; put them where every node"):
        packed(document, tmp_path)


def test_the_pins_name_what_a_search_needs_but_not_ray_itself(document: dict[str, Any]) -> None:
    names = {pin.split("==")[0] for pin in pins(Study(document))}
    assert {"torch", "transformers", "optuna", "mlflow", "jieba", "snownlp"} <= names
    assert not {"ray", "pytest", "ruff", "datasets"} & names


def test_a_study_of_the_hub_needs_its_package_there_even_if_it_is_not_installed_here(document: dict[str, Any]) -> None:
    document["corpus"]["more_unlabelled"] = [{"path": ["hf://datasets/owner/name#train"]}]
    (pin,) = [one for one in pins(Study(document)) if one.startswith("datasets")]
    try:
        assert pin == f"datasets=={importlib.metadata.version('datasets')}"
    except importlib.metadata.PackageNotFoundError:
        assert pin == "datasets>=4.0"


def test_several_files_travel_and_a_pattern_stands_for_their_copies(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("data/a/x-1.csv", "data/b/x-2.csv", "data/b/y.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    document["corpus"]["source"] = str(tmp_path / "data" / "*" / "x-*.csv")
    document["corpus"]["unlabelled"] = [str(tmp_path / "data/b/y.csv"), "s3://bucket/more-*.csv"]
    document["corpus"]["more_unlabelled"] = [{"path": "nowhere-*.csv"}]
    for name in ("votes-1.csv", "votes-2.csv"):
        (tmp_path / name).write_text(name)
    document["teacher"] = {"answers": [str(tmp_path / "votes-1.csv"), str(tmp_path / "votes-2.csv")]}
    document["more_teachers"] = [{"answers": {"path": str(tmp_path / "votes-*.csv")}}]
    folder = packed(document, tmp_path)
    monkeypatch.chdir(folder)
    shipped = load_study(Path("study.yaml")).document
    assert [Path(one).read_text() for one in shipped["teacher"]["answers"]] == ["votes-1.csv", "votes-2.csv"]
    assert len(list(Path().glob(shipped["more_teachers"][0]["answers"]["path"]))) == 2
    shipped = shipped["corpus"]
    found = sorted(Path().glob(shipped["source"]))
    assert [path.read_text() for path in found] == ["data/a/x-1.csv", "data/b/x-2.csv"]
    assert Path(shipped["unlabelled"][0]).read_text() == "data/b/y.csv"
    assert shipped["unlabelled"][1] == "s3://bucket/more-*.csv"
    assert shipped["more_unlabelled"] == [{"path": "nowhere-*.csv"}]
