"""What a model can be wrong about."""

from __future__ import annotations

from typing import ClassVar


class ModelError(ValueError):
    """A model, a checkpoint or a vector file that cannot be used; the message says what to do."""

    exit_code: ClassVar[int] = 2
