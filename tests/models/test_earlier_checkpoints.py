"""A checkpoint of commit 937cf56, whose programs were `predict.py` and `encoding.py`, opens unchanged wherever a checkpoint does.

`checkpoint_of_937cf56.tar.gz` was written by that commit's `save_checkpoint` and by MLflow with its `pyfunc_model.py`.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from rich.console import Console

import distune
from distune.models.checkpoint_folder import FILES, SUMS
from distune.tuning.cli import main
from distune.tuning.speed.bench import bench
from distune.tuning.tracking.registry import log_model
from tests.making.server import as_json, ask, served

PACKED = Path(__file__).with_name("checkpoint_of_937cf56.tar.gz")
TEXTS = ["好 书", "差 差", "Ｕ盘 酒店", "xyz"]
GOOD = [0.754832, 0.759857, 0.757225, 0.763619]
"""What its own program answered when it was written."""
ANSWERS = [
    {
        "label": "good",
        "probabilities": {"bad": pytest.approx(1 - good, abs=1e-5), "good": pytest.approx(good, abs=1e-5)},
    }
    | {"has_known_token": text != "xyz"}
    for text, good in zip(TEXTS, GOOD, strict=True)
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of MLflow's model."""
    with tarfile.open(PACKED) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "model"


@pytest.fixture
def folder(model: Path) -> Path:
    return model / "artifacts" / "student"


def probabilities(table: pd.DataFrame) -> list[float]:
    return list(table["probability_good"])


def texts_file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def test_its_own_program_answers(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, "predict.py", "encoding.py"}
    program = [sys.executable, str(folder / "predict.py")]
    done = subprocess.run(program, input="\n".join(TEXTS), capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == ANSWERS


def test_predict_and_python_answer(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", str(folder), str(texts_file(tmp_path))])
    assert stopped.value.code == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ANSWERS
    assert distune.load(folder).predict_proba(TEXTS)[:, 1] == pytest.approx(GOOD, abs=1e-5)


@pytest.mark.slow
def test_serve_answers(folder: Path) -> None:
    with served(folder) as (_, port):
        assert ask(port, "/predict", as_json({"texts": TEXTS}))[:2] == (200, {"answers": ANSWERS})


def test_bench_measures_it(folder: Path) -> None:
    stream = io.StringIO()
    bench(folder, None, TEXTS * 4, Console(file=stream, width=400))
    assert "p50 ms" in stream.getvalue()


def test_compressed_it_has_the_package_of_now_and_a_card_that_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "from predict import Predictor" in (folder / "README.md").read_text(encoding="utf-8")
    target = tmp_path / "smaller"
    with pytest.raises(SystemExit) as stopped:
        main(["compress", str(folder), str(target), "--half", "float16", "--texts", str(texts_file(tmp_path))])
    assert stopped.value.code == 0, capsys.readouterr().err
    assert {path.name for path in target.iterdir()} == {*FILES, SUMS, "__main__.py", "distune_student"}
    card = (target / "README.md").read_text(encoding="utf-8")
    assert "predict.py" not in card
    assert "python FOLDER < texts.txt" in card
    assert card.endswith('Compressed afterwards by {"kind":"half","dtype":"float16"}.\n')
    assert distune.load(target).predict_proba(TEXTS)[:, 1] == pytest.approx(GOOD, abs=1e-2)


def test_its_mlflow_model_answers(model: Path) -> None:
    table = mlflow.pyfunc.load_model(str(model)).predict(pd.DataFrame({"text": TEXTS}))
    assert probabilities(table) == pytest.approx(GOOD, abs=1e-5)


@pytest.mark.slow
def test_logged_now_it_answers_as_an_mlflow_model(folder: Path, tmp_path: Path, store: str) -> None:
    client = mlflow.MlflowClient(store)
    run_id = client.create_run(client.create_experiment("e", f"file://{tmp_path / 'artifacts'}")).info.run_id
    logged = log_model(store, run_id, folder, TEXTS, 3)
    mlflow.set_tracking_uri(store)
    table = mlflow.pyfunc.load_model(logged.uri).predict(pd.DataFrame({"text": TEXTS}))
    assert probabilities(table) == pytest.approx(GOOD, abs=1e-5)
