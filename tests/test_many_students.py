"""Students that are trained as one network learn what each learns alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.many_students import FAMILIES, Task, solo, train_packed
from benchmarks.packed import Packed
from corpora.tokens import ragged
from tuning.trial.config import TrialConfig
from tuning.trial.data import TrialData


@pytest.fixture
def data() -> Iterator[TrialData]:
    # Adam moves a weight by its whole learning rate also where the gradient is no more than rounding: doubles have less.
    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(0)
    rows = [rng.integers(1, 30, rng.integers(2, 9)) for _ in range(40)]
    vectors = rng.normal(size=(30, 6))
    vectors[0] = 0
    yield TrialData(
        ragged(rows), np.arange(40) % 3 - 1, np.zeros(40, np.int32), rng.normal(size=(1, 40, 2)).astype(np.float32),
        np.ones(1, np.float32), np.zeros((40, 0), np.float16), ragged(rows[:4]), np.zeros(4, np.int64),
        vectors,  # type: ignore[arg-type]
    )  # fmt: skip
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_of_three_packed_students_equals_its_solo_run(
    family: str, by_row: bool, data: TrialData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.row_adam.VOCABULARY", 0 if by_row else 1000)
    shape: dict[str, Any] = {**FAMILIES[family], "dropout": 0.0}
    config = TrialConfig.model_validate({"student": shape, "batch_size": 8, "learning_rate": 0.01})
    task = Task(data, config, 12)
    students, packed = task.students(3), Packed(task.students(3)).train()
    solo(task, students)(12)
    train_packed(task, packed, task.students(1)[0])(12)
    tables = packed.table.weight.view(3, 30, 6)
    for number, student in enumerate(students):
        torch.testing.assert_close(tables[number], student.embedding.tables[0].weight, rtol=1e-4, atol=1e-5)
        for name, weight in packed.stacked.items():
            alone = dict(student.named_parameters())[name.replace("/", ".")]
            torch.testing.assert_close(weight[number], alone, rtol=1e-4, atol=1e-5, msg=name)
