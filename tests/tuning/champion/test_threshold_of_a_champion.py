"""A metric with a threshold, from the finalists to the champion's folder, its table and its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.cluster.runner import IN_PROCESS
from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.models.decision import LIKELIEST
from distune.models.predictor import Predictor
from distune.tuning.champion.answers import read_answers
from distune.tuning.champion.baseline import train_baseline
from distune.tuning.champion.results import parse_results
from distune.tuning.champion.verdict import judge
from tests.conftest import prepared_study
from tests.making.finalists import trained_finalist, trial_of


def test_the_champion_answers_by_the_threshold_that_dev_has_chosen(document: dict[str, Any], tmp_path: Path) -> None:
    document["metric"] = {"f1": "1"}
    document["champion"] = {"min_teacher_ratio": 0.01}
    prepared = prepared_study(document)
    finalist = trained_finalist(prepared, trial_of(document, epochs=1))
    verdict = judge(prepared, [finalist], tmp_path, IN_PROCESS)

    dev, test = prepared.corpus.dev, prepared.corpus.test
    champion = Predictor(tmp_path / "champion", load_encoder(tmp_path / "champion"))
    assert champion.decision.threshold is not None
    assert prepared.metric.score(champion.logits(dev.texts), dev.labels, champion.decision) == pytest.approx(
        finalist.best.score
    )
    said = np.array([answer["label"] for answer in champion.answers(test.texts)])
    is_right = said == np.array(prepared.corpus.labels)[test.labels]
    column = verdict.columns[-1].quality
    assert column.test_accuracy.mean == pytest.approx(is_right.mean())
    assert column.answered is not None
    answered, is_one = said == "1", test.labels == 1
    assert column.answered.precision.mean == pytest.approx((answered & is_one).sum() / max(answered.sum(), 1))
    assert column.answered.recall.mean == pytest.approx((answered & is_one).sum() / is_one.sum())
    results = parse_results(json.loads((tmp_path / "results.json").read_text(encoding="utf-8")))
    assert results.columns == verdict.columns
    baseline = train_baseline(prepared.corpus, prepared.metric, prepared.study.config.search.seed)
    assert results.baseline == baseline
    assert baseline is not None
    table, card = (
        " ".join((tmp_path / name).read_text(encoding="utf-8").split()) for name in ("table.txt", "champion/README.md")
    )
    assert "threshold of 1" in table
    for text in (table, card):
        assert (
            f"TF-IDF baseline, a linear classifier that learnt from the same labels: test F1 of 1 {baseline.quality.test_score}"
            in text
        )
    card = (tmp_path / "champion" / "README.md").read_text(encoding="utf-8")
    assert f"It answers `1` from a probability of {champion.decision.threshold:.4f} on" in card
    kept = verdict.columns[-1].kept
    assert kept is not None
    own = prepared.metric.score(champion.logits(test.texts), test.labels, champion.decision)
    assert kept.test_score == pytest.approx(own)
    assert f"its own test F1 of 1 is {own:.4f}. The test texts were read once" in card
    answered = read_answers(Place(str(tmp_path / "answers.parquet")))
    assert [answered.names[index] for index in answered.of_student] == said.tolist()
    assert answered.by_teacher == prepared.teacher_decision != LIKELIEST
