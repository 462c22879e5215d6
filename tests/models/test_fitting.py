"""The training loop, its batches, and masking for pretraining."""

from __future__ import annotations

import itertools
import resource
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from distune.models.teacher.pretraining import IGNORED, MaskIds, mask_tokens
from distune.models.training.batches import (
    BUCKET_BATCHES,
    endless_batches,
    shuffled_batches,
    sorted_batches,
    token_batches,
)
from distune.models.training.loop import Schedule, keep_freed_memory, optimise, with_progress

LENGTHS = np.random.default_rng(0).integers(1, 100, 1003)


def test_every_row_is_in_one_batch() -> None:
    batches = shuffled_batches(LENGTHS, 10, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1003))
    assert max(map(len, batches)) == 10


def test_rows_of_a_batch_are_of_about_one_length() -> None:
    batches = shuffled_batches(LENGTHS, 10, np.random.default_rng(1))
    spread = [np.ptp(LENGTHS[batch]) for batch in batches]
    # A bucket holds 500 rows of lengths 1 to 99, so ten neighbours span about two.
    assert BUCKET_BATCHES == 50
    assert np.median(spread) <= 4


def test_batches_are_seeded_and_each_epoch_has_its_own() -> None:
    def three_epochs(seed: int) -> list[list[int]]:
        batches = endless_batches(LENGTHS[:25], 10, np.random.default_rng(seed))
        return [batch.tolist() for batch in itertools.islice(batches, 9)]

    assert three_epochs(1) == three_epochs(1) != three_epochs(2)
    assert three_epochs(1)[:3] != three_epochs(1)[3:6]
    assert sorted(row for batch in three_epochs(1)[3:6] for row in batch) == list(range(25))


def test_token_batches_hold_no_more_tokens_than_they_may_with_their_padding() -> None:
    lengths = np.array([3, 9, 1, 5, 20, 4])
    assert [batch.tolist() for batch in token_batches(lengths, 12)] == [[4], [1], [3, 5], [0, 2]]


def test_sorted_batches_begin_with_the_longest() -> None:
    assert [batch.tolist() for batch in sorted_batches(np.array([3, 9, 1, 5]), 2)] == [[1, 3], [0, 2]]


def test_the_learning_rate_climbs_and_falls() -> None:
    schedule = Schedule(n_steps=10, learning_rate=1.0, warmup_fraction=0.2)
    # Two steps up, then eight down: (10 - step) / 8
    assert [schedule.factor(step) for step in (0, 1, 2, 6, 10)] == [0.5, 1.0, 1.0, 0.5, 0.0]


def test_a_model_descends_its_loss_and_frozen_weights_stay() -> None:
    model = torch.nn.Linear(1, 1)
    model.bias.requires_grad_(False)
    bias = model.bias.clone()

    def loss_of(target: float) -> Tensor:
        return (model(torch.ones(1)) - target).square().sum()

    losses = list(optimise(model, [3.0] * 100, loss_of, Schedule(100, 0.2, 0.0, weight_decay=0.0)))
    assert losses[-1] < 0.01 < losses[0]
    assert torch.equal(model.bias, bias)


def test_a_loss_that_is_not_finite_stops_training_before_the_weights_are_touched() -> None:
    model = torch.nn.Linear(1, 1)
    weight = model.weight.clone()
    with pytest.raises(FloatingPointError, match="the loss became nan at step 0; no learning rate is to blame"):
        list(optimise(model, [0], lambda batch: model(torch.ones(1)).sum() * float("nan"), Schedule(1, 1.0, 0.0)))
    assert torch.equal(model.weight, weight)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_memory_that_was_freed_is_taken_again_without_asking_the_system() -> None:
    keep_freed_memory()

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(100):
            torch.ones(2_000_000)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()
    # 8 MB are 1,953 pages.
    assert faults() < 10_000


def test_masking_hides_15_percent_and_never_a_special_token() -> None:
    token_ids = torch.randint(5, 1000, (200, 100), generator=torch.Generator().manual_seed(0))
    token_ids[:, 0], token_ids[:, -1] = 2, 3
    ids = MaskIds(mask=4, special=(0, 1, 2, 3, 4), vocabulary_size=1000)
    masked, targets = mask_tokens(token_ids, ids, 0.15, torch.Generator().manual_seed(1))
    asked = targets != IGNORED
    assert not asked[:, [0, -1]].any()
    assert torch.equal(targets[asked], token_ids[asked])
    assert torch.equal(masked[~asked], token_ids[~asked])
    # 19,600 tokens: 2,940 asked for (standard deviation 50), of which 80 % are the mask and 10 % stay
    assert 2700 < int(asked.sum()) < 3180
    assert float((masked[asked] == 4).float().mean()) == pytest.approx(0.8, abs=0.04)
    assert float((masked[asked] == token_ids[asked]).float().mean()) == pytest.approx(0.1, abs=0.03)


def test_a_training_says_its_mean_loss_and_the_time_left_every_so_often(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = iter([100.0, 160.0, 190.0, 200.0])  # When it begins, and after each step.
    monkeypatch.setattr("distune.models.training.loop.time", SimpleNamespace(monotonic=lambda: next(now_s)))
    losses = list(with_progress(iter([4.0, 2.0, 1.0]), 3, "teacher", interval_s=0.0))
    assert losses == [4.0, 2.0, 1.0]
    assert said == ["teacher step 1/3: loss 4.000, 2.0 min left", "teacher step 2/3: loss 2.000, 0.8 min left"]


def test_a_training_is_silent_between_two_lines(said: list[str]) -> None:
    list(with_progress(iter([4.0, 2.0]), 2, "teacher"))
    assert not said
