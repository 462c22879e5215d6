"""The input and output of compressions: a student, the settings that build it, and the changes in its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from distune.models.students.config import StudentShape
from distune.models.students.student import Student

HalfType = Literal["float32", "float16", "bfloat16"]
AfterStep = Callable[[], None]
"""Called after each optimizer step of a fine-tuning, to hold what was compressed as it is."""


@dataclass(frozen=True)
class Structure:
    """How a student differs from one that is built from its settings; enough to build it again for its weights."""

    n_tokens: int | None = None
    """How many of the vocabulary's tokens have a vector of their own; the others are unknown."""
    ranks: Mapping[str, int] = field(default_factory=dict)
    """The ranks of factorised layers, by name; of recurrent layers their matrices' ranks."""
    int8_embedding: bool = False
    dtype: HalfType = "float32"
    """How weights are stored; they are computed with in float32."""


@dataclass(frozen=True)
class Trained:
    """A student in eval mode on the CPU."""

    student: Student
    config: StudentShape
    structure: Structure = Structure()


@dataclass(frozen=True)
class CalibrationData:
    """The data of a compression: rows of token ids of train texts, and a way to train a student further.

    `fine_tune(student, epochs, after_step)` trains in place; it is None without texts to train on.
    """

    rows: Sequence[NDArray[np.integer[Any]]]
    fine_tune: Callable[[nn.Module, int, AfterStep], None] | None = None

    def tune(self, student: nn.Module, epochs: int, after_step: AfterStep = lambda: None) -> None:
        """Fine-tune if there are epochs and data to learn from."""
        if epochs and self.fine_tune is not None:
            self.fine_tune(student, epochs, after_step)
            student.eval()
