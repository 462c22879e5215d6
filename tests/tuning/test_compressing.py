"""`distune compress` on a student that was trained and saved for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distune
from distune.corpora.corpus import load_corpus
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.checkpoint_folder import CheckpointError
from distune.models.compression.config import PruneUnitsConfig
from distune.models.decision import Decision
from distune.models.predictor import Predictor
from distune.models.profile import profile_of, read_profile
from distune.tuning.champion.finalists import Finalist, save_finalist
from distune.tuning.cli import main
from distune.tuning.compress import configs_of
from distune.tuning.search.preparation import Prepared
from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import fine_tuner, run_trial
from tests.conftest import prepared_study
from tests.making.checkpoints import save_student
from tests.making.finalists import trial_of
from tests.making.reviews import reviews

NO_FLAGS = {"trim_vocabulary": None, "prune_units": None, "half": None, "int8": False}


def saved(finalist: Finalist, prepared: Prepared, folder: Path) -> Path:
    inputs = prepared.of(finalist.record.config)
    return save_finalist(finalist, prepared.study.config, inputs, prepared.corpus.labels, folder)


@pytest.fixture
def folder(document: dict[str, Any], tmp_path: Path) -> Path:
    """A checkpoint of the tiny study."""
    prepared = prepared_study(document)
    config = trial_of(document, epochs=2, student={"kind": "bilstm", "hidden_size": 8})
    result = run_trial(config, prepared.of(config).data, lambda report: None)
    finalist = Finalist(TrialRecord(number=0, state="complete", config=config), (result,), (result,))
    return saved(finalist, prepared, tmp_path / "student")


@dataclass(frozen=True)
class Ended:
    """How the command has ended, and what it has printed."""

    code: int
    out: str
    err: str

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of a command that must have ended well."""
        assert self.code == 0, self.err
        found: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return found


Compress = Callable[..., Ended]


