from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from distune.tuning.search.suggest import distributions, suggest
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import draw, params_of, prepared_blocks, upper_bound, values_at
from distune.tuning.study.space import Space, parse_space
from distune.tuning.trial.config import TrialConfig
from tests.making.spaces import RAW


@pytest.fixture
def space() -> Space:
    return parse_space(RAW, TrialConfig)


POINT = {
    "student": {"kind": "bilstm", "hidden_size": 8, "hidden_layer": 0},
    "loss": {"kd_weight": 1, "teacher_term": {"kind": "kl", "temperature": 4.0}},
    "tokens": {"kind": "words"},
}


def test_the_values_of_a_leaf_are_those_of_all_its_branches() -> None:
    space = Space(
        parse_space(
            {
                "student": [{"kind": "bilstm", "hidden_size": {"choice": [8, 16]}}, {"kind": "average"}],
                "loss": {"kd_weight": {"between": [0.5, 1]}, "teacher_term": {"kind": "kl"}, "teachers": "mean"},
            },
            TrialConfig,
        ).root,
        frozenset(),
    )
    assert values_at(space, "student.kind") == ["bilstm", "average"]
    assert values_at(space, "student.hidden_size") == [8, 16]
    assert values_at(space, "loss.kd_weight") == [0.5, 1]
    assert values_at(space, "loss.teacher_term.kind") == ["kl"]
    assert values_at(space, "loss.teachers") == ["mean"]
    assert values_at(space, "loss.hidden_weight") == values_at(space, "tokens.kind") == []


def test_a_point_names_the_parameters_that_it_fixes_and_leaves_the_others(space: Space) -> None:
    assert params_of(space, POINT, "search.first.0") == {
        "student.kind": "bilstm",
        "student.hidden_size": 8,
        "student.hidden_layer@bilstm": 0,
        "loss.kd_weight": 1,
        "loss.teacher_term.kind": "kl",
        "loss.teacher_term.temperature": 4.0,
    }


def test_a_whole_config_gives_the_parameters_that_it_came_from(space: Space) -> None:
    params = {**params_of(space, POINT, ""), "tokens.max_tokens": 64, "vectors.dimension": 8, "learning_rate": 0.001}
    config = TrialConfig.model_validate(suggest(space, FixedTrial(params)))
    assert params_of(space, config.model_dump(mode="json"), "", whole=True) == params


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"student": {"kind": "gru"}}, "first.student.kind: must be one of bilstm, average, but got 'gru'"),
        ({"student": {"hidden_size": 8}}, "first.student.kind: must be one of bilstm, average, but got None"),
        ({"student": {"kind": "bilstm", "hidden_size": 9}}, "hidden_size: must be within choice: [4, 8], but got 9"),
        ({"loss": {"kd_weight": 2}}, "first.loss.kd_weight: must be within between: [0.0, 1.0], but got 2"),
        ({"loss": {"kd_weight": True}}, "first.loss.kd_weight: must be within between: [0.0, 1.0], but got True"),
        ({"student": {"kind": "average", "hidden_layer": 1.5}}, "must be within between: [0, 8], but got 1.5"),
        ({"epochs": 3}, "first.epochs: is not in the search space, which has tokens, vectors, student, loss, learning"),
        ({"tokens": {"kind": "characters"}}, "first.tokens.kind: the search space has 'words' here, but got 'charac"),
    ],
)
def test_a_point_outside_the_space_is_refused(space: Space, point: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        params_of(space, point, "first")
    assert message in str(caught.value)


def test_a_draw_is_within_the_space_and_reaches_all_of_it(space: Space) -> None:
    rng = np.random.default_rng(1)
    points = [draw(space, rng) for _ in range(300)]
    for point in points:
        params_of(space, TrialConfig.model_validate(point).model_dump(mode="json"), "", whole=True)
    assert {point["student"]["kind"] for point in points} == {"bilstm", "average"}
    assert {p["student"]["hidden_layer"] for p in points if p["student"]["kind"] == "average"} == set(range(9))
    rates = np.array([point["learning_rate"] for point in points])
    assert (rates < 0.001).mean() == pytest.approx(0.5, abs=0.1)  # 0.001 is the middle of the logarithms
    assert points[:5] == [draw(space, again) for again in [np.random.default_rng(1)] for _ in range(5)]


def test_every_parameter_has_its_distribution(space: Space) -> None:
    found = distributions(space)
    assert found["learning_rate"] == FloatDistribution(0.0001, 0.01, log=True)
    assert found["student.hidden_layer@average"] == IntDistribution(0, 8)
    assert found["student.hidden_layer@bilstm"] == CategoricalDistribution([0, 8])
    assert found["student.kind"] == CategoricalDistribution(["bilstm", "average"])
    assert set(params_of(space, POINT, "")) <= set(found)


def test_the_highest_value_of_a_leaf(space: Space) -> None:
    assert upper_bound(space, "loss.kd_weight") == 1
    assert upper_bound(space, "tokens.max_tokens") == 64
    assert upper_bound(space, "augment.n_iter") == 0
    assert upper_bound(parse_space({**RAW, "augment": {"n_iter": 3}}, TrialConfig), "augment.n_iter") == 3


def test_what_is_prepared_once_has_the_most_augmented_texts() -> None:
    blocks = {"tokens": {"kind": "characters"}, "vectors": {"kind": "random"}}
    raw: dict[str, Any] = {
        **RAW,
        **blocks,
        "augment": {"n_iter": {"between": [0, 5]}, "p_mask": {"choice": [0.1, 0.2]}},
    }
    expected = [{**blocks, "augment": {"n_iter": 5, "p_mask": p_mask}} for p_mask in (0.1, 0.2)]
    assert prepared_blocks(parse_space(raw, TrialConfig)) == expected
    raw["augment"]["p_mask"] = {"between": [0.1, 0.2]}
    with pytest.raises(StudyError, match=r"trial.augment.p_mask: is prepared once, before the search; list its values"):
        prepared_blocks(parse_space(raw, TrialConfig))
