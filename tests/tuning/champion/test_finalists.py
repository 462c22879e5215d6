from __future__ import annotations

import numpy as np
import pytest

from distune.models.compression.trained import Trained
from distune.models.students.config import AverageConfig
from distune.tuning.champion.finalists import Finalist, _seeded, choose_champion, select
from distune.tuning.speed.figures import Latency
from distune.tuning.storage.records import State, TrialRecord, pareto_front
from distune.tuning.study.rule import ChampionConfig, meets, percent, rule_terms, rule_text
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.run import TrialResult

TEACHER = 0.9
UNTRAINED = Trained(AverageConfig(kind="average").build(np.zeros((3, 2), np.float32), 2), AverageConfig(kind="average"))
RATIO = ChampionConfig(min_teacher_ratio=0.9)  # dev accuracy 0.81 and more
BUDGET = ChampionConfig(max_latency_ms=0.5)
BOTH = ChampionConfig(min_teacher_ratio=0.9, max_latency_ms=0.5)


def record(
    number: int, accuracy: float, latency_ms: float, kd_weight: float = 0.9, state: State = "complete"
) -> TrialRecord:
    config = TrialConfig.model_validate({"student": {"kind": "average"}, "loss": {"kd_weight": kd_weight}})
    return TrialRecord(number=number, state=state, config=config, score=accuracy, latency_ms=latency_ms)


RECORDS = [
    record(0, 0.88, 0.9),
    record(1, 0.84, 0.4),
    record(2, 0.82, 0.2),
    record(3, 0.70, 0.1),
    record(4, 0.83, 0.45),  # not on the front: trial 1 beats it in both
    record(5, 0.99, 0.01, kd_weight=0),
    record(6, 0.99, 0.01, state="pruned"),
]


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        (RATIO, [2, 1, 0, 4, 3]),  # those of 0.81 and more by speed, the front first; then the one below it
        (BUDGET, [1, 2, 3, 4, 0]),  # those within 0.5 ms by accuracy, then the slow one
        (BOTH, [1, 2, 4, 0, 3]),
    ],
)
def test_finalists_are_the_distilled_trials_nearest_to_winning(rule: ChampionConfig, chosen: list[int]) -> None:
    assert [one.number for one in select(RECORDS, rule, TEACHER, 9)] == chosen
    assert [one.number for one in select(RECORDS, rule, TEACHER, 2)] == chosen[:2]


def test_no_trial_that_fails_the_rule_takes_the_place_of_one_that_meets_it() -> None:
    # On the front, and short of 0.81 by a hair, beside two that keep it: the second is beaten by the first in both.
    trials = [record(0, 0.809, 0.1), record(1, 0.83, 0.3), record(2, 0.82, 0.4)]
    assert [one.number for one in select(trials, RATIO, TEACHER, 2)] == [1, 2]


def test_finalists_have_seeds_that_no_trial_has_had() -> None:
    def seeds(own: int, n_seeds: int, taken: set[int]) -> list[int]:
        config = TrialConfig.model_validate({"student": {"kind": "average"}, "seed": own})
        return [one.seed for one in _seeded(config, n_seeds, taken)]

    assert seeds(7, 3, {7}) == [8, 9, 10]  # one seed for all trials, as by default
    assert seeds(7, 3, {3, 7, 8, 10}) == [9, 11, 12]


def finalist(accuracies: tuple[float, ...]) -> Finalist:
    results = tuple(TrialResult(UNTRAINED, accuracy, 1) for accuracy in accuracies)
    return Finalist(record(0, 0.5, 0.5), results, results)


def latency(p50_ms: float) -> Latency:
    return Latency(p50_ms=p50_ms, p95_ms=p50_ms, p99_ms=p50_ms, texts_per_s=1.0, stages_ms={})


@pytest.mark.parametrize(
    ("rule", "champion"),
    [
        (RATIO, 1),  # 0.82 and 0.86 keep the ratio; the first is faster
        (BUDGET, 1),  # 0.82 and 0.60 are within the budget
        (ChampionConfig(max_latency_ms=2), 0),
        (ChampionConfig(min_teacher_ratio=0.99), None),
        (ChampionConfig(max_latency_ms=0.01), None),
        (ChampionConfig(min_teacher_ratio=0.95, max_latency_ms=0.5), None),
    ],
)
def test_the_champion_is_chosen_by_mean_dev_accuracy_and_measured_latency(
    rule: ChampionConfig, champion: int | None
) -> None:
    # The middle one's best seed is the best of all; its mean is 0.82.
    finalists = [finalist((0.85, 0.87)), finalist((0.72, 0.92)), finalist((0.6, 0.6))]
    assert choose_champion(finalists, [latency(1.0), latency(0.4), latency(0.1)], rule, TEACHER) == champion


def test_a_rule_is_met_at_its_bounds() -> None:
    assert meets(0.9, 0.5, ChampionConfig(min_teacher_ratio=1.0, max_latency_ms=0.5), 0.9)
    assert not meets(0.8999, 0.5, ChampionConfig(min_teacher_ratio=1.0), 0.9)
    assert not meets(0.9, 0.5001, BUDGET, 0.9)


@pytest.mark.parametrize(("accuracy", "ratio", "teacher"), [(0.72, 0.9, 0.8), (0.495, 0.9, 0.55), (0.819, 0.91, 0.9)])
def test_exactly_the_part_that_a_rule_asks_for_is_enough(accuracy: float, ratio: float, teacher: float) -> None:
    # The products are a last digit larger than they should be, such as 0.9 * 0.8 = 0.7200000000000001.
    assert accuracy < ratio * teacher
    assert meets(accuracy, 0.5, ChampionConfig(min_teacher_ratio=ratio), teacher)
    assert not meets(accuracy - 1e-4, 0.5, ChampionConfig(min_teacher_ratio=ratio), teacher)


def test_a_trial_whose_speed_is_not_known_is_not_the_fastest() -> None:
    unknown = TrialRecord(number=7, state="complete", config=record(0, 0.9, 0.9).config, score=0.9, latency_ms=None)
    assert [one.number for one in select([unknown, record(1, 0.84, 0.4)], RATIO, TEACHER, 9)] == [1, 7]
    assert [one.number for one in pareto_front([unknown, record(1, 0.84, 0.4)])] == [1]


def test_two_different_rules_do_not_read_alike() -> None:
    assert [percent(share) for share in (0.97, 0.975, 1.0)] == ["97 %", "97.5 %", "100 %"]
    assert [percent(share) for share in (0.9785, 0.9794, 0.9999)] == ["97.85 %", "97.94 %", "99.99 %"]


def test_the_seed_that_is_best_on_dev_is_kept() -> None:
    assert finalist((0.8, 0.9, 0.85)).best.score == 0.9
    assert finalist((0.8, 0.9, 0.85)).score == pytest.approx(0.85)


def test_a_rule_reads_as_a_sentence() -> None:
    assert rule_text(RATIO) == "the fastest that keeps 90 % of the teacher's dev accuracy"


def test_registered_versions_know_the_rule_by_the_spelling_of_the_first_ones() -> None:
    assert rule_terms(RATIO) == "the fastest that keeps 90.0% of the teacher's dev accuracy"
    finer = ChampionConfig(min_teacher_ratio=0.9785, max_latency_ms=0.5)
    assert rule_terms(finer) == rule_text(finer).replace("97.85 %", "97.85%")
    assert rule_terms(ChampionConfig(max_latency_ms=2)) == rule_text(ChampionConfig(max_latency_ms=2))
    assert rule_text(BUDGET) == "the most accurate that answers within 0.5 ms (p50, raw text to label, one thread)"
