"""Reading a study file."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distune._kinds import KEPT
from distune._plug_files import PlugError, PlugFile, read_plug_file
from distune._plural import n_of
from distune.corpora.kept import read_text
from distune.corpora.places import Place
from distune.tuning.study.bounded_yaml import parse_setting, parse_yaml
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.document import document_in_plain_values
from distune.tuning.study.errors import StudyError, validated
from distune.tuning.study.points import params_of, prepared_blocks, values_at
from distune.tuning.study.space import Space, parse_space
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import OPEN, plug_in

KEPT_ADVICE = "copy it from where its search was kept whole, or start a new search"
"""The advice for the file of a study that a search keeps."""


@dataclass(frozen=True)
class Study:
    """A valid study, made of a document: its settings and its search space.

    Raises StudyError, whose message has a line for each fault.

        Study({"name": "tickets", "corpus": {"source": "tickets.csv"}, "teacher": {...}, "trial": {...}})
    """

    document: dict[str, Any]
    """The content of the study file, in its own shape."""
    # Parsed from the document, but where a search has settled one of them further.
    config: StudyConfig = None  # type: ignore[assignment]
    space: Space = None  # type: ignore[assignment]
    plugs: tuple[PlugFile, ...] = ()

    def __post_init__(self) -> None:
        if self.config is None:
            object.__setattr__(self, "document", document_in_plain_values(self.document))
            plugs, faults = _plugged(self.document)
            config, space = _parsed(self.document, faults)
            object.__setattr__(self, "config", config)
            object.__setattr__(self, "space", space)
            object.__setattr__(self, "plugs", plugs)


def kept_study(place: Place) -> Study:
    """The study that the folder of a search keeps, to read what was found: none of its plugins is run, and a kind that only they
    have is taken as it was written. Raises StudyError or DamagedError, naming the file."""
    document = read_kept_document(place)
    try:
        return Study(document, *_parsed(document_in_plain_values(document), [], KEPT))
    except StudyError as error:
        lines = str(error).split("\n")
        more = f" (and {n_of(len(lines) - 1, 'fault')} more)" if lines[1:] else ""
        raise StudyError(f"{place} is damaged: {lines[0]}{more}; {KEPT_ADVICE}") from error


def runnable(study: Study) -> Study:
    """The study with its plugs in place, also if another study was read since. Raises StudyError if a plug is gone
    or has changed its settings."""
    if study.config.plugins and not study.plugs:
        return Study(study.document)
    plug_in(study.plugs)
    return study


def with_document(study: Study, document: dict[str, Any]) -> Study:
    """The study of another document, with the plugs as they were read for this one."""
    study = runnable(study)
    document = document_in_plain_values(document)
    return Study(document, *_parsed(document, []), study.plugs)


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study file; `overrides` are `path=value` with a YAML value. A value that YAML cannot read is text.

    Raises StudyError whose message has one line for each fault.
    """
    document = document_of(path)
    for override in overrides:
        setting, equals, value = override.partition("=")
        if not equals or not setting:
            raise StudyError(f"--set takes path=value, but got {override!r}")
        set_at(document, setting, parse_setting(setting, value))
    return Study(document)


def document_of(source: Path | Mapping[str, Any]) -> dict[str, Any]:
    """The document of a study file, or a copy of one, to be changed. Raises StudyError for what is no document."""
    if not isinstance(source, Path):
        return copy.deepcopy(dict(source))
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(f"cannot read the study {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{source} is not YAML: {' '.join(str(error).split())}") from error
    document = parse_yaml(text, str(source))
    if not isinstance(document, dict):
        raise StudyError(f"{source} must hold a mapping (name:, corpus:, teacher:, trial:), but got {document!r:.200}")
    return document


def read_kept_document(place: Place) -> dict[str, Any]:
    """The document of the study that the folder of a search keeps. Raises StudyError or DamagedError, naming it."""
    document = parse_yaml(read_text(place, KEPT_ADVICE), str(place))
    if not isinstance(document, dict):
        raise StudyError(f"{place} is damaged: it must hold a mapping; {KEPT_ADVICE}")
    return document


def _plugged(document: dict[str, Any]) -> tuple[tuple[PlugFile, ...], list[str]]:
    """The plugin files of a study, run, and what is wrong with them; what is no list of paths is a fault of its config."""
    paths, files, faults = document.get("plugins") or [], [], []
    for path in paths if isinstance(paths, list | tuple) else []:
        try:
            files += [read_plug_file(Path(path))] if isinstance(path, str | Path) else []
        except PlugError as error:
            faults.append(f"plugins: {error}")
    try:
        plug_in(files)
    except PlugError as error:
        faults += [f"plugins: {line}" for line in str(error).split("\n")]
    return tuple(files), faults


def _parsed(
    document: dict[str, Any], faults: list[str], context: dict[str, Any] | None = None
) -> tuple[StudyConfig, Space]:
    """The settings and the space of a document, validated in a `context`; `faults` are those that are known already."""
    space = None
    config, found = validated(StudyConfig, document)
    faults += found
    trial = document.get("trial")
    if isinstance(trial, dict):
        try:
            space = parse_space(trial, TrialConfig, context=context)
            prepared_blocks(space)
            faults += _faults_of_plugs(space)
            for number, point in enumerate(config.search.points if config else ()):
                params_of(space, point.part, f"search.first.{number}")
        except StudyError as error:
            faults += str(error).split("\n")
    if config and context is None:
        faults += _faults_of_students(config)
        faults += _faults_of_agreement(config, space) if space else []
    if faults or config is None or space is None:
        raise StudyError("\n".join(faults))
    return config, space


def _faults_of_plugs(space: Space) -> list[str]:
    """Compressions that a plugged student cannot have: its class would have to say how its units are removed."""
    students = OPEN[0]
    if "prune_units" not in values_at(space, "compression.kind"):
        return []
    return [
        f"trial.compression: prune_units removes units of every student of the space, and {kind} has no keep_units"
        for kind in values_at(space, "student.kind")
        if (model := students.find(kind)) is not None and model.keep_units is students.base.keep_units  # type: ignore[attr-defined]
    ]


def _faults_of_students(config: StudyConfig) -> list[str]:
    """The faults in the own spaces of teachers that are made of students."""
    faults = []
    for number, settings in enumerate(config.teachers):
        if settings.students and settings.students.trial:
            try:
                config.space_of(settings.students, f"more_teachers.{number - 1}" if number else "teacher")
            except StudyError as error:
                faults += str(error).split("\n")
    return faults


def _faults_of_agreement(config: StudyConfig, space: Space) -> list[str]:
    """The fault of trials that weigh texts by how far one teacher agrees with itself."""
    if len(config.teachers) > 1 or not any(values_at(space, "loss.weigh_by_agreement")):
        return []
    return [
        "trial.loss.weigh_by_agreement: needs several teachers, and the study has one: name others by more_teachers, or leave it out"
    ]


def set_at(document: dict[str, Any], path: str, value: Any) -> None:
    """Replace one setting of a document by its dotted path, such as `search.trials`."""
    *parents, last = path.split(".")
    block = document
    for depth, key in enumerate(parents):
        inner = block.setdefault(key, {})
        if not isinstance(inner, dict):
            place = ".".join(parents[: depth + 1])
            raise StudyError(f"{path}: {place} is not one block here but {inner!r}; set {place} as a whole")
        block = inner
    block[last] = value
