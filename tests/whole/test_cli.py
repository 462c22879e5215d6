"""Commands as people type them: what they print, and the exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distune
from distune.corpora.places import Place
from distune.tuning.cli import main
from distune.tuning.commands import students as commands
from distune.tuning.concluding import InterruptedSearchError
from distune.tuning.storage.paths import Folder
from distune.tuning.study.file import Study
from distune.tuning.study.tracking_config import TrackingConfig
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student
from tests.whole.conftest import Run

Write = Callable[[dict[str, Any]], Path]


def test_a_good_study_passes_and_nothing_is_written(
    run: Run, document: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    study = write_study(document)
    code, out, err = run("check", study)
    assert (code, err) == (0, [])
    assert "no fault" in out
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_the_version_is_the_one_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"distune {distune.__version__}\n"


def test_a_copy_that_is_not_installed_says_that_it_knows_no_version(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("distune.tuning.cli.version", unknown)
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 1
    assert capsys.readouterr().err == "distune: the package is not installed, so that its version is not known\n"


def test_the_cache_is_filled_once_and_exported(
    run: Run, document: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    study, file = write_study(document), tmp_path / "logits.parquet"
    assert "teacher logits: 200 texts in" in run("cache", study)[1]
    code, out, _ = run("cache", study, "--export", file)
    assert code == 0
    assert "from the cache" in out
    assert "the teacher is not run" in out
    assert out.rstrip().endswith("logits in float16")
    document["teacher"] = {"logits": str(file)}
    document["name"] = "from-file"
    code, out, _ = run("check", write_study(document))
    assert (code, "no fault" in out) == (0, True)


def test_one_trial_runs_in_this_process(run: Run, document: dict[str, Any], write_study: Write) -> None:
    code, out, _ = run(
        "trial", write_study(document), "--set", "trial.epochs=1", "--set", "trial.student={kind: average}"
    )
    assert code == 0
    assert "student.kind = average" in out
    assert "epoch 1/1: loss" in out


def test_resume_needs_a_search_to_go_on_with(run: Run, document: dict[str, Any], write_study: Write) -> None:
    code, _, err = run("search", write_study(document), "--resume")
    assert (code, len(err)) == (2, 1)
    assert "there is no search of tiny" in err[0]
    assert "has not been searched yet" in run("results", write_study(document))[2][0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_student(checkpoint_of(STUDENTS[0]), tmp_path / "student")


def test_texts_are_answered_a_line_each(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("好书\n差酒店\n\n", encoding="utf-8")
    code, out, _ = run("predict", folder, tmp_path / "texts.txt")
    answers = [json.loads(line) for line in out.splitlines()]
    assert (code, len(answers)) == (0, 3)
    assert set(answers[0]) == {"label", "probabilities", "has_known_token"}
    assert [answer["has_known_token"] for answer in answers] == [True, True, False]


def test_a_folder_is_timed_beside_a_teacher_and_the_last_line_is_json(
    run: Run, folder: Path, tmp_path: Path, teacher_folder: Path
) -> None:
    (tmp_path / "texts.txt").write_text("好书\n差酒店\n" * 10, encoding="utf-8")
    code, out, _ = run("bench", folder, "--against", teacher_folder, "--texts", tmp_path / "texts.txt")
    result = json.loads(out.splitlines()[-1])
    assert code == 0
    assert result["times_faster"] == result["teacher"]["p50_ms"] / result["onnxruntime"]["p50_ms"]
    assert set(result["onnxruntime"]["stages_ms"]) == {"segmentation", "encoding", "network"}
    assert np.isclose(sum(result["torch"]["stages_ms"].values()), result["torch"]["p50_ms"], rtol=0.5)


@pytest.mark.parametrize("command", ["predict", "bench"])
def test_a_folder_that_is_no_checkpoint_is_refused(run: Run, tmp_path: Path, command: str) -> None:
    code, _, err = run(command, tmp_path)
    assert (code, len(err)) == (2, 1)
    assert "is no checkpoint folder" in err[0]
    assert "no such checkpoint folder" in run(command, tmp_path / "none")[2][0]


def test_an_unknown_model_is_refused_with_those_that_there_are(run: Run, tmp_path: Path, migrated: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    code, _, err = run("pull", "nobody", tmp_path / "out", "--uri", uri)
    assert (code, len(err)) == (2, 1)
    assert f"there is no MLflow store at {uri}" in err[0]
    assert not (tmp_path / "mlflow.db").exists()
    shutil.copyfile(migrated, tmp_path / "mlflow.db")
    code, _, err = run("pull", "nobody", tmp_path / "out", "--uri", uri)
    assert (code, len(err)) == (2, 1)
    assert "cannot pull nobody@champion" in err[0]
    assert "registered there: nothing" in err[0]


def test_the_ui_needs_a_store(run: Run, tmp_path: Path) -> None:
    code, _, err = run("ui", "--uri", f"sqlite:///{tmp_path / 'none.db'}")
    assert (code, len(err)) == (2, 1)
    assert "a search makes it" in err[0]


def test_a_report_or_comparison_of_what_was_never_searched_is_one_line(
    run: Run, document: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    study = write_study(document)
    for arguments in (("report", study), ("compare", study, study)):
        assert run(*arguments)[::2] == (2, [f"distune: tiny has not been searched yet (nothing in {tmp_path}/storage)"])
    code, _, err = run("report", tmp_path)
    assert (code, len(err)) == (2, 1)
    assert "is no folder of a search, such as STORAGE/searches/NAME/1: it lacks study.yaml or search.json" in err[0]
    assert run("report", tmp_path, "--set", "storage=x")[0] == 2


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "distune: interrupted"),
        (InterruptedSearchError("interrupted after 2 of 8 trials"), "distune: interrupted after 2 of 8 trials"),
    ],
)
def test_ctrl_c_is_one_line_and_130(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, line: str
) -> None:
    def interrupted(folder: Path, texts: Path | None, abstain_below: float | None) -> None:
        raise error

    monkeypatch.setattr("distune.tuning.serve.predict.predict", interrupted)
    assert run("predict", tmp_path) == (130, "", [line])


def test_what_was_registered_is_what_is_offered_to_be_taken(study: Study, tmp_path: Path) -> None:
    folder = Folder(Place(str(tmp_path / "1")))
    config = study.config
    assert [line.split(":")[0] for line in commands.what_to_do_next(config, folder)] == ["\nresults", "look"]
    # The second of its name, which is no champion: the name alone would fetch the first.
    folder.place.path.mkdir()  # type: ignore[union-attr]
    folder.update(registered={"name": "tiny student", "version": "2", "alias": "challenger"})
    there = config.model_copy(update={"tracking": TrackingConfig(uri="sqlite:///my runs.db")})
    take = "take:    distune pull 'tiny student/2' my-student --uri 'sqlite:///my runs.db'"
    assert take in commands.what_to_do_next(there, folder)
    by_default = config.model_copy(update={"tracking": TrackingConfig()})
    assert "take:    distune pull 'tiny student/2' my-student" in commands.what_to_do_next(by_default, folder)


def test_more_finalists_than_distilled_trials_are_said(run: Run, document: dict[str, Any], write_study: Write) -> None:
    document["search"] |= {"trials": 3, "finalists": 3}
    code, out, _ = run("check", write_study(document))
    assert code == 0
    assert "of 3 trials 2 are distilled students, so there can be no more than 2" in out
