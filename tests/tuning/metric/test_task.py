"""The contract of the tasks: one label a text, and several. Each row of this suite holds for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distune.corpora.labelling import is_labelled, n_texts_of, unlabelled
from distune.corpora.rows import LabelSet, Row
from distune.losses.config import LossConfig
from distune.losses.objective import build_objective
from distune.models.decision import AnyDecision, decision_of, same_answers
from distune.tuning.metric.config import KINDS, MetricConfig
from distune.tuning.metric.metric import MetricError
from distune.tuning.metric.task import TASKS, AnyMetric, Task, task_of, task_of_metric

LABELS = ("broken", "late", "lost")
NEEDED: dict[str, dict[str, Any]] = {
    "f1": {"label": "late"},
    "recall_at_precision": {"label": "late", "precision": 0.9},
}


@pytest.fixture(params=TASKS, ids=["one label", "several labels"])
def task(request: pytest.FixtureRequest) -> Task:
    found: Task = request.param
    return found


def rows_of(task: Task, n: int = 60) -> list[Row]:
    """Rows in which each label, and each pair of labels that there may be, recurs."""
    if not task.is_multi_label:
        return [Row(f"text {i}", LABELS[i % 3]) for i in range(n)]
    return [
        Row(f"text {i}", LabelSet(tuple(name for step, name in enumerate(LABELS, 2) if i % step == 0)))
        for i in range(n)
    ]


def numbers_of(task: Task, n: int = 60) -> NDArray[np.integer[Any]]:
    return task.labelling.numbers(rows_of(task, n), LABELS)


def right_logits(task: Task, labels: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Logits that answer each text rightly."""
    has = labels if task.is_multi_label else np.eye(3, dtype=np.int64)[labels]
    return np.where(has == 1, 4.0, -4.0).astype(np.float32)


def noisy_logits(task: Task, labels: NDArray[np.integer[Any]], seed: int = 3) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(len(labels), 3)) * 5
    return (right_logits(task, labels) + noise).astype(np.float32)


def metrics_of(task: Task, labels: NDArray[np.integer[Any]]) -> list[AnyMetric]:
    configs = [MetricConfig(kind=kind, **NEEDED.get(kind, {})) for kind in KINDS]  # type: ignore[arg-type]
    return [task.metric(one, LABELS, {"dev": labels}) for one in configs if not one.fault(task.is_multi_label)]


def test_a_task_is_found_by_its_corpus_and_by_its_metric(task: Task) -> None:
    assert task_of(task.is_multi_label) is task
    assert all(task_of_metric(metric) is task for metric in metrics_of(task, numbers_of(task)))


def test_labels_of_rows_are_counted_and_named_as_they_were(task: Task) -> None:
    rows, labels = rows_of(task), numbers_of(task)
    counts = {name: sum(name in task.labelling.names(row.label) for row in rows) for name in LABELS}
    assert dict(zip(LABELS, n_texts_of(labels, 3).tolist(), strict=True)) == counts
    assert is_labelled(labels).all()
    turned = task.labelling.numbers(rows, LABELS[::-1])
    assert task.labelling.spelt(turned, LABELS[::-1]) == task.labelling.spelt(labels, LABELS)


def test_texts_without_labels_are_known_as_such_and_spelt_differently(task: Task) -> None:
    labels = numbers_of(task)
    more = unlabelled(labels, 2)
    assert more.shape[1:] == labels.shape[1:]
    assert not is_labelled(more).any()
    assert n_texts_of(more, 3).tolist() == [0, 0, 0]
    assert task.labelling.spelt(more, LABELS)[0] not in task.labelling.spelt(labels, LABELS)


def test_parts_hold_every_row_once_in_about_their_fractions(task: Task) -> None:
    rows = rows_of(task, 600)
    parts = task.labelling.divided(rows, {"dev": 0.2, "test": 0.1}, LABELS, 7)
    assert sorted(row.text for part in parts.values() for row in part) == sorted(row.text for row in rows)
    assert 80 < len(parts["dev"]) < 160
    assert 30 < len(parts["test"]) < 90
    kept = task.labelling.kept(rows, 90, LABELS, 7)
    assert len(kept) == 90


def test_right_logits_have_the_best_score_by_every_metric(task: Task) -> None:
    labels = numbers_of(task)
    for metric in metrics_of(task, labels):
        best = 0.0 if metric.config.kind == "log_loss" else 1.0
        assert metric.score(right_logits(task, labels), labels) == pytest.approx(best, abs=0.05), metric.config.kind


def test_the_decision_of_dev_scores_as_dev_does_and_no_worse_than_an_undecided_one(task: Task) -> None:
    labels = numbers_of(task)
    logits = noisy_logits(task, labels)
    for metric in metrics_of(task, labels):
        decision = metric.decision(logits, labels)
        assert metric.score(logits, labels, decision) == pytest.approx(metric.score(logits, labels))
        if metric.is_of_answers:
            undecided = metric.score(logits, labels, task.undecided(3))
            assert metric.score(logits, labels, decision) >= undecided - 1e-9, metric.config.kind


