from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from corpora.tokens import ragged
from tuning.trial import EpochReport, TrialConfig, TrialData, rows_of, run_trial

GOOD, BAD = 2, 3


def data(labels: list[int], logits: list[list[float]], rows: list[list[int]]) -> TrialData:
    """Token 2 is good and token 3 is bad; the dev texts are one of each."""
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    vectors[0] = 0
    return TrialData(
        ragged(rows),
        np.array(labels),
        np.array(logits, np.float32),
        ragged([[GOOD, 4], [BAD, 4]]),
        np.array([1, 0]),
        vectors,
    )


def config(kd_weight: float, term: str = "mse", **settings: object) -> TrialConfig:
    loss = {"kd_weight": kd_weight, "teacher_term": {"kind": term}}
    student = {"kind": "average", "hidden_layer": 0, "dropout": 0}
    defaults = {"vectors": {"kind": "random", "dimension": 4}, "learning_rate": 0.1, "batch_size": 2, "epochs": 10}
    return TrialConfig.model_validate({"student": student, "loss": loss, **defaults, **settings})


ROWS = [[GOOD, 5], [BAD, 5], [GOOD], [BAD]]
RIGHT, WRONG = [[-2.0, 2.0], [2.0, -2.0]] * 2, [[2.0, -2.0], [-2.0, 2.0]] * 2


def silent(report: EpochReport) -> None:
    pass


@pytest.mark.parametrize("term", ["mse", "kl"])
def test_a_student_learns_from_its_teacher_alone(term: str) -> None:
    result = run_trial(config(1.0, term), data([-1, -1, -1, -1], RIGHT, ROWS), silent)
    assert result.accuracy == 1


def test_a_student_believes_a_wrong_teacher_at_weight_1_and_the_labels_at_weight_0() -> None:
    labelled = data([1, 0, 1, 0], WRONG, ROWS)
    assert run_trial(config(1.0), labelled, silent).accuracy <= 0.5
    assert run_trial(config(0.0), labelled, silent).accuracy == 1


def test_a_plain_student_never_sees_an_unlabelled_row() -> None:
    # Were the unlabelled row 4 used, its out-of-range token id would be looked up.
    poisoned = data([1, 0, 1, 0, -1], [*RIGHT, [0.0, 0.0]], [*ROWS, [99]])
    assert run_trial(config(0.0), poisoned, silent).accuracy == 1
    with pytest.raises(IndexError):
        run_trial(config(1.0), poisoned, silent)


def test_the_best_epoch_is_kept_and_not_the_last() -> None:
    reports: list[EpochReport] = []
    inputs = data([1, 0, 1, 0], RIGHT, ROWS)
    result = run_trial(config(0.5, learning_rate=3.0, epochs=6, seed=5), inputs, reports.append)
    accuracies = [report.accuracy for report in reports]
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
    assert result.accuracy == max(accuracies)
    assert result.best_epoch == accuracies.index(max(accuracies)) + 1
    dev = rows_of(inputs.dev)
    from models.student import student_logits

    assert (student_logits(result.student, dev).argmax(1) == inputs.dev_labels).mean() == result.accuracy
    assert not result.student.training


def test_the_same_seed_gives_the_same_student() -> None:
    inputs = data([1, 0, -1, -1], RIGHT, ROWS)
    one, two = (run_trial(config(0.5), inputs, silent).student.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_trial_reads_shared_memory_and_never_writes_to_it() -> None:
    inputs = data([1, 0, -1, -1], RIGHT, ROWS)
    for array in (inputs.train.flat, inputs.train.offsets, inputs.labels, inputs.teacher_logits, inputs.vectors):
        array.flags.writeable = False
    run_trial(config(0.5), inputs, silent)


def test_a_loss_that_is_not_finite_ends_the_trial() -> None:
    with pytest.raises(FloatingPointError, match=r"the loss became (inf|nan) at step \d+; lower learning_rate"):
        run_trial(config(1.0, learning_rate=1e30), data([1, 0, 1, 0], RIGHT, ROWS), silent)


def test_trial_data_has_no_place_for_the_test_split() -> None:
    assert set(TrialData.__dataclass_fields__) == {"train", "labels", "teacher_logits", "dev", "dev_labels", "vectors"}


def test_the_architecture_is_what_the_speed_depends_on() -> None:
    base = config(0.5)
    same = config(0.9, "kl", learning_rate=0.5, student={"kind": "average", "hidden_layer": 0, "dropout": 0.5})
    other = config(0.5, student={"kind": "average", "hidden_layer": 1, "dropout": 0})
    assert base.architecture() == same.architecture() != other.architecture()


def test_the_plain_twin_differs_in_kd_weight_alone() -> None:
    twin = config(0.5, "kl").plain()
    assert twin.loss.is_plain
    assert twin.model_copy(update={"loss": config(0.5, "kl").loss}) == config(0.5, "kl")


@pytest.mark.parametrize("settings", [{"learning_rate": 0}, {"epochs": 0}, {"batch_size": 0}, {"warmup_fraction": 1}])
def test_settings_out_of_bounds_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(0.5, **settings)
