"""The base classes of a student or a loss of your own. docs/plugs.md says how to use them, and `distune.testing` has
the tests that it must pass.

    from distune.plugs import StudentShape, TeacherTerm

Each name is imported at its first use, so that reading a study needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distune.losses.config import HiddenTerm, TeacherTerm
    from distune.models.students.config import StudentShape
    from distune.models.students.pooling import inside
    from distune.models.students.units import PrunedBody, largest_units

__all__ = ["HiddenTerm", "PrunedBody", "StudentShape", "TeacherTerm", "inside", "largest_units"]
_HOMES = {
    "HiddenTerm": "distune.losses.config",
    "PrunedBody": "distune.models.students.units",
    "StudentShape": "distune.models.students.config",
    "TeacherTerm": "distune.losses.config",
    "inside": "distune.models.students.pooling",
    "largest_units": "distune.models.students.units",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'distune.plugs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
