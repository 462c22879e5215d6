from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from distune.tuning.search.suggest import suggest
from distune.tuning.study.errors import StudyError
from distune.tuning.study.points import all_combinations, flatten, midpoint
from distune.tuning.study.space import parse_space
from distune.tuning.trial.config import TrialConfig
from tests.making.spaces import RAW


def faults(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyError) as caught:
        parse_space(raw, TrialConfig)
    return str(caught.value).split("\n")


def test_a_config_is_proposed_under_its_dotted_paths() -> None:
    values = {
        "tokens.max_tokens": 64,
        "vectors.dimension": 8,
        "student.kind": "bilstm",
        "student.hidden_size": 8,
        "student.hidden_layer@bilstm": 0,
        "loss.kd_weight": 0.25,
        "loss.teacher_term.kind": "kl",
        "loss.teacher_term.temperature": 4.0,
        "learning_rate": 0.001,
    }
    trial = FixedTrial(values)
    config = suggest(parse_space(RAW, TrialConfig), trial)
    assert config == {
        "tokens": {"kind": "words", "max_tokens": 64},
        "vectors": {"kind": "random", "dimension": 8},
        "student": {"kind": "bilstm", "hidden_size": 8, "hidden_layer": 0},
        "loss": {"kd_weight": 0.25, "teacher_term": {"kind": "kl", "temperature": 4.0}},
        "learning_rate": 0.001,
    }
    assert trial.params == values


def test_a_temperature_is_only_proposed_where_the_loss_has_one() -> None:
    space = parse_space(RAW, TrialConfig)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trials = [study.ask() for _ in range(40)]
    for trial in trials:
        suggest(space, trial)
    for trial in trials:
        has_temperature = "loss.teacher_term.temperature" in trial.params
        assert has_temperature == (trial.params["loss.teacher_term.kind"] == "kl")
    assert {trial.params["loss.teacher_term.kind"] for trial in trials} == {"kl", "mse"}


def test_every_proposal_is_a_valid_trial() -> None:
    space = parse_space(RAW, TrialConfig)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    for _ in range(40):
        TrialConfig.model_validate(suggest(space, study.ask()))


def test_a_range_of_whole_numbers_for_a_float_proposes_floats() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    space = parse_space(RAW, TrialConfig)
    weights = [suggest(space, study.ask())["loss"]["kd_weight"] for _ in range(10)]
    assert all(isinstance(weight, float) and 0 < weight < 1 for weight in weights)


def test_a_range_of_an_integer_proposes_integers() -> None:
    space = parse_space({"student": {"kind": "bilstm", "hidden_size": {"log": [2, 64]}}}, TrialConfig)
    config = suggest(space, optuna.create_study().ask())
    assert isinstance(config["student"]["hidden_size"], int)


def test_fixed_blocks_are_not_proposed() -> None:
    trial = optuna.create_study().ask()
    config = suggest(parse_space(RAW, TrialConfig), trial, {"loss": {"kd_weight": 0.0}})
    assert config["loss"] == {"kd_weight": 0.0}
    assert not any(name.startswith("loss") for name in trial.params)


def test_the_middle_takes_first_choices_and_geometric_means() -> None:
    config = midpoint(parse_space(RAW, TrialConfig))
    assert config["student"] == {"kind": "bilstm", "hidden_size": 4, "hidden_layer": 0}
    assert config["loss"]["kd_weight"] == 0.5
    assert config["loss"]["teacher_term"]["temperature"] == pytest.approx(4)
    assert config["learning_rate"] == pytest.approx(0.001)


def test_what_is_prepared_before_the_search_is_enumerated() -> None:
    combinations = all_combinations(parse_space(RAW, TrialConfig), "tokens", "vectors")
    found = [(c["tokens"]["max_tokens"], c["vectors"]["dimension"]) for c in combinations]
    assert found == [(32, 8), (32, 16), (64, 8), (64, 16)]


def test_a_range_without_an_end_cannot_be_prepared() -> None:
    space = parse_space({**RAW, "vectors": {"kind": "random", "dimension": {"between": [8, 16]}}}, TrialConfig)
    with pytest.raises(StudyError, match=r"trial\.vectors\.dimension: .* list its values by choice"):
        all_combinations(space, "tokens", "vectors")


def test_all_faults_of_a_space_are_listed_at_once() -> None:
    found = faults(
        {
            "tokens": {"kind": "wrds"},
            "student": [
                {"kind": "bilstm", "hiden_size": 3},
                {"kind": "average", "hidden_layer": {"between": [0, 9999]}},
            ],
            "loss": {"kd_weight": {"between": [0, 2]}, "teacher_term": {"kind": "kl", "temperature": {"log": [0, 9]}}},
            "learning_rate": {"log": [0.1, 0.001]},
            "epochs": {"between": [1]},
            "batch_size": {"choice": []},
            "weight_decay": {"choice": [0], "between": [0, 1]},
            "seed": [1, 2],
        }
    )
    starts = sorted(fault.split(": ")[0] for fault in found)
    assert starts == [
        "trial.batch_size.choice",
        "trial.epochs.between",
        "trial.learning_rate.log",
        "trial.loss.kd_weight",
        "trial.loss.teacher_term.temperature.log",
        "trial.seed",
        "trial.student.hidden_layer",
        "trial.student.hiden_size",
        "trial.tokens.kind",
        "trial.weight_decay",
    ]
    assert "trial.loss.kd_weight: must be <= 1, but got 2" in found
    assert any("did you mean 'hidden_size'?" in fault for fault in found)
    kinds = "'words', 'words_characters', 'characters', 'wordpiece', 'english_words'"
    assert f"trial.tokens.kind: must be one of {kinds}, but got 'wrds'" in found


def test_two_alternatives_of_one_kind_are_refused() -> None:
    blocks = [{"kind": "bilstm"}, {"kind": "bilstm", "hidden_size": 3}]
    assert faults({"student": blocks}) == [
        "trial.student: each alternative must be of another kind, but got bilstm, bilstm"
    ]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [(None, "None"), (5, "5"), (True, "True"), (["bilstm"], "['bilstm']"), ({"choice": ["x"]}, "{'choice': ['x']}")],
)
def test_an_alternative_whose_kind_is_no_name_is_refused(kind: object, shown: str) -> None:
    assert faults({"student": [{"kind": "bilstm"}, {"kind": kind}]}) == [
        f"trial.student.kind: must be the name of a kind, but got {shown}"
    ]


def test_a_nested_config_is_flattened_to_dotted_paths() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": 2}, "e": 3}) == {"a.b.c": 1, "a.d": 2, "e": 3}
