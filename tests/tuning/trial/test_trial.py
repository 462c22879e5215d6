from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from distune.corpora.tokens import ragged
from distune.losses.config import AnyTeacherTerm
from distune.models.compression.apply import graph_logits
from distune.models.compression.config import AnyCompressionConfig
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import EpochReport, TrialResult, plan_lesson, plan_steps, run_trial

GOOD, BAD = 2, 3


def data(labels: list[int], logits: list[list[float]], rows: list[list[int]]) -> TrialData:
    """Token 2 is good and token 3 is bad; the dev texts are one of each."""
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    vectors[0] = 0
    return TrialData(
        train=ragged(rows),
        labels=np.array(labels),
        iterations=np.zeros(len(rows), np.int32),
        teacher_logits=np.array([logits], np.float32),
        teacher_weights=np.ones(1, np.float32),
        teacher_hidden=np.zeros((len(rows), 0), np.float16),
        dev=ragged([[GOOD, 4], [BAD, 4]]),
        dev_labels=np.array([1, 0]),
        vectors=vectors,
    )


def config(kd_weight: float, term: str = "mse", **settings: object) -> TrialConfig:
    loss: object = {"kd_weight": kd_weight, "teacher_term": {"kind": term}}
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
    assert result.score == 1


def test_a_student_believes_a_wrong_teacher_at_weight_1_and_the_labels_at_weight_0() -> None:
    labelled = data([1, 0, 1, 0], WRONG, ROWS)
    assert run_trial(config(1.0), labelled, silent).score <= 0.5
    assert run_trial(config(0.0), labelled, silent).score == 1


def test_a_plain_student_never_sees_an_unlabelled_row() -> None:
    # Were the unlabelled row 4 used, its out-of-range token id would be looked up.
    poisoned = data([1, 0, 1, 0, -1], [*RIGHT, [0.0, 0.0]], [*ROWS, [99]])
    assert run_trial(config(0.0), poisoned, silent).score == 1
    with pytest.raises(IndexError):
        run_trial(config(1.0), poisoned, silent)


@pytest.mark.parametrize("term", [get_args(c.model_fields["kind"].annotation)[0] for c in get_args(AnyTeacherTerm)])
def test_a_student_learns_by_every_term(term: str) -> None:
    result = run_trial(config(1.0, term), data([-1, -1, -1, -1], RIGHT, ROWS), silent)
    assert result.score == 1


def with_two_teachers(first: list[list[float]], second: list[list[float]], weights: list[float]) -> TrialData:
    both = data([-1, -1, -1, -1], first, ROWS)
    logits = np.array([first, second], np.float32)
    return replace(both, teacher_logits=logits, teacher_weights=np.array(weights, np.float32))


def test_of_several_teachers_the_weightier_one_is_believed() -> None:
    inputs = with_two_teachers(RIGHT, WRONG, [9.0, 1.0])
    loss = {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}}
    assert run_trial(config(1.0, loss={**loss, "teachers": "weighted"}), inputs, silent).score == 1
    swapped = replace(inputs, teacher_weights=np.array([1.0, 9.0], np.float32))
    assert run_trial(config(1.0, loss={**loss, "teachers": "weighted"}), swapped, silent).score <= 0.5
    assert run_trial(config(1.0, loss={**loss, "teachers": "sampled"}), inputs, silent).score == 1


def test_texts_on_which_teachers_contradict_each_other_count_little_by_agreement() -> None:
    # Both are right on two texts, and on the two others the first is wrong and far surer than the second.
    first = [[-2.0, 2.0], [2.0, -2.0], [20.0, -20.0], [-20.0, 20.0]]
    inputs = with_two_teachers(first, [[-2.0, 2.0], [2.0, -2.0]] * 2, [1.0, 1.0])
    loss = {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}}
    assert run_trial(config(1.0, loss=loss, batch_size=4), inputs, silent).score <= 0.5
    assert run_trial(config(1.0, loss={**loss, "weigh_by_agreement": True}, batch_size=4), inputs, silent).score == 1


def test_a_student_learns_from_hidden_states_alone() -> None:
    # The teacher's logits say nothing, its hidden state the class; only the head must be learnt from labels.
    inputs = replace(
        data([1, 0, -1, -1], [[0.0, 0.0]] * 4, ROWS), teacher_hidden=np.array([[3.0], [-3.0]] * 2, np.float16)
    )
    loss = {"kd_weight": 0.1, "hidden_weight": 1.0, "teacher_term": {"kind": "mse"}}
    assert run_trial(config(0.1, loss=loss), inputs, silent).score == 1
    with pytest.raises(ValueError, match="needs the teacher's hidden states"):
        run_trial(config(0.1, loss=loss), data([1, 0, -1, -1], RIGHT, ROWS), silent)


def test_a_trial_reads_the_augmented_texts_of_its_iterations_alone() -> None:
    # Were a row of the second iteration used, its out-of-range token id would be looked up.
    inputs = data([-1] * 6, [*RIGHT, [2.0, -2.0], [0.0, 0.0]], [*ROWS, [BAD, BAD], [99]])
    inputs = replace(inputs, iterations=np.array([0, 0, 0, 0, 1, 2], np.int32))
    for n_iter in (0, 1):
        assert run_trial(config(1.0, augment={"n_iter": n_iter}), inputs, silent).score == 1
    with pytest.raises(IndexError):
        run_trial(config(1.0, augment={"n_iter": 2}), inputs, silent)