def test_a_decision_that_a_checkpoint_keeps_answers_as_before(task: Task) -> None:
    labels = numbers_of(task)
    logits = noisy_logits(task, labels)
    for metric in metrics_of(task, labels):
        decision = metric.decision(logits, labels)
        kept: AnyDecision = decision_of(decision.named(LABELS), LABELS, task.is_multi_label)
        assert same_answers(kept.of_logits(logits), decision.of_logits(logits)).all()
        assert same_answers(decision.of_probabilities(decision.probabilities(logits)), decision.of_logits(logits)).all()


def test_an_interval_holds_the_score_and_is_narrower_with_more_texts(task: Task) -> None:
    for config in (task.usual_metric, MetricConfig(kind="macro_f1")):
        widths = []
        for n in (60, 600):
            labels = numbers_of(task, n)
            logits, metric = noisy_logits(task, labels), task.metric(config, LABELS, {"dev": labels})
            decision = metric.decision(logits, labels)
            low, high = task.interval(metric, [logits], labels, [decision])
            assert low <= metric.score(logits, labels, decision) <= high, config.kind
            widths.append(high - low)
        assert widths[1] < widths[0], config.kind


def test_the_usual_metric_and_those_beside_it_are_of_the_task(task: Task) -> None:
    labels = numbers_of(task)
    for config in (task.usual_metric, *task.beside):
        assert task.metric(config, LABELS, {"dev": labels}).score(right_logits(task, labels), labels) == 1.0
    answers = task.undecided(3).of_logits(right_logits(task, labels))
    assert task.right(answers, labels).all()


def test_a_metric_of_the_other_task_is_refused_in_a_line_that_names_another(task: Task) -> None:
    refused = [kind for kind in KINDS if MetricConfig(kind=kind, **NEEDED.get(kind, {})).fault(task.is_multi_label)]  # type: ignore[arg-type]
    assert refused
    for kind in refused:
        with pytest.raises(MetricError, match=f"metric: {kind} is of .*; take another metric, such as "):
            task.metric(MetricConfig(kind=kind, **NEEDED.get(kind, {})), LABELS, {})  # type: ignore[arg-type]


def test_every_metric_is_of_some_task() -> None:
    assert all(
        any(not MetricConfig(kind=kind, **NEEDED.get(kind, {})).fault(one.is_multi_label) for one in TASKS)  # type: ignore[arg-type]
        for kind in KINDS
    )


def _loss(task: Task, **settings: Any) -> torch.nn.Module:
    return build_objective(LossConfig.model_validate(settings), is_multi_label=task.is_multi_label)


def test_the_loss_falls_towards_the_labels_and_towards_the_teacher(task: Task) -> None:
    labels = numbers_of(task, 6)
    right, labelled = torch.from_numpy(right_logits(task, labels)), torch.from_numpy(labels)
    start = torch.zeros(6, 3, requires_grad=True)
    for settings in ({"kd_weight": 0.0}, {"kd_weight": 1.0}, {"kd_weight": 1.0, "teacher_term": {"kind": "kl"}}):
        loss = _loss(task, **settings)
        (gradient,) = torch.autograd.grad(loss(start, right, labelled), start)
        step = (start - 0.1 * gradient).detach()
        assert float(loss(step, right, labelled)) < float(loss(start, right, labelled).detach())


def test_texts_without_labels_count_for_the_teacher_alone(task: Task) -> None:
    labels = numbers_of(task, 6)
    nobody = torch.from_numpy(unlabelled(labels, 6))
    student, teacher = torch.zeros(6, 3), torch.from_numpy(right_logits(task, labels))
    assert float(_loss(task, kd_weight=0.0)(student, teacher, nobody)) == 0.0
    assert float(_loss(task, kd_weight=1.0)(student, teacher, nobody)) > 0.0


def test_a_label_of_the_metric_that_a_split_lacks_is_refused(task: Task) -> None:
    labels = numbers_of(task)
    without = labels.copy()
    if task.is_multi_label:
        without[:, 1] = 0
    else:
        without[without == 1] = 0
    config = MetricConfig(kind="f1", label="late")
    with pytest.raises(MetricError, match="metric: F1 of late cannot be computed of test, which has no text of 'late'"):
        task.metric(config, LABELS, {"dev": labels, "test": without})
    with pytest.raises(MetricError, match=r"metric\.label: 'odd' is no label of the corpus"):
        task.metric(MetricConfig(kind="f1", label="odd"), LABELS, {})


def names(task: Task, logits: Sequence[Sequence[float]]) -> list[Any]:
    return task.undecided(3).of_logits(np.array(logits, dtype=np.float32)).tolist()


def test_one_label_is_the_likeliest_and_several_are_all_that_are_likelier_than_not() -> None:
    one, several = TASKS
    assert names(one, [[-1.0, -2.0, -3.0], [1.0, 2.0, -3.0]]) == [0, 1]
    assert names(several, [[-1.0, -2.0, -3.0], [1.0, 2.0, -3.0]]) == [[0, 0, 0], [1, 1, 0]]
