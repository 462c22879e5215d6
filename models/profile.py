"""The answers of a student to many texts, in counts: the labels, how sure it is, and how much of each text it does not know.

A checkpoint folder has the profile of dev, so that later texts can be compared with it without dev.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from distune.models.answers import PRINTED_DIGITS, Answered, six_decimals
from distune.models.checkpoint_folder import PULL_AGAIN, CheckpointError, read_json
from distune.models.decision import confidences

DEV_PROFILE = "dev_profile.json"
"""The profile of dev in a checkpoint folder. Folders of earlier versions have none."""
BINS = 101
"""A bin for each hundredth from 0 to 0.99, and one for 1 alone."""
_Count = Annotated[int, Field(ge=0, strict=True)]
_Bins = Annotated[tuple[_Count, ...], Field(min_length=BINS, max_length=BINS)]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How many of `n_texts` texts have which answers.

    `labels` counts the answers with each label, in the order of the student's labels. If a text has several labels, their sum
    is not `n_texts`. `confidence` counts the texts by how sure their answers are, and `unknown` by the share
    of their tokens that the vocabulary lacks, both in BINS.
    """

    n_texts: _Count
    labels: tuple[_Count, ...]
    confidence: _Bins
    unknown: _Bins

    def __add__(self, other: Profile) -> Profile:
        """The profile of the texts of both."""
        pairs = {name: (one, getattr(other, name)) for name, one in vars(self).items() if name != "n_texts"}
        sums = {name: tuple(map(sum, zip(*both, strict=True))) for name, both in pairs.items()}
        return Profile(n_texts=self.n_texts + other.n_texts, **sums)

    def known_or_not(self) -> Profile:
        """The profile of the same texts where a token is known in all of a text or in none, which is all that an answer says."""
        n_without = self.unknown[-1]
        return replace(self, unknown=(self.n_texts - n_without, *[0] * (BINS - 2), n_without))


def profile_of(answered: Answered) -> Profile:
    """The profile of the answers to some texts."""
    answers, probabilities, unknown = answered
    n_texts, n_labels = probabilities.shape
    counts = answers.sum(axis=0) if answers.ndim == 2 else np.bincount(answers, minlength=n_labels)
    sure = confidences(answers, six_decimals(probabilities)) if n_texts else np.empty(0)
    return Profile(
        n_texts=n_texts,
        labels=tuple(counts.tolist()),
        confidence=_binned(sure),
        unknown=_binned(unknown),
    )


def _binned(shares: NDArray[np.floating[Any]]) -> tuple[int, ...]:
    # Without the rounding 0.29 would be in the bin of 0.28.
    bins = np.floor(np.round(shares * (BINS - 1), PRINTED_DIGITS - 2)).astype(np.int64)
    return tuple(np.bincount(bins, minlength=BINS).tolist())


def write_profile(profile: Profile, folder: Path) -> None:
    """Write the profile of dev into a checkpoint folder."""
    (folder / DEV_PROFILE).write_text(json.dumps(asdict(profile)) + "\n", encoding="utf-8")


def read_profile(folder: Path, n_labels: int) -> Profile | None:
    """The profile of dev of a checkpoint folder, None for a folder that has none. Raises CheckpointError for a damaged one."""
    place = folder / DEV_PROFILE
    if not place.is_file():
        return None
    try:
        profile = TypeAdapter(Profile).validate_python(read_json(place))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{place} is damaged: {where:.100}: {first['msg']:.200}; {PULL_AGAIN}") from error
    if len(profile.labels) != n_labels or {sum(profile.confidence), sum(profile.unknown)} != {profile.n_texts}:
        raise CheckpointError(
            f"{place} is damaged: its counts do not fit each other or {n_labels} labels; {PULL_AGAIN}"
        )
    return profile
