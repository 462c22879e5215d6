"""Teachers of a study whose texts have several labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.logits_file import read_logits_file
from distune.corpora.texts import CorpusError
from distune.models.decision import sigmoid
from distune.tuning.checks import check
from distune.tuning.cli import main
from distune.tuning.study.file import Study
from tests.conftest import prepared_study
from tests.making.several_labels import LABELS, logits_of, study_of, tickets, write_logits

TEXTS = [text for text, _ in tickets()]


def from_file(tmp_path: Path, values: np.ndarray, prefix: str = "logit_") -> Study:
    """The study with a teacher of these values."""
    return Study(study_of(tmp_path, {"logits": str(write_logits(tmp_path / "a.csv", TEXTS, values, prefix))}))


def test_check_says_how_exactly_dev_and_test_tell_whole_answers(tmp_path: Path) -> None:
    told = check(Study(study_of(tmp_path))).splitlines()
    # 47 of 48 texts have all labels right.
    assert told[5] == (
        "  the teacher's dev exact match of 0.979 has the 95 % interval 0.891 to 0.996 on the 48 labelled texts of dev, and 0.858 "
        "to 0.997 on the 32 labelled texts of test"
    )
    without = study_of(tmp_path, {"students": {"trials": 2, "members": 1}})
    assert any(
        line.startswith("  an exact match of 0.900 has the 95 % interval")
        for line in check(Study(without)).splitlines()
    )


def test_probabilities_of_a_softmax_are_refused_if_texts_have_several_labels(tmp_path: Path) -> None:
    shares = np.exp(logits_of(TEXTS))
    shares /= shares.sum(axis=1, keepdims=True)
    message = r"a.csv: its probabilities add up to 1 in every row, as those of a softmax do, .* of 48 dev texts \d+ have several labels"
    for values, prefix in ((shares, "probability_"), (np.log(shares), "logit_")):
        with pytest.raises(CorpusError, match=message) as caught:
            check(from_file(tmp_path, values, prefix))
        assert "\n" not in str(caught.value)


def test_logits_between_0_and_1_are_told(tmp_path: Path) -> None:
    told = check(from_file(tmp_path, sigmoid(logits_of(TEXTS))))
    assert (
        "its logits all lie between 0 and 1, as probabilities do; if they are, call the columns probabilities" in told
    )
    assert "between 0 and 1" not in check(from_file(tmp_path, sigmoid(logits_of(TEXTS)), "probability_"))


def test_probabilities_of_0_and_1_that_mse_would_fit_are_told(tmp_path: Path) -> None:
    values = (logits_of(TEXTS, noise=0.0) > 0).astype(float)
    values[1:] = 0.9 * values[1:] + 0.05
    told = check(from_file(tmp_path, values, "probability_"))
    assert (
        "a.csv: 1 of 160 rows give a label the probability 0 or 1, which counts as 1e-07 or 1 - 1e-07; where the loss is mse, students "
        "learn to answer their logits, -16.1 and 16.1. kl compares probabilities instead"
    ) in told


def test_an_exported_cache_gives_the_same_numbers_again(tmp_path: Path) -> None:
    document = study_of(tmp_path)
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["cache", str(path), "--export", str(tmp_path / "out.parquet")])
    assert ended.value.code == 0
    corpus = load_corpus(Study(document).config.corpus)
    found = read_logits_file(tmp_path / "out.parquet", LABELS, is_multi_label=True)
    theirs = read_logits_file(tmp_path / "logits.csv", LABELS, is_multi_label=True)
    np.testing.assert_allclose(found.of(corpus.texts()).logits, theirs.of(corpus.texts()).logits, atol=4e-3)
    assert found.about["multi_label"] is True
    again = prepared_study({**document, "teacher": {"logits": str(tmp_path / "out.parquet")}})
    assert again.teacher_score == prepared_study(document).teacher_score
