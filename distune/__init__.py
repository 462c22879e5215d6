"""Distune from Python: read a study, search it, load the student that won.

    import distune

    study = distune.load_study("study.yaml", **{"search.trials": 16})
    print(distune.check(study))
    found = distune.search(study)
    student = distune.load(found.champion)
    student.predict(["很好", "太慢了"])

Each name is imported at its first use. `load` of a folder needs only onnxruntime, numpy and the package that cuts the
texts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distune._search import Found, check, load_study, results, run_trial, search
    from distune._student import Student, load
    from distune.corpora.texts import CorpusError
    from distune.models.answers import TextError
    from distune.models.checkpoint_folder import CheckpointError
    from distune.models.errors import ModelError
    from distune.tuning.champion.verdict import NoChampionError
    from distune.tuning.concluding import InterruptedSearchError
    from distune.tuning.study.errors import StudyError
    from distune.tuning.study.file import Study

    __version__: str
    """The installed version."""

__all__ = [
    "CheckpointError",
    "CorpusError",
    "Found",
    "InterruptedSearchError",
    "ModelError",
    "NoChampionError",
    "Student",
    "Study",
    "StudyError",
    "TextError",
    "__version__",
    "check",
    "load",
    "load_study",
    "results",
    "run_trial",
    "search",
]
_HOMES = {
    "CheckpointError": "distune.models.checkpoint_folder",
    "CorpusError": "distune.corpora.texts",
    "Found": "distune._search",
    "InterruptedSearchError": "distune.tuning.concluding",
    "ModelError": "distune.models.errors",
    "NoChampionError": "distune.tuning.champion.verdict",
    "Student": "distune._student",
    "Study": "distune.tuning.study.file",
    "StudyError": "distune.tuning.study.errors",
    "TextError": "distune.models.answers",
    "check": "distune._search",
    "load": "distune._student",
    "load_study": "distune._search",
    "results": "distune._search",
    "run_trial": "distune._search",
    "search": "distune._search",
}
"""The module of each public name."""
_MODULES = ("plugs", "testing")
"""The modules for students and losses of users."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Not at import: the code that travels with a submitted search has no metadata beside it.
        from importlib.metadata import version

        return version("distune")
    if name in _MODULES:
        return importlib.import_module(f"distune.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'distune' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
