"""`distune compress` on a student that was trained and saved for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distune
from distune.corpora import encoding
from distune.corpora.corpus import load_corpus
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint, save_checkpoint
from distune.models.checkpoint_folder import CheckpointError
from distune.models.compression.config import PruneUnitsConfig
from distune.models.decision import Decision
from distune.models.predictor import Predictor
from distune.tuning.champion.compressed import Side, told_apart, what_got_worse
from distune.tuning.champion.finalists import Finalist, save_finalist
from distune.tuning.cli import main
from distune.tuning.compress import configs_of
from distune.tuning.metric.config import MetricConfig
from distune.tuning.speed.figures import Latency
from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import fine_tuner, run_trial
from tests.conftest import prepared_study, reviews

NO_FLAGS = {"trim_vocabulary": None, "prune_units": None, "half": None, "int8": False}


@pytest.fixture
def folder(document: dict[str, Any], tmp_path: Path) -> Path:
    """A checkpoint of the tiny study."""
    prepared = prepared_study(document)
    config = TrialConfig.model_validate(
        {
            "tokens": document["trial"]["tokens"],
            "vectors": document["trial"]["vectors"],
            "epochs": 2,
            "student": {"kind": "bilstm", "hidden_size": 8},
            "loss": {"kd_weight": 0.5, "teacher_term": {"kind": "mse"}},
        }
    )
    result = run_trial(config, prepared.of(config).data, lambda report: None)
    finalist = Finalist(TrialRecord(number=0, state="complete", config=config), (result,), (result,))
    return save_finalist(finalist, prepared, tmp_path / "student")


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_a_checkpoint_is_compressed_and_measured_against_its_study(
    folder: Path,
    tmp_path: Path,
    document: dict[str, Any],
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "small"
    study = str(write_study(document))
    code, out, _ = run(
        ["compress", str(folder), str(target), "--prune-units", "0.5", "--half", "float16", "--study", study], capsys
    )
    assert code == 0
    figures = json.loads(out.strip().splitlines()[-1])
    assert figures["after"]["n_parameters"] < figures["before"]["n_parameters"]
    assert figures["after"]["size_mb"] < figures["before"]["size_mb"]
    assert 0 <= figures["after"]["accuracy"] <= 1
    assert 0 <= figures["agreement"] <= 1
    assert figures["after"]["latency"]["p50_ms"] > 0
    assert "agrees with before" in out
    small = load_checkpoint(target)
    assert small.trained.config.model_dump()["hidden_size"] == 4
    assert small.trained.structure.dtype == "float16"
    assert "Compressed afterwards by" in (target / "README.md").read_text(encoding="utf-8")


def test_a_study_may_have_the_labels_in_another_order(
    folder: Path,
    tmp_path: Path,
    document: dict[str, Any],
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt: list[TrialData] = []
    monkeypatch.setattr(
        "distune.tuning.compress.fine_tuner", lambda config, data: learnt.append(data) or fine_tuner(config, data)
    )
    document["teacher"] = {**document["teacher"], "labels": ["0", "1"]}
    figures = []
    for labels in (["0", "1"], ["1", "0"]):
        study = str(write_study({**document, "corpus": {**document["corpus"], "labels": labels}}))
        target = str(tmp_path / f"small {labels[0]}")
        code, out, _ = run(
            ["compress", str(folder), target, "--prune-units", "0.5", "--epochs", "1", "--study", study], capsys
        )
        assert code == 0
        figures.append(json.loads(out.strip().splitlines()[-1]))
    assert figures[0]["before"]["accuracy"] == figures[1]["before"]["accuracy"]
    np.testing.assert_array_equal(learnt[0].labels, learnt[1].labels)
    np.testing.assert_array_equal(learnt[0].dev_labels, learnt[1].dev_labels)
    np.testing.assert_allclose(learnt[0].teacher_logits, learnt[1].teacher_logits, rtol=1e-5)


@pytest.fixture
def of_several(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The tiny study with two labels a text: whether it is positive, and whether its place is even."""
    rows = [
        {"text": text, "labels": [*(["good"] if label == "1" else []), *(["even"] if place % 2 == 0 else [])]}
        for place, (text, label) in enumerate(reviews(120))
    ]
    source = tmp_path / "several.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    logits = tmp_path / "logits.jsonl"
    lines = [
        {"text": row["text"], **{f"logit_{name}": 3 if name in row["labels"] else -3 for name in ("even", "good")}}
        for row in rows
    ]
    logits.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    corpus = {"source": str(source), "label": "labels", "multi_label": True}
    return {**document, "corpus": corpus, "teacher": {"logits": str(logits)}}