def test_the_temperature_sees_how_far_the_training_is() -> None:
    lesson = plan_lesson(
        config(1.0).student.build(np.zeros((6, 4), np.float32), 2),
        config(1.0, epochs=2),
        data([-1] * 4, RIGHT, ROWS),
    )
    assert [next(lesson.batches)[0] for _ in range(5)] == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("student", "in_bf16"),
    [
        ({"kind": "average", "hidden_layer": 64}, False),
        ({"kind": "average", "hidden_layer": 512}, True),
        ({"kind": "bilstm", "hidden_size": 2}, True),
        ({"kind": "transformer", "heads": 1}, True),
    ],
)
def test_a_student_learns_in_bf16_only_where_its_products_are_large(
    student: dict[str, object], in_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.models.training.loop.has_fast_bf16", lambda device: True)
    inputs, chosen = data([-1] * 4, RIGHT, ROWS), config(1.0, student=student)
    built = chosen.student.build(inputs.vectors, 2)
    lesson, seen = plan_lesson(built, chosen, inputs), []

    def loss_of(batch: tuple[float, np.ndarray]) -> torch.Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        # Not every CPU has an LSTM of bf16.
        with torch.autocast("cpu", enabled=False):
            return lesson.loss_of(batch)

    plan_steps(built, lesson, chosen, inputs).step(loss_of, next(lesson.batches))
    assert seen == [in_bf16]


@pytest.mark.parametrize(
    "kind", [get_args(c.model_fields["kind"].annotation)[0] for c in get_args(AnyCompressionConfig)]
)
def test_a_trial_ends_with_its_compressed_student(kind: str) -> None:
    reports: list[EpochReport] = []
    inputs = data([1, 0, 1, 0], RIGHT, ROWS)
    result = run_trial(config(0.5, compression={"kind": kind}), inputs, reports.append)
    assert [report.epoch for report in reports] == list(range(1, 11))
    dev = inputs.dev
    assert float((result.logits(dev).argmax(1) == inputs.dev_labels).mean()) == result.score
    assert (result.quantized is not None) == kind.startswith("int8")
    assert all(report.graph is None for report in reports[:-1])
    if kind == "none":
        assert reports[-1].compressed_score is None
    else:
        assert reports[-1].compressed_score == result.score
        assert reports[-1].graph is not None
        np.testing.assert_allclose(graph_logits(reports[-1].graph, dev), result.logits(dev), atol=1e-5)


def test_a_pruned_student_is_tuned_on_by_its_own_loss() -> None:
    inputs = data([-1] * 4, RIGHT, ROWS)
    student = {"kind": "average", "hidden_layer": 16, "dropout": 0}
    pruned = {"kind": "prune_weights", "sparsity": 0.5}
    tuned, untuned = (
        run_trial(config(1.0, student=student, compression={**pruned, "epochs": epochs}), inputs, silent)
        for epochs in (3, 0)
    )
    assert not torch.equal(tuned.student.head[1].weight, untuned.student.head[1].weight)
    assert (tuned.student.head[1].weight == 0).float().mean() == 0.5

    def distance(result: TrialResult) -> float:
        return float(np.square(result.logits(inputs.train) - inputs.teacher_logits[0]).mean())

    assert distance(tuned) < distance(untuned)


def test_the_best_epoch_is_kept_and_not_the_last() -> None:
    reports: list[EpochReport] = []
    inputs = data([1, 0, 1, 0], RIGHT, ROWS)
    result = run_trial(config(0.5, learning_rate=3.0, epochs=6, seed=5), inputs, reports.append)
    accuracies = [report.score for report in reports]
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
    assert result.score == max(accuracies)
    assert result.best_epoch == accuracies.index(max(accuracies)) + 1
    dev = inputs.dev
    from distune.models.students.student import student_logits

    assert (student_logits(result.student, dev).argmax(1) == inputs.dev_labels).mean() == result.score
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
    with pytest.raises(FloatingPointError, match=r"the loss became (inf|nan) at step [1-9]\d*; lower learning_rate"):
        run_trial(config(1.0, learning_rate=1e30), data([1, 0, 1, 0], RIGHT, ROWS), silent)


def test_teacher_logits_whose_square_is_beyond_float32_are_named_and_not_the_learning_rate() -> None:
    huge = [[1e20, -1e20]] * 4  # The square of 1e20 is 1e40.
    with pytest.raises(
        FloatingPointError, match=r"the loss became inf at step 0; no learning rate .* look at the logits"
    ):
        run_trial(config(1.0), data([1, 0, 1, 0], huge, ROWS), silent)


def test_trial_data_has_no_place_for_the_test_split() -> None:
    assert set(TrialData.__dataclass_fields__) == {
        "train",
        "labels",
        "iterations",
        "teacher_logits",
        "teacher_weights",
        "teacher_hidden",
        "dev",
        "dev_labels",
        "vectors",
        "metric",
    }


def test_the_architecture_is_what_the_speed_depends_on() -> None:
    base = config(0.5)
    same = config(0.9, "kl", learning_rate=0.5, student={"kind": "average", "hidden_layer": 0, "dropout": 0.5})
    other = config(0.5, student={"kind": "average", "hidden_layer": 1, "dropout": 0})
    assert base.architecture() == same.architecture() != other.architecture()


def test_the_plain_twin_differs_in_the_loss_and_the_augmented_texts_alone() -> None:
    one = config(0.5, "kl", augment={"n_iter": 3})
    twin = one.plain()
    assert twin.loss.is_plain
    assert twin.augment.n_iter == 0
    assert twin.model_copy(update={"loss": one.loss, "augment": one.augment}) == one


@pytest.mark.parametrize("settings", [{"learning_rate": 0}, {"epochs": 0}, {"batch_size": 0}, {"warmup_fraction": 1}])
def test_settings_out_of_bounds_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(0.5, **settings)
