"""Reading a study file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tuning.study.config import StudyConfig
from tuning.study.errors import StudyError, faults_of
from tuning.study.points import params_of, prepared_blocks
from tuning.study.space import Space, parse_space
from tuning.trial.config import TrialConfig


@dataclass(frozen=True)
class Study:
    """A valid study: its settings, its search space, and the document it was read from with the overrides in it."""

    config: StudyConfig
    space: Space
    document: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-4 as a string; everybody who writes it means a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file; `overrides` are `path=value` with a YAML value.

    Raises StudyError whose message has one line for each fault.
    """
    try:
        document = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"cannot read the study {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise StudyError(f"{path} must hold a mapping (name:, corpus:, teacher:, trial:), but got {document!r}")
    for override in overrides:
        _override(document, override)
    return parse_study(document)


def parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)


def parse_study(document: dict[str, Any]) -> Study:
    """The study in a parsed document; raises StudyError listing every fault of settings and space."""
    faults: list[str] = []
    config, space = None, None
    try:
        config = StudyConfig.model_validate(document)
    except ValidationError as error:
        faults += faults_of(error, StudyConfig)
    trial = document.get("trial")
    if isinstance(trial, dict):
        try:
            space = parse_space(trial, TrialConfig)
            prepared_blocks(space)
            for number, point in enumerate(config.search.first if config else ()):
                params_of(space, point, f"search.first.{number}")
        except StudyError as error:
            faults += str(error).split("\n")
    if config:
        faults += _faults_of_students(config)
    if faults or config is None or space is None:
        raise StudyError("\n".join(faults))
    return Study(config, space, document)


def _faults_of_students(config: StudyConfig) -> list[str]:
    """What is wrong with the spaces that teachers made of students have of their own."""
    faults = []
    for number, settings in enumerate(config.teachers):
        if settings.students and settings.students.trial:
            try:
                config.space_of(settings.students, f"more_teachers.{number - 1}" if number else "teacher")
            except StudyError as error:
                faults += str(error).split("\n")
    return faults


def _override(document: dict[str, Any], override: str) -> None:
    path, equals, value = override.partition("=")
    if not equals or not path:
        raise StudyError(f"--set takes path=value, but got {override!r}")
    *parents, last = path.split(".")
    block = document
    for depth, key in enumerate(parents):
        inner = block.setdefault(key, {})
        if not isinstance(inner, dict):
            place = ".".join(parents[: depth + 1])
            raise StudyError(f"--set {path}: {place} is not one block here but {inner!r}; set {place} as a whole")
        block = inner
    block[last] = parse_yaml(value)