def test_a_student_of_several_labels_is_compressed_by_its_study_in_whatever_order_the_labels_are(
    of_several: dict[str, Any], tmp_path: Path, write_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = prepared_study(of_several)
    config = TrialConfig.model_validate(
        {
            "tokens": of_several["trial"]["tokens"],
            "vectors": of_several["trial"]["vectors"],
            "student": {"kind": "bilstm", "hidden_size": 8},
            "loss": {"kd_weight": 0.5, "class_weights": {"good": 2.0}},
        }
    )
    result = run_trial(config, prepared.of(config).data, lambda report: None)
    finalist = Finalist(TrialRecord(number=0, state="complete", config=config), (result,), (result,))
    student = save_finalist(finalist, prepared, tmp_path / "student")
    scores = []
    for labels in (["even", "good"], ["good", "even"]):
        study = str(write_study({**of_several, "corpus": {**of_several["corpus"], "labels": labels}}))
        target = str(tmp_path / f"small {labels[0]}")
        code, out, err = run(
            ["compress", str(student), target, "--prune-units", "0.5", "--epochs", "1", "--study", study], capsys
        )
        assert code == 0, err
        assert "exact match" in out
        assert "micro-F1" in out
        scores.append(json.loads(out.strip().splitlines()[-1])["before"]["score"])
    assert scores[0] == scores[1] == pytest.approx(result.score)
    small, dev = tmp_path / "small even", prepared.corpus.dev
    predictor = Predictor(small, load_encoder(small))
    logits = np.concatenate([predictor.logits([text]) for text in dev.texts])
    # Compression has changed the probabilities, and dev has chosen the thresholds again.
    assert load_checkpoint(student).decision != predictor.decision == prepared.metric.decision(logits, dev.labels)
    assert "Dev has chosen what is answered from which probability on again, by micro-F1: " in (
        small / "README.md"
    ).read_text(encoding="utf-8")


def test_thresholds_stay_if_there_is_no_study_to_choose_them_or_if_it_chooses_none(
    folder: Path,
    tmp_path: Path,
    document: dict[str, Any],
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "texts.txt").write_text("好\n坏\n", encoding="utf-8")
    chosen = replace(load_checkpoint(folder), decision=Decision(1, 0.25))
    given = tmp_path / "chosen"
    save_checkpoint(chosen, given, "", Path(encoding.__file__))
    for name, source in (
        ("texts", ["--texts", str(tmp_path / "texts.txt")]),
        ("study", ["--study", str(write_study({**document, "metric": "accuracy"}))]),
    ):
        code, _, err = run(["compress", str(given), str(tmp_path / name), "--half", "float16", *source], capsys)
        assert code == 0, err
        assert load_checkpoint(tmp_path / name).decision == Decision(1, 0.25)


def test_a_student_of_one_label_is_not_compressed_by_a_study_of_several(
    folder: Path,
    of_several: dict[str, Any],
    tmp_path: Path,
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Path(of_several["corpus"]["source"])
    source.write_text(source.read_text(encoding="utf-8").replace("good", "1").replace("even", "0"), encoding="utf-8")
    code, _, err = run(
        ["compress", str(folder), str(tmp_path / "x"), "--int8", "--study", str(write_study(of_several))], capsys
    )
    assert code == 2
    assert "answers one label a text, but the study's corpus has several (corpus.multi_label)" in err


def test_a_study_of_other_labels_is_refused(
    folder: Path,
    tmp_path: Path,
    document: dict[str, Any],
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Path(document["corpus"]["source"])
    other = tmp_path / "other.csv"
    other.write_text(source.read_text(encoding="utf-8").replace(",1\n", ",2\n"), encoding="utf-8")
    study = str(write_study({**document, "corpus": {**document["corpus"], "source": str(other)}}))
    code, _, err = run(["compress", str(folder), str(tmp_path / "x"), "--int8", "--study", study], capsys)
    assert code == 2
    assert f"{folder} has the labels 0, 1, but the study's corpus has 0, 2" in err


def test_a_quantized_checkpoint_answers_without_a_study(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(text for text, _ in reviews(40)), encoding="utf-8")
    code, out, _ = run(["compress", str(folder), str(tmp_path / "q"), "--int8", "--texts", str(texts)], capsys)
    assert code == 0
    figures = json.loads(out.strip().splitlines()[-1])
    assert figures["after"]["accuracy"] is None
    assert figures["agreement"] > 0.5
    quantized = load_checkpoint(tmp_path / "q")
    assert quantized.quantized == (tmp_path / "q" / "model.onnx").read_bytes()
    np.testing.assert_array_equal(
        quantized.trained.student.head[1].weight.detach(),
        load_checkpoint(folder).trained.student.head[1].weight.detach(),
    )
    code, _, err = run(["compress", str(tmp_path / "q"), str(tmp_path / "qq"), "--int8", "--texts", str(texts)], capsys)
    assert code == 2
    assert "is quantized already; compress the folder that it was made from" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do: name a compression"),
        (["--prune-units", "0.5"], "prune_units is followed by fine-tuning, which needs the study"),
        (
            ["--prune-units", "1.5", "--epochs", "0"],
            "--prune-units: must be <= 1, but got 1.5",
        ),
        (["--low-rank", "0.9", "--embedding-int8"], "embedding_int8 cannot follow low_rank"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("好\n差\n", encoding="utf-8")
    code, _, err = run(["compress", str(folder), str(tmp_path / "x"), *arguments, "--texts", str(texts)], capsys)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_flags_become_compressions_in_their_order() -> None:
    found = configs_of({**NO_FLAGS, "prune_units": 0.25, "int8": True}, epochs=3)
    assert [config.kind for config in found] == ["prune_units", "int8"]
    assert found[0] == PruneUnitsConfig(kind="prune_units", keep=0.25, epochs=3)
    with pytest.raises(CheckpointError, match=r"--trim-vocabulary: must be > 0, but got 0.0"):
        configs_of({**NO_FLAGS, "trim_vocabulary": 0.0}, None)


def side(p50_ms: float, size_mb: float, accuracy: float | None) -> Side:
    latency = Latency(p50_ms=p50_ms, p95_ms=9.0, p99_ms=9.0, texts_per_s=1.0, stages_ms={})
    return Side(size_mb=size_mb, n_parameters=1, accuracy=accuracy, latency=latency)


def test_a_study_of_another_metric_measures_by_it(
    folder: Path,
    tmp_path: Path,
    document: dict[str, Any],
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = str(write_study({**document, "metric": {"f1": {"label": "1", "threshold": "none"}}}))
    code, out, _ = run(["compress", str(folder), str(tmp_path / "small"), "--int8", "--study", study], capsys)
    assert code == 0
    figures = json.loads(out.strip().splitlines()[-1])
    dev = load_corpus(Study(document).config.corpus).dev
    said = distune.load(folder).predict(dev.texts)
    right = sum(answer == "1" and label == 1 for answer, label in zip(said, dev.labels, strict=True))
    n_said, n_true = said.count("1"), int(dev.labels.sum())
    assert figures["metric"] == "f1"
    assert figures["before"]["score"] == pytest.approx(2 * right / (n_said + n_true))
    assert f"F1 of 1 │ {figures['before']['score']:.4f}" in " ".join(out.split())
    assert "accuracy" in out


def test_a_metric_of_a_label_that_dev_lacks_is_refused(
    folder: Path,
    tmp_path: Path,
    document: dict[str, Any],
    write_study: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = str(write_study({**document, "metric": {"f1": "spam"}}))
    code, _, err = run(["compress", str(folder), str(tmp_path / "small"), "--int8", "--study", study], capsys)
    assert code == 2
    assert "metric.label: 'spam' is no label of the corpus" in err
    assert not (tmp_path / "small").exists()


def test_a_lower_score_by_the_metric_of_the_study_is_said() -> None:
    before, after = replace(side(0.1, 1.0, 0.9), score=0.5), replace(side(0.1, 1.0, 0.9), score=0.4)
    line = "a lower F1 of spam than before: 0.4000 against 0.5000"
    assert what_got_worse(before, after, MetricConfig(kind="f1", label="spam")) == [line]
    assert what_got_worse(after, before, MetricConfig(kind="f1", label="spam")) == []


def test_a_compressed_student_that_is_worse_is_said_to_be_so() -> None:
    assert what_got_worse(side(0.1, 1.0, 0.9), side(0.15, 1.5, 0.85)) == [
        "slower than before: p50 0.150 ms against 0.100 ms, 1.50 times as long",
        "larger than before: 1.50 MB against 1.00 MB",
        "less accurate than before: 0.8500 against 0.9000",
    ]
    assert what_got_worse(side(0.1, 1.0, None), side(0.104, 0.5, None)) == []


def test_figures_that_differ_are_shown_with_digits_that_differ() -> None:
    before, after = replace(side(0.1, 0.0101, 0.90001)), replace(side(0.1, 0.0102, 0.90000))
    assert what_got_worse(before, after) == [
        "larger than before: 0.0102 MB against 0.0101 MB",
        "less accurate than before: 0.90000 against 0.90001",
    ]
    assert told_apart(0.0101, 0.0101, 2) == ("0.01", "0.01")
