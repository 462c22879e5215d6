"""A temperature, from the finalists to the champion's folder, its table, its card and its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.cluster.runner import IN_PROCESS
from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.models.decision import Decision, softmax
from distune.models.predictor import Predictor
from distune.tuning.champion.answers import read_answers
from distune.tuning.champion.calibration import calibration
from distune.tuning.champion.results import parse_results
from distune.tuning.champion.verdict import Verdict, judge
from distune.tuning.metric.temperature import fitted_temperature
from tests.conftest import prepared_study
from tests.making.finalists import trained_finalist, trial_of
from tests.making.reviews import reviews


def noisy(place: Path) -> Path:
    """Reviews of which every sixth has the other label: nobody answers them without an error."""
    lines = [f'"{text}",{int(label) ^ (number % 6 == 0)}' for number, (text, label) in enumerate(reviews(200))]
    path = place / "noisy.csv"
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return path


def judged(document: dict[str, Any], folder: Path, **champion: Any) -> tuple[Verdict, Any]:
    document = {**document, "champion": {"min_teacher_ratio": 0.01, **champion}}
    document["corpus"] = {"source": str(noisy(folder.parent)), "dev_fraction": 0.4, "test_fraction": 0.2}
    prepared = prepared_study(document)
    finalist = trained_finalist(
        prepared,
        trial_of(document, epochs=12, learning_rate=0.02, loss={"kd_weight": 0.1, "teacher_term": {"kind": "mse"}}),
    )
    return judge(prepared, [finalist], folder, IN_PROCESS), prepared


@pytest.mark.parametrize("metric", ["accuracy", {"f1": "1"}, "log_loss"], ids=["accuracy", "a threshold", "log loss"])
def test_the_champion_has_the_temperature_of_dev_and_the_scores_of_before(
    document: dict[str, Any], tmp_path: Path, metric: Any
) -> None:
    document["metric"] = metric
    plain, _ = judged(document, tmp_path / "plain", calibration="none")
    verdict, prepared = judged(document, tmp_path / "scaled")
    folder, dev, test = tmp_path / "scaled", prepared.corpus.dev, prepared.corpus.test
    champion = Predictor(folder / "champion", load_encoder(folder / "champion"))
    logits = champion.logits(test.texts)
    temperature = champion.decision.temperature
    assert temperature == pytest.approx(fitted_temperature(champion.logits(dev.texts), dev.labels), abs=1e-3)
    assert temperature != 1
    before = Predictor(tmp_path / "plain" / "champion", load_encoder(tmp_path / "plain" / "champion"))
    assert before.decision.temperature == 1
    np.testing.assert_allclose(before.logits(test.texts), logits, atol=1e-5)
    assert champion.labels_of_each(test.texts) == before.labels_of_each(test.texts)

    # Every score is that of a search without calibration; only a threshold is in other probabilities.
    for ours, theirs in zip(verdict.columns, plain.columns, strict=True):
        assert ours.quality.test_score == theirs.quality.test_score
        assert ours.quality.dev_score == theirs.quality.dev_score
        assert ours.quality.beside == theirs.quality.beside
        assert ours.quality.agreement == theirs.quality.agreement
    results = parse_results(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    assert results.columns == verdict.columns
    sure = verdict.columns[-1].confidence
    assert sure is not None
    assert sure.temperature == temperature
    by_hand = calibration(softmax(logits.astype(np.float64) / temperature), test.labels)
    assert (sure.calibration.error, sure.calibration.log_loss) == pytest.approx((by_hand.error, by_hand.log_loss))
    assert sure.uncalibrated is not None
    raw = calibration(softmax(logits.astype(np.float64)), test.labels)
    assert sure.uncalibrated.log_loss == pytest.approx(raw.log_loss)
    if metric == "log_loss":
        assert verdict.columns[-1].quality.test_score.mean == pytest.approx(-raw.log_loss)

    answers = read_answers(Place(str(folder / "answers.parquet")))
    np.testing.assert_allclose(answers.probabilities_of_student, champion.probabilities(test.texts), atol=1e-4)
    card = (folder / "champion" / "README.md").read_text(encoding="utf-8")
    assert f"those of its logits over {temperature:g}, a temperature fitted on dev." in card
    assert f"| calibration error | {raw.error:.4f} | {by_hand.error:.4f} |" in card
    table = (folder / "table.txt").read_text(encoding="utf-8")
    assert "test calibration error" in table
    assert "  before scaling" in table


def test_a_study_without_calibration_says_so_and_keeps_probabilities(document: dict[str, Any], tmp_path: Path) -> None:
    verdict, _ = judged(document, tmp_path / "search", calibration="none")
    champion = Predictor(tmp_path / "search" / "champion", load_encoder(tmp_path / "search" / "champion"))
    assert champion.decision == Decision()
    sure = verdict.columns[-1].confidence
    assert sure is not None
    assert (sure.temperature, sure.uncalibrated) == (1.0, None)
    card = (tmp_path / "search" / "champion" / "README.md").read_text(encoding="utf-8")
    assert "(temperature 1): the study says `champion.calibration: none`." in card
    assert "before scaling" not in (tmp_path / "search" / "table.txt").read_text(encoding="utf-8")
