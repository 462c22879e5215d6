"""The registry of models: who becomes champion, what is registered, and what is pulled."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from distune.corpora.encoding import load_encoder
from distune.models.checkpoint_folder import check_folder
from distune.models.predictor import Predictor
from distune.tuning.study.errors import StudyError
from distune.tuning.tracking.promotion import Candidate
from distune.tuning.tracking.pulling import pull
from distune.tuning.tracking.registry import log_model, register
from tests.making.ended import Ended
from tests.making.reviews import reviews

pytestmark = pytest.mark.slow


def test_the_champion_is_pulled_and_answers_like_the_pyfunc(ended: Ended, tmp_path: Path) -> None:
    uri = ended.study.config.tracking.uri
    folder = pull(uri, "tiny-student", tmp_path / "student")
    check_folder(folder)
    assert "distilled champion" in (folder / "README.md").read_text(encoding="utf-8")
    texts = [text for text, _ in reviews(10)]
    answers = list(Predictor(folder, load_encoder(folder)).answers(texts))
    mlflow.set_tracking_uri(uri)
    table = mlflow.pyfunc.load_model("models:/tiny-student@champion").predict(pd.DataFrame({"text": texts}))
    assert table["label"].tolist() == [answer["label"] for answer in answers]
    probabilities = [answer["probabilities"]["praise"] for answer in answers]
    np.testing.assert_allclose(table["probability_praise"], probabilities, atol=1e-6)


def test_a_folder_of_results_and_a_run_are_pulled_as_well(ended: Ended, tmp_path: Path) -> None:
    uri = ended.study.config.tracking.uri
    version = MlflowClient(uri).get_model_version_by_alias("tiny-student", "champion")
    weights = []
    for name, reference in enumerate((f"runs:/{version.run_id}/student", str(ended.folder), "tiny-student/1")):
        folder = pull(uri, reference, tmp_path / str(name))
        check_folder(folder)
        weights.append((folder / "weights.safetensors").read_bytes())
    assert len(set(weights)) == 1
    with pytest.raises(StudyError, match="holds no checkpoint, and no results of a search"):
        pull(uri, str(tmp_path), tmp_path / "out")


def test_a_later_version_takes_the_alias_only_if_it_wins(ended: Ended, store: str) -> None:
    client = MlflowClient(store)
    run_id = client.create_run(client.create_experiment("e")).info.run_id
    checkpoint = Path(str(ended.folder)) / "champion"
    found = []
    for trial, accuracy in enumerate((0.8, 0.7, 0.9)):
        candidate = Candidate(
            corpus="corpus",
            answers="answers",
            teacher="teacher",
            rule="the rule",
            by_speed=False,
            dev_score=accuracy,
            p50_ms=0.1,
            speedup=50.0,
        )
        registered = register(store, "tiny-student", log_model(store, run_id, checkpoint, ["好"], trial), candidate)
        aliases = client.get_registered_model("tiny-student").aliases
        named = [str(aliases.get(name, "")) for name in ("champion", "challenger")]
        found.append((registered.is_champion, *named, registered.reason))
    assert [one[:3] for one in found] == [(True, "1", ""), (False, "1", "2"), (True, "3", "2")]
    assert found[0][3] == "the first of its name"
    assert found[1][3] == "version 1 was the champion: dev score 0.7000 against 0.8000"
    assert client.get_model_version("tiny-student", "3").tags["distune.dev_score"] == "0.9"


def test_the_registered_model_carries_no_pickle_and_none_of_this_project(ended: Ended, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(ended.study.config.tracking.uri)
    model = Path(mlflow.artifacts.download_artifacts("models:/tiny-student@champion", dst_path=str(tmp_path)))
    names = {path.name for path in model.rglob("*") if path.is_file()}
    assert not any(name.endswith((".pkl", ".pickle", ".pt", ".bin")) for name in names)
    needs = (model / "requirements.txt").read_text(encoding="utf-8")
    assert {line.split("==")[0] for line in needs.split()} == {"onnxruntime", "numpy", "jieba", "pandas", "mlflow"}


def test_an_alias_version_or_name_that_is_not_there_is_refused(ended: Ended, tmp_path: Path) -> None:
    for reference in ("tiny-student@nobody", "tiny-student/99", "nobody"):
        with pytest.raises(StudyError, match="registered there: tiny-student"):
            pull(ended.study.config.tracking.uri, reference, tmp_path / "out")
