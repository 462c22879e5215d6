"""Several labels a text, from the finalists to the champion's folder, its table, its answers, its card and its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.cluster.runner import IN_PROCESS
from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.models.decision import EachLabel, same_answers
from distune.models.predictor import Predictor
from distune.tuning.champion.answers import read_answers
from distune.tuning.champion.label_scores import label_scores
from distune.tuning.champion.results import parse_results
from distune.tuning.champion.verdict import judge
from distune.tuning.report.deciding import words_of_texts
from distune.tuning.storage.paths import Folder
from tests.conftest import prepared_study
from tests.making.finalists import trained_finalist, trial_of

LABELS = ("broken", "late", "price")
WORDS = ("坏", "慢", "贵")


@pytest.fixture
def tickets(document: dict[str, Any], tmp_path: Path, write_logits: Callable[..., Path]) -> dict[str, Any]:
    """A study of texts with any of three labels; of every seventh it is not known whether it is late."""
    rng = np.random.default_rng(5)
    has = rng.random((160, 3)) < (0.4, 0.4, 0.2)
    texts = [
        "".join(word for word, one in zip(WORDS, row, strict=True) if one) + f"快递{i}" for i, row in enumerate(has)
    ]
    lines = ["text," + ",".join(LABELS)]
    for number, (text, row) in enumerate(zip(texts, has, strict=True)):
        cells = [str(int(one)) for one in row]
        if number % 7 == 0:
            cells[1] = ""
        lines.append(",".join([text, *cells]))
    (tmp_path / "tickets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    logits = np.where(has, 3.0, -3.0) + rng.normal(size=has.shape)
    header = "text," + ",".join(f"logit_{label}" for label in LABELS)
    document["corpus"] = {
        "source": str(tmp_path / "tickets.csv"),
        "label_columns": list(LABELS),
        "dev_fraction": 0.25,
        "test_fraction": 0.25,
    }
    document["teacher"] = {"logits": str(write_logits(texts, logits, header))}
    document["champion"] = {"min_teacher_ratio": 0.01}
    document["trial"]["tokens"] = {"kind": "characters"}
    return document


def test_the_champion_answers_each_label_by_the_threshold_that_dev_has_chosen(
    tickets: dict[str, Any], tmp_path: Path
) -> None:
    prepared = prepared_study(tickets)
    finalist = trained_finalist(prepared, trial_of(tickets, epochs=30, learning_rate=0.05))
    verdict = judge(prepared, [finalist], tmp_path / "search", IN_PROCESS)
    folder, test = tmp_path / "search", prepared.corpus.test
    champion = Predictor(folder / "champion", load_encoder(folder / "champion"))
    assert isinstance(champion.decision, EachLabel)

    results = parse_results(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    assert results.columns == verdict.columns
    kept = results.columns[-1].kept
    assert kept is not None
    assert kept.thresholds == dict(zip(LABELS, champion.decision.thresholds, strict=True))
    assert kept.test_score == pytest.approx(
        prepared.metric.score(champion.logits(test.texts), test.labels, champion.decision)
    )
    table = (folder / "table.txt").read_text(encoding="utf-8")
    for row in ("test micro-F1", "test exact match", "test macro-F1"):
        assert row in table

    answers = read_answers(Place(str(folder / "answers.parquet")))
    np.testing.assert_array_equal(answers.labels, test.labels)
    assert (answers.labels == -1).any()
    said = champion.named(champion.decision.of_logits(champion.logits(test.texts)))
    assert [[LABELS[i] for i in np.flatnonzero(row)] for row in answers.of_student] == said
    assert answers.by_teacher == prepared.teacher_decision
    agrees = same_answers(answers.of_student, answers.of_teacher).mean()
    assert results.columns[-1].quality.agreement is not None
    assert results.columns[-1].quality.agreement.mean == pytest.approx(agrees)
    f1 = [one.f1_of_student for one in label_scores(answers)]
    assert np.mean([one or 0.0 for one in f1]) == pytest.approx(results.columns[-1].quality.macro_f1.mean)

    card = (folder / "champion" / "README.md").read_text(encoding="utf-8")
    assert f"| `late` | {champion.decision.thresholds[1]:.4f} |" in card
    assert 'student.labels_of("...")' in card
    # A label is decided by the word that stands for it.
    found = words_of_texts(Folder(Place(str(folder))), ["坏快递7"])["坏快递7"]
    assert [one.words[0].text for one in found if one.label == "broken"] == ["坏"]
    assert {one.label for one in found} <= set(champion.labels_of("坏快递7"))
