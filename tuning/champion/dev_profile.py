"""The answers of a student to dev, in counts, for its checkpoint folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from distune._pairs import sides
from distune.corpora import encoding
from distune.corpora.encoding import UNKNOWN, is_of_pairs, load_encoder
from distune.models.answers import Answered, unknown_shares
from distune.models.checkpoint import Checkpoint, save_checkpoint
from distune.models.decision import AnyDecision
from distune.models.predictor import Predictor
from distune.models.profile import Profile, profile_of
from distune.tuning.trial.data import Inputs


def profile_of_rows(decision: AnyDecision, logits: NDArray[np.float32], inputs: Inputs) -> Profile:
    """The profile of a student that has these logits `[texts, classes]` for the rows of dev, as it is served."""
    rows = inputs.data.dev
    n_unknown = np.array([np.count_nonzero(row == UNKNOWN) for row in rows])
    lengths = np.array([len(row) for row in rows])
    shares = unknown_shares(n_unknown, lengths, is_of_pairs(inputs.encoder.settings))
    return profile_of(Answered(decision.of_logits(logits), decision.probabilities(logits), shares))


def with_profile_of(checkpoint: Checkpoint, texts: Sequence[str]) -> Checkpoint:
    """A checkpoint with the profile of its answers to the texts of dev, as it answers them one by one."""
    with TemporaryDirectory() as made:
        folder = save_checkpoint(checkpoint, Path(made) / "one", "", Path(encoding.__file__))
        predictor = Predictor(folder, load_encoder(folder))
        parts = [predictor.answered([sides(text) if predictor.is_of_pairs else text]) for text in texts]
    answered = Answered(*map(np.concatenate, zip(*parts, strict=True)))
    return replace(checkpoint, dev_profile=profile_of(answered))
