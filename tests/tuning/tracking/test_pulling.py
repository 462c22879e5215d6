"""What a folder from elsewhere may not bring along: files of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from distune.models.network import open_session
from distune.models.students.config import AverageConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.tracking.pulling import pull
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The folder of a search from elsewhere, as much of it as is looked at."""
    champion = tmp_path / "results" / "champion"
    champion.mkdir(parents=True)
    (champion / "labels.json").write_text("[]")
    (tmp_path / "secret.txt").write_text("secret")
    return champion.parent


@pytest.mark.parametrize("link", ["champion/README.md", "champion/inside/deep.txt"])
def test_a_link_out_of_the_folder_is_not_followed(results: Path, tmp_path: Path, link: str) -> None:
    (results / link).parent.mkdir(exist_ok=True)
    (results / link).symlink_to(tmp_path / "secret.txt")
    for named in (results, results / "champion"):
        with pytest.raises(StudyError, match=r"is a symbolic link to .*secret.txt, out of the folder"):
            pull("", str(named), tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_a_folder_that_is_itself_elsewhere_is_not_followed(results: Path, tmp_path: Path) -> None:
    elsewhere = (results / "champion").rename(tmp_path / "elsewhere")
    (results / "champion").symlink_to(elsewhere)
    with pytest.raises(StudyError, match="out of the folder"):
        pull("", str(results), tmp_path / "student")


def test_a_folder_that_leads_to_itself_is_refused(results: Path, tmp_path: Path) -> None:
    (results / "champion" / "again").symlink_to(".")
    with pytest.raises(StudyError, match="or to a folder"):
        pull("", str(results), tmp_path / "student")


def test_a_link_within_the_folder_and_one_that_the_user_names_are_followed(results: Path, tmp_path: Path) -> None:
    shutil.rmtree(results / "champion")
    save_student(checkpoint_of(AverageConfig(kind="average")), results / "champion")
    (results / "champion" / "copy.json").symlink_to("labels.json")
    (tmp_path / "last").symlink_to(results)
    folder = pull("", str(tmp_path / "last"), tmp_path / "student")
    assert (folder / "copy.json").read_text() == (folder / "labels.json").read_text()
    assert not (folder / "copy.json").is_symlink()


@pytest.mark.parametrize("place", ["w.bin", "folder/../w.bin"])
def test_weights_in_files_beside_the_graph_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.bin").write_bytes(np.zeros((2, 3), np.float32).tobytes())
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    weights.external_data.extend([onnx.StringStringEntryProto(key="location", value=place)])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 2), ("y", 3)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(Exception, match="External data path"):
        open_session(model.SerializeToString())
