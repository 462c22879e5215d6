"""A student of several labels a text: every way of asking answers the same sets, by the threshold of each label."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature

import distune
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.compression.apply import compress
from distune.models.compression.config import AnyCompressionConfig
from distune.models.compression.trained import CalibrationData
from distune.models.decision import decision_of
from distune.models.predictor import Predictor
from distune.models.students.config import AverageConfig, BiLSTMConfig
from distune.tuning.cli import main
from distune.tuning.compress import Texts, _measured
from distune.tuning.speed.contenders import onnx_contender, torch_contender
from distune.tuning.tracking import pyfunc_model
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.folders_of_sets import LABELS, TEXTS, folder_of_sets, sets_by_hand
from tests.making.pairs import PAIRS, pair_checkpoint
from tests.making.server import as_json, ask, served

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = checkpoint_of(AverageConfig(kind="average"), LABELS)
    return folder_of_sets(checkpoint, TEXTS, tmp_path_factory.mktemp("several"))


def labels_in(answers: Iterable[Any]) -> list[list[str]]:
    return [answer["labels"] for answer in answers]


def test_every_way_of_asking_answers_the_same_sets(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = sets_by_hand(folder, TEXTS)
    assert [] in sets
    assert max(map(len, sets)) > 1
    predictor = Predictor(folder, load_encoder(folder))
    assert labels_in(predictor.answers(TEXTS)) == sets
    assert [predictor.labels_of(text) for text in TEXTS] == sets
    student = distune.load(folder)
    assert student.predict(TEXTS) == sets
    assert list(student.predict(iter(TEXTS))) == sets
    answers = [json.loads(line) for line in by_program(folder)]
    assert labels_in(answers) == sets
    assert [list(answer) for answer in answers] == [["labels", "probabilities", "has_known_token"]] * len(TEXTS)
    assert [answer["has_known_token"] for answer in answers] == [True] * 5 + [False]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(folder), str(tmp_path / "texts.txt")])
    assert ended.value.code == 0
    assert labels_in(json.loads(line) for line in capsys.readouterr().out.splitlines()) == sets
    for contender in (onnx_contender(folder), torch_contender(folder)):
        assert predictor.named(contender.batch(TEXTS)) == sets
        assert [in_stages(contender.stages.values(), text) for text in TEXTS] == sets
    _, answered = _measured(folder, Texts((), TEXTS, np.full((len(TEXTS), 3), -1)), mock.sentinel.latency)
    assert predictor.named(answered) == sets


def by_program(folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(folder)], input="\n".join(TEXTS), text=True, capture_output=True, check=True
    )
    return done.stdout.splitlines()


def in_stages(stages: Any, value: Any) -> Any:
    for stage in stages:
        value = stage(value)
    return value


def test_a_series_keeps_its_index_and_probabilities_are_independent(folder: Path) -> None:
    student, index = distune.load(folder), [7, 3, 5, 2, 9, 4]
    texts = pd.Series(TEXTS, index=index)
    found = student.predict(texts)
    assert (found.name, found.index.tolist(), found.tolist()) == ("labels", index, sets_by_hand(folder, TEXTS))
    # As many labels for each text is no table.
    alike = student.predict(texts.iloc[[0, 0]])
    assert alike.tolist() == [found[7]] * 2
    assert student.predict(texts.iloc[:0]).tolist() == []
    proba = student.predict_proba(texts)
    assert (list(proba), proba.index.tolist()) == (list(LABELS), index)
    logits = Predictor(folder, load_encoder(folder)).logits(TEXTS)
    np.testing.assert_allclose(proba.to_numpy(), 1 / (1 + np.exp(-logits)), atol=1e-6)
    np.testing.assert_allclose(list(student.predict_proba(iter(TEXTS))), proba.to_numpy(), atol=1e-6)


def test_one_label_of_such_a_student_is_refused_with_what_to_ask(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"several labels a text: ask labels_of\(text\), or answers\(texts\)"):
        Predictor(folder, load_encoder(folder)).label("好")


def test_a_student_of_one_label_gives_it_in_a_list_too(tmp_path: Path) -> None:
    one = save_student(checkpoint_of(AverageConfig(kind="average")), tmp_path / "one")
    predictor = Predictor(one, load_encoder(one))
    assert predictor.labels_of("好") == [predictor.label("好")]
    assert "label" in next(predictor.answers(["好"]))


def test_the_package_of_the_folder_names_both_kinds_of_answers(folder: Path, tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from distune_student import Answer, AnyAnswer, SetAnswer, load
assert AnyAnswer == Answer | SetAnswer
print(list(SetAnswer.__annotations__), load().labels_of("好书"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    (labels,) = sets_by_hand(folder, ["好书"])
    assert done.stdout == f"['labels', 'probabilities', 'has_known_token', 'abstained'] {labels}\n"


def test_the_server_answers_them_alone_and_in_batches(folder: Path) -> None:
    sets = sets_by_hand(folder, TEXTS)
    with served(folder) as (_, port):
        status, told, _ = ask(port, "/predict", as_json({"texts": TEXTS}))
        assert (status, labels_in(told["answers"])) == (200, sets)
        alone = [ask(port, "/predict", as_json({"texts": [text]}))[1]["answers"][0] for text in TEXTS]
        assert labels_in(alone) == sets
        table = {"dataframe_records": [{"text": text} for text in TEXTS]}
        status, told, _ = ask(port, "/invocations", as_json(table))
        assert (status, labels_in(told["predictions"])) == (200, sets)
        names = ["labels", *(f"probability_{label}" for label in LABELS), "has_known_token"]
        assert [list(row) for row in told["predictions"]] == [names] * len(TEXTS)
        program = [sys.executable, str(ROOT / "examples" / "use" / "ask_server.py"), f"http://127.0.0.1:{port}"]
        lines = "".join(f"{text}\n" for text in TEXTS)
        done = subprocess.run(program, input=lines, capture_output=True, text=True, check=True)
        assert [json.loads(line) for line in done.stdout.splitlines()] == told["predictions"]
        assert ask(port, "/health")[1]["labels"] == list(LABELS)
        assert ask(port, "/ready")[0] == 200


def test_mlflow_loads_and_asks_it(folder: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"text": TEXTS}, index=[7, 3, 5, 2, 9, 4])
    mlflow.pyfunc.save_model(
        str(tmp_path / "model"),
        python_model=str(pyfunc_model.__file__),
        artifacts={"checkpoint": str(folder)},
        signature=infer_signature(table),
        input_example=table,
        pip_requirements=["onnxruntime"],
    )
    found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(table)
    assert list(found) == ["labels", *(f"probability_{label}" for label in LABELS), "has_known_token"]
    assert found["labels"].tolist() == sets_by_hand(folder, TEXTS)
    assert found.index.tolist() == table.index.tolist()
    assert found["has_known_token"].tolist() == [True] * 5 + [False]
    proba = distune.load(folder).predict_proba(TEXTS)
    np.testing.assert_allclose(found.filter(like="probability_").to_numpy(), proba, atol=1e-6)


KINDS = {get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(AnyCompressionConfig)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_student_answers_the_sets_of_its_graph(kind: str, tmp_path: Path) -> None:
    config = BiLSTMConfig(kind="bilstm", hidden_size=8)
    checkpoint = checkpoint_of(config, LABELS)
    rows = [np.array(row) for row in ([2, 3], [4, 5, 3], [2], [6, 5])]
    settings = {"kind": kind} | ({"epochs": 0} if "epochs" in KINDS[kind].model_fields else {})
    made = compress(checkpoint.trained, [KINDS[kind](**settings)], CalibrationData(rows))
    smaller = replace(checkpoint, trained=made.trained, quantized=None if made.is_exact else made.graph)
    folder = folder_of_sets(smaller, TEXTS, tmp_path)
    sets = sets_by_hand(folder, TEXTS)
    assert len({*map(tuple, sets)}) > 1
    assert distune.load(folder).predict(TEXTS) == sets
    assert [distune.load(folder).predict([text])[0] for text in TEXTS] == sets
    predictor = Predictor(folder, load_encoder(folder))
    assert predictor.named(onnx_contender(folder).batch(TEXTS)) == sets
    # Saved again, as `distune compress` does.
    again = save_student(load_checkpoint(folder), tmp_path / "again")
    assert distune.load(again).predict(TEXTS) == sets


def test_pairs_of_texts_have_several_labels(tmp_path: Path) -> None:
    folder = folder_of_sets(pair_checkpoint(("same", "rude")), PAIRS, tmp_path)
    sets = sets_by_hand(folder, PAIRS)
    assert len({*map(tuple, sets)}) > 1
    student = distune.load(folder)
    assert student.predict(PAIRS) == sets
    assert list(student.predict(iter(PAIRS))) == sets
    model = pyfunc_model.StudentModel()
    model.load_context(type("Context", (), {"artifacts": {"checkpoint": str(folder)}}))
    table = model.predict(None, pd.DataFrame(PAIRS, columns=["text", "text_b"]))
    assert table["labels"].tolist() == sets
    lines = "".join("\t".join(pair) + "\n" for pair in PAIRS)
    done = subprocess.run([sys.executable, str(folder)], input=lines, text=True, capture_output=True, check=True)
    assert labels_in(json.loads(line) for line in done.stdout.splitlines()) == sets
    for contender in (onnx_contender(folder), torch_contender(folder)):
        assert student._predictor.named(contender.batch(PAIRS)) == sets  # type: ignore[arg-type]


def test_the_ten_lines_of_the_page_refuse_it(tmp_path: Path) -> None:
    words = {"kind": "words", "segmenter": "jieba", "hmm": False, "user_words": [], "max_tokens": 9, "cut": "as_spelt"}
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average"), LABELS), tokens=words)
    folder = folder_of_sets(checkpoint, TEXTS, tmp_path)
    program = [sys.executable, str(ROOT / "examples" / "use" / "ten_lines.py"), str(folder)]
    done = subprocess.run(program, input="好\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"these lines know plain words, no pairs and no threshold: python {folder} answers for this student\n"
    )


def blocks_after(page: str, mark: str, language: str) -> list[str]:
    """The blocks in a language from a mark up to the next heading."""
    (about,) = (ROOT / "docs" / page).read_text(encoding="utf-8").split(mark)[1:]
    return re.findall(rf"^```{language}\n(.*?)^```$", about.split("\n## ")[0], re.S | re.M)


def test_the_answer_on_the_page_follows_from_the_thresholds_on_it(folder: Path) -> None:
    rule, answer = map(json.loads, blocks_after("use.md", "\n## Several labels a text\n", "json"))
    decision = decision_of(rule["thresholds"], LABELS, rule["multi_label"])
    answered = decision.of_probabilities(np.array([[answer["probabilities"][label] for label in LABELS]]))
    assert decision.labels_of(answered, LABELS) == [answer["labels"]] == [["late", "broken"]]
    (found,) = Predictor(folder, load_encoder(folder)).answers(["好"])
    assert (list(answer), list(answer["probabilities"])) == (list(found), list(found["probabilities"]))


@pytest.mark.parametrize(
    ("page", "mark"),
    [("use.md", "\n## Several labels a text\n"), ("python.md", "\nA student of [several labels a text]")],
)
def test_the_program_on_the_page_runs(page: str, mark: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "my-student")
    (program,) = blocks_after(page, mark, "py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT) if page == "python.md" else ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    texts = re.findall(r'\["(.*?)", "(.*?)"\]', program)[0]
    printed = sets_by_hand(folder, texts)
    assert done.stdout.splitlines()[0] == str(printed if page == "python.md" else printed[0])