@pytest.fixture
def compress(write_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Compress:
    """Compresses a folder into the folder `small`, by flags and by a study or texts."""

    def command(
        folder: Path, *flags: str, study: dict[str, Any] | None = None, texts: str = "", name: str = "small"
    ) -> Ended:
        source = []
        if study is not None:
            source = ["--study", str(write_study(study))]
        if texts:
            (tmp_path / "texts.txt").write_text(texts, encoding="utf-8")
            source = ["--texts", str(tmp_path / "texts.txt")]
        with pytest.raises(SystemExit) as stopped:
            main(["compress", str(folder), str(tmp_path / name), *flags, *source])
        captured = capsys.readouterr()
        return Ended(int(stopped.value.code or 0), captured.out, captured.err)

    return command


def test_a_checkpoint_is_compressed_and_measured_against_its_study(
    folder: Path, tmp_path: Path, document: dict[str, Any], compress: Compress
) -> None:
    target = tmp_path / "small"
    ended = compress(folder, "--prune-units", "0.5", "--half", "float16", study=document)
    figures = ended.figures
    assert figures["after"]["n_parameters"] < figures["before"]["n_parameters"]
    assert figures["after"]["size_mb"] < figures["before"]["size_mb"]
    assert 0 <= figures["after"]["accuracy"] <= 1
    assert 0 <= figures["agreement"] <= 1
    assert figures["after"]["latency"]["p50_ms"] > 0
    assert "quantiles_ms" not in figures["after"]["latency"]  # They would fill a terminal.
    assert "agrees with before" in ended.out
    dev = prepared_study(document).corpus.dev.texts
    for one in (folder, target):
        assert read_profile(one, 2) == profile_of(Predictor(one, load_encoder(one)).answered(dev))
    small = load_checkpoint(target)
    assert small.trained.config.model_dump()["hidden_size"] == 4
    assert small.trained.structure.dtype == "float16"
    assert "Compressed afterwards by" in (target / "README.md").read_text(encoding="utf-8")


def test_a_study_may_have_the_labels_in_another_order(
    folder: Path, document: dict[str, Any], compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[TrialData] = []
    monkeypatch.setattr(
        "distune.tuning.compress.fine_tuner", lambda config, data: learnt.append(data) or fine_tuner(config, data)
    )
    document["teacher"] = {**document["teacher"], "labels": ["0", "1"]}
    figures = []
    for labels in (["0", "1"], ["1", "0"]):
        study = {**document, "corpus": {**document["corpus"], "labels": labels}}
        flags = ("--prune-units", "0.5", "--epochs", "1")
        figures.append(compress(folder, *flags, study=study, name=f"small {labels[0]}").figures)
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
    of_several: dict[str, Any], tmp_path: Path, compress: Compress
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
    student = saved(finalist, prepared, tmp_path / "student")
    scores = []
    for labels in (["even", "good"], ["good", "even"]):
        study = {**of_several, "corpus": {**of_several["corpus"], "labels": labels}}
        flags = ("--prune-units", "0.5", "--epochs", "1")
        ended = compress(student, *flags, study=study, name=f"small {labels[0]}")
        scores.append(ended.figures["before"]["score"])
        assert "exact match" in ended.out
        assert "micro-F1" in ended.out
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
    folder: Path, tmp_path: Path, document: dict[str, Any], compress: Compress
) -> None:
    chosen = replace(load_checkpoint(folder), decision=Decision(1, 0.25))
    given = tmp_path / "chosen"
    save_student(chosen, given)
    sources: dict[str, Any] = {"texts": "好\n坏\n", "study": {**document, "metric": "accuracy"}}
    for name, source in sources.items():
        assert compress(given, "--half", "float16", **{name: source}, name=name).figures
        assert load_checkpoint(tmp_path / name).decision == Decision(1, 0.25)


def test_a_student_of_one_label_is_not_compressed_by_a_study_of_several(
    folder: Path, of_several: dict[str, Any], compress: Compress
) -> None:
    source = Path(of_several["corpus"]["source"])
    source.write_text(source.read_text(encoding="utf-8").replace("good", "1").replace("even", "0"), encoding="utf-8")
    ended = compress(folder, "--int8", study=of_several)
    assert ended.code == 2
    assert "answers one label a text, but the study's corpus has several (corpus.multi_label)" in ended.err


def test_a_study_of_other_labels_is_refused(
    folder: Path, tmp_path: Path, document: dict[str, Any], compress: Compress
) -> None:
    source = Path(document["corpus"]["source"])
    other = tmp_path / "other.csv"
    other.write_text(source.read_text(encoding="utf-8").replace(",1\n", ",2\n"), encoding="utf-8")
    ended = compress(folder, "--int8", study={**document, "corpus": {**document["corpus"], "source": str(other)}})
    assert ended.code == 2
    assert f"{folder} has the labels 0, 1, but the study's corpus has 0, 2" in ended.err


def test_a_quantized_checkpoint_answers_without_a_study(folder: Path, tmp_path: Path, compress: Compress) -> None:
    texts = "\n".join(text for text, _ in reviews(40))
    figures = compress(folder, "--int8", texts=texts, name="q").figures
    assert figures["after"]["accuracy"] is None
    assert figures["agreement"] > 0.5
    quantized = load_checkpoint(tmp_path / "q")
    assert quantized.quantized == (tmp_path / "q" / "model.onnx").read_bytes()
    np.testing.assert_array_equal(
        quantized.trained.student.head[1].weight.detach(),
        load_checkpoint(folder).trained.student.head[1].weight.detach(),
    )
    again = compress(tmp_path / "q", "--int8", texts=texts, name="qq")
    assert again.code == 2
    assert "is quantized already; compress the folder that it was made from" in again.err


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
    folder: Path, tmp_path: Path, compress: Compress, arguments: list[str], message: str
) -> None:
    ended = compress(folder, *arguments, texts="好\n差\n")
    assert ended.code == 2
    assert message in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "small").exists()


def test_flags_become_compressions_in_their_order() -> None:
    found = configs_of({**NO_FLAGS, "prune_units": 0.25, "int8": True}, epochs=3)
    assert [config.kind for config in found] == ["prune_units", "int8"]
    assert found[0] == PruneUnitsConfig(kind="prune_units", keep=0.25, epochs=3)
    with pytest.raises(CheckpointError, match=r"--trim-vocabulary: must be > 0, but got 0.0"):
        configs_of({**NO_FLAGS, "trim_vocabulary": 0.0}, None)


def test_a_study_of_another_metric_measures_by_it(
    folder: Path, tmp_path: Path, document: dict[str, Any], compress: Compress
) -> None:
    ended = compress(folder, "--int8", study={**document, "metric": {"f1": {"label": "1", "threshold": "none"}}})
    figures = ended.figures
    dev = load_corpus(Study(document).config.corpus).dev
    said = distune.load(folder).predict(dev.texts)
    right = sum(answer == "1" and label == 1 for answer, label in zip(said, dev.labels, strict=True))
    n_said, n_true = said.count("1"), int(dev.labels.sum())
    assert figures["metric"] == "f1"
    assert figures["before"]["score"] == pytest.approx(2 * right / (n_said + n_true))
    assert f"F1 of 1 │ {figures['before']['score']:.4f}" in " ".join(ended.out.split())
    assert "accuracy" in ended.out


def test_a_metric_of_a_label_that_dev_lacks_is_refused(
    folder: Path, tmp_path: Path, document: dict[str, Any], compress: Compress
) -> None:
    ended = compress(folder, "--int8", study={**document, "metric": {"f1": "spam"}})
    assert ended.code == 2
    assert "metric.label: 'spam' is no label of the corpus" in ended.err
    assert not (tmp_path / "small").exists()
