from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import FIFOScheduler

from distune.tuning.search.stopping import scheduler_of
from distune.tuning.study.config import SearchConfig

EPOCHS = 9
PLAIN, DISTILLED = {"kd_weight": 0.0}, {"kd_weight": 0.5, "teacher_term": {"kind": "mse"}}


def trial(number: int, loss: dict[str, Any]) -> Any:
    config = {"number": number, "trial": {"student": {"kind": "average"}, "loss": loss, "epochs": EPOCHS}, "hint": None}
    return SimpleNamespace(trial_id=str(number), config=config)


def epochs_of(scheduler: Any, one: Any, scores: list[float]) -> int:
    """The number of epochs of a trial with these scores, one after the other."""
    scheduler.on_trial_add(None, one)
    for epoch, score in enumerate(scores, start=1):
        if scheduler.on_trial_result(None, one, {"epoch": epoch, "score": score}) == "STOP":
            return epoch
    scheduler.on_trial_complete(None, one, {"epoch": EPOCHS, "score": scores[-1]})
    scheduler.on_trial_remove(None, one)
    return len(scores)


@pytest.mark.parametrize("trials", [2, 3, 32])
def test_a_good_student_of_labels_alone_stops_no_distilled_trial(trials: int) -> None:
    scheduler = scheduler_of(SearchConfig(trials=trials), EPOCHS)
    assert epochs_of(scheduler, trial(0, PLAIN), [0.9] * EPOCHS) == EPOCHS
    found = [epochs_of(scheduler, trial(n, DISTILLED), [0.8 - n / 100] * EPOCHS) for n in range(1, trials)]
    assert found == [EPOCHS] + [1] * (trials - 2)


def test_a_student_of_labels_alone_is_not_stopped() -> None:
    scheduler = scheduler_of(SearchConfig(), EPOCHS)
    assert epochs_of(scheduler, trial(1, DISTILLED), [0.9] * EPOCHS) == EPOCHS
    assert epochs_of(scheduler, trial(0, PLAIN), [0.1] * EPOCHS) == EPOCHS


def test_of_trials_that_run_together_one_comes_to_its_end() -> None:
    scheduler = scheduler_of(SearchConfig(), EPOCHS)
    running = {n: trial(n, DISTILLED) for n in range(3)}
    for one in running.values():
        scheduler.on_trial_add(None, one)
    for epoch in range(1, EPOCHS):
        for n, one in list(running.items()):
            # Each is behind the one before it, and all of them fall.
            if scheduler.on_trial_result(None, one, {"epoch": epoch, "score": -n - epoch}) == "STOP":
                del running[n]
    assert list(running) == [0]


def test_without_a_scheduler_no_trial_is_stopped() -> None:
    assert isinstance(scheduler_of(SearchConfig(scheduler="none"), EPOCHS), FIFOScheduler)
