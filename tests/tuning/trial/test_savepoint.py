"""A training that is cut off and begun anew ends as one that never was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from distune.corpora.tokens import ragged
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import EpochReport, run_trial
from distune.tuning.trial.training import Savepoint, Tensors

EPOCHS = 4
STUDENTS: dict[str, dict[str, Any]] = {
    "bilstm": {"kind": "bilstm", "hidden_size": 4, "dropout": 0.3},
    "static vectors": {"kind": "textcnn", "filters": 3, "channels": "static", "dropout": 0.2},
    "both channels": {"kind": "average", "hidden_layer": 8, "channels": "both"},
    "transformer": {"kind": "transformer", "layers": 1, "heads": 2, "head_size": 4, "dropout": 0.1},
}
LOSSES: dict[str, dict[str, Any]] = {
    "mixed": {"kd_weight": 0.5, "final_kd_weight": 0.9},
    "hidden": {"kd_weight": 0.5, "hidden_weight": 1.0, "hidden": {"kind": "mse"}},
    "sampled": {"kd_weight": 1.0, "teachers": "sampled"},
    "plain": {"kd_weight": 0.0},
}


class CutOffError(Exception):
    pass


@pytest.fixture
def data() -> TrialData:
    rng = np.random.default_rng(0)
    rows = [rng.integers(1, 30, rng.integers(2, 9)) for _ in range(60)]
    labels = np.where(np.arange(60) < 20, np.arange(60) % 2, -1)
    return TrialData(
        train=ragged(rows),
        labels=labels,
        iterations=np.zeros(60, np.int32),
        teacher_logits=rng.normal(size=(2, 60, 2)).astype(np.float32),
        teacher_weights=np.ones(2, np.float32),
        teacher_hidden=rng.normal(size=(60, 5)).astype(np.float16),
        dev=ragged(rows[:10]),
        dev_labels=np.arange(10) % 2,
        vectors=rng.normal(size=(30, 6)).astype(np.float32),
    )


class Memory:
    """Keeps the last state as bytes, as a storage does."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.sizes: list[int] = []

    def savepoint(self) -> Savepoint:
        return Savepoint(lambda: None if self.content is None else dict(load(self.content)), self._write)

    def _write(self, state: Any) -> None:
        self.content = save(state())
        self.sizes.append(len(self.content))


def trained(config: TrialConfig, data: TrialData, cut_after: int | None) -> tuple[list[EpochReport], Tensors]:
    """The reports of all attempts and the weights; the first attempt is cut off when it has saved so many epochs."""
    reports: list[EpochReport] = []
    memory = Memory()

    def report(epoch: EpochReport) -> None:
        if cut_after is not None and epoch.epoch == cut_after + 1 and len(reports) == cut_after:
            raise CutOffError
        reports.append(epoch)

    if cut_after is not None:
        with pytest.raises(CutOffError):
            run_trial(config, data, report, memory.savepoint())
        cut_after = None
        torch.manual_seed(999)  # Another process has drawn other numbers.
    result = run_trial(config, data, report, memory.savepoint())
    return reports, result.student.state_dict()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("student", STUDENTS)
def test_a_training_that_was_cut_off_ends_as_if_it_was_not(student: str, loss: str, data: TrialData) -> None:
    config = TrialConfig.model_validate(
        {"student": STUDENTS[student], "loss": LOSSES[loss], "epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.01}
    )
    whole, weights = trained(config, data, cut_after=None)
    parts, resumed = trained(config, data, cut_after=2)
    assert [one.epoch for one in parts] == [1, 2, 3, 4]
    assert parts == whole
    for name, tensor in weights.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


def test_a_table_that_is_moved_row_by_row_goes_on_after_a_cut_too(
    data: TrialData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrialConfig.model_validate(
        {"student": STUDENTS["bilstm"], "epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.01}
    )
    as_a_whole, _ = trained(config, data, cut_after=None)
    monkeypatch.setattr("distune.models.training.row_adam.VOCABULARY", 0)
    whole, weights = trained(config, data, cut_after=None)
    parts, resumed = trained(config, data, cut_after=2)
    assert parts == whole
    assert [epoch.loss for epoch in whole] == pytest.approx([epoch.loss for epoch in as_a_whole], abs=1e-4)
    for name, tensor in weights.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("student", STUDENTS)
def test_averaged_weights_go_on_after_a_cut_too(student: str, data: TrialData) -> None:
    config = TrialConfig.model_validate(
        {"student": STUDENTS[student], "epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.01, "ema_decay": 0.9}
    )
    whole, weights = trained(config, data, cut_after=None)
    parts, resumed = trained(config, data, cut_after=2)
    assert parts == whole
    for name, tensor in weights.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


def test_averaging_changes_what_answers_and_not_how_it_is_trained(data: TrialData) -> None:
    settings = {"student": STUDENTS["bilstm"], "epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.01}
    (losses, weights), (averaged_losses, averaged) = (
        ([report.loss for report in reports], found)
        for reports, found in (
            trained(TrialConfig.model_validate({**settings, "ema_decay": decay}), data, None) for decay in (0.0, 0.9)
        )
    )
    assert averaged_losses == losses
    assert any(not torch.equal(averaged[name], tensor) for name, tensor in weights.items())


def test_the_best_epoch_before_the_cut_is_not_forgotten(data: TrialData) -> None:
    config = TrialConfig.model_validate(
        {"student": STUDENTS["bilstm"], "epochs": 3, "learning_rate": 1e-9, "loss": {"kd_weight": 0.0}}
    )
    reports, _ = trained(config, data, cut_after=1)
    assert {report.best_score for report in reports} == {reports[0].score}


def test_frozen_vectors_are_not_saved(data: TrialData) -> None:
    sizes = {}
    for channels in ("static", "tuned"):
        memory = Memory()
        config = TrialConfig.model_validate(
            {"student": {"kind": "average", "hidden_layer": 0, "channels": channels}, "epochs": 2}
        )
        run_trial(config, data, lambda report: None, memory.savepoint())
        sizes[channels] = memory.sizes[0]
    # Tuned ones four times: as they are, as they were best, and Adam's two moments.
    assert sizes["tuned"] - sizes["static"] > 4 * data.vectors.nbytes
