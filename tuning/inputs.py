"""What the trials of one kind of tokens and vectors share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from corpora.encoding import Encoder
from tuning.trial import TrialConfig, TrialData


@dataclass(frozen=True)
class Inputs:
    """All that trials of one `tokens` and `vectors` share; `data` is what travels to them."""

    data: TrialData
    encoder: Encoder
    vocabulary: tuple[str, ...]
    encode_ms: float
    """From raw text to token ids, which a trial adds to its network's milliseconds."""


def inputs_key(config: TrialConfig) -> str:
    """16 hex digits over what the data of a trial depends on; fewer augmented texts are a part of more."""
    augment = config.augment.model_dump_json(exclude={"n_iter"})
    text = config.tokens.model_dump_json() + config.vectors.model_dump_json() + augment
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
