"""The rule of a compressed student: what dev fits again, and what stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distune.models.decision import LIKELIEST, Decision
from distune.models.profile import Profile
from distune.models.students.config import AverageConfig
from distune.models.students.student import student_logits
from distune.tuning.champion.decided_again import as_before, decided_again
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import BY_ACCURACY, metric_of
from distune.tuning.metric.temperature import fitted_temperature
from tests.making.checkpoints import checkpoint_of

TEXTS = ["好书", "差酒店", "好", "书", "酒店", "差"] * 10
ROWS = {"好": 2, "差": 3, "书": 4}
RNG = np.random.default_rng(4)


def test_dev_fits_the_temperature_of_a_compressed_student_again() -> None:
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=Decision(temperature=3.0))
    rows = [np.array([ROWS.get(one, 1) for one in text]) for text in TEXTS]
    logits = student_logits(checkpoint.trained.student, rows)
    labels = (RNG.random(60) < 1 / (1 + np.exp((logits[:, 0] - logits[:, 1]) * 2))).astype(np.int64)
    found, lines = decided_again(checkpoint, BY_ACCURACY, TEXTS, labels, True)
    temperature = found.decision.temperature
    assert temperature == pytest.approx(fitted_temperature(logits, labels), abs=1e-3)
    assert temperature != 3
    assert lines == [
        f"Its temperature is {temperature:g} now, fitted on dev again; before it was 3. `temperature` in `config.json` counts, and not its card."
    ]
    few, lines = decided_again(checkpoint, BY_ACCURACY, TEXTS[:20], labels[:20], True)
    assert few.decision == LIKELIEST
    assert lines[0].startswith(
        "Its temperature is 1, as dev has 20 labelled texts, and 50 are needed to fit one; before it was 3."
    )


def test_a_study_without_calibration_takes_the_temperature_away_and_its_threshold_answers_as_before() -> None:
    by = Decision(1, 0.8, 2.0)
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=by)
    found, lines = decided_again(checkpoint, BY_ACCURACY, TEXTS, np.zeros(60, np.int64), False)
    assert isinstance(found.decision, Decision)
    assert found.decision.threshold == pytest.approx(0.8)
    assert found.decision.temperature == 1
    assert lines == ["Its temperature is 1 now, as its study says `champion.calibration: none`."]
    plain = replace(checkpoint, decision=LIKELIEST)
    found, lines = decided_again(plain, BY_ACCURACY, TEXTS, np.zeros(60, np.int64), False)
    assert (replace(found, dev_profile=None), lines) == (plain, [])


def test_thresholds_and_temperature_are_both_chosen_again() -> None:
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=Decision(1, 0.8, 2.0))
    metric = metric_of(MetricConfig(kind="f1", label="good", threshold="on_dev"), ("bad", "good"), {})
    labels = RNG.integers(0, 2, 60)
    found, lines = decided_again(checkpoint, metric, TEXTS, labels, False)
    assert found.decision.temperature == 1
    assert found.decision != replace(checkpoint.decision, temperature=1.0)
    assert [line.split(":")[0][:40] for line in lines] == [
        "Dev has chosen what is answered from whi",
        "Its temperature is 1 now, as its study s",
    ]


def test_a_compressed_student_remembers_its_own_answers_to_dev_and_with_plain_texts_none() -> None:
    bins = (60, *[0] * 100)
    of_another = Profile(n_texts=60, labels=(60, 0), confidence=bins, unknown=bins)
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), dev_profile=of_another)
    found, _ = decided_again(checkpoint, BY_ACCURACY, TEXTS, np.zeros(60, np.int64), False)
    assert found.dev_profile is not None
    assert found.dev_profile.n_texts == 60
    # 差酒店 has two unknown characters of three, and 酒店 no other.
    assert [(share, n) for share, n in enumerate(found.dev_profile.unknown) if n] == [(0, 40), (66, 10), (100, 10)]
    assert as_before(checkpoint)[0].dev_profile is None


def test_plain_texts_keep_what_was_fitted() -> None:
    checkpoint = replace(checkpoint_of(AverageConfig(kind="average")), decision=Decision(temperature=2.5))
    assert as_before(checkpoint) == (
        checkpoint,
        ["Its temperature is still 2.5, which was fitted before the compression; --study fits it again."],
    )
    plain = replace(checkpoint, decision=LIKELIEST)
    assert as_before(plain) == (plain, [])
