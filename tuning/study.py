"""The study file: one YAML, read into frozen values, every fault listed at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from cluster.connection import ClusterConfig
from corpora.corpus_config import CorpusConfig
from corpora.places import check_place
from corpora.teacher_data import TeacherDataConfig
from models.teacher_config import StudentsConfig, TeacherConfig
from tuning.card import CardConfig
from tuning.faults import StudyError, faults_of
from tuning.points import params_of, prepared_blocks
from tuning.space import Space, parse_space
from tuning.trial import TrialConfig

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Objective = Literal["accuracy", "latency_ms"]


class SearchConfig(BaseModel, frozen=True, extra="forbid"):
    """How many trials, what for, and what is done with the best of them."""

    trials: int = Field(default=32, ge=1)
    """How many students are tried, those that are stopped early included."""
    objectives: tuple[Objective, ...] = Field(default=("accuracy", "latency_ms"), min_length=1)
    """What the search improves: dev accuracy upwards, the hint of the latency downwards."""
    sampler: Literal["tpe", "nsga2", "gp", "random"] = "tpe"
    """Who proposes: TPE over the joint space of each branch, NSGA-II, a Gaussian process, or chance."""
    first: tuple[dict[str, Any], ...] = ()
    """Points to try before the sampler's own, each a part of a trial; what it leaves open is sampled."""
    warm_start: Annotated[str, Field(pattern=NAME)] | None = None
    """An earlier study in the same storage whose trials the sampler starts from, where they lie in this space."""
    importance: Literal["fanova", "mdi"] = "fanova"
    """How `distune results` weighs what mattered: functional ANOVA, or mean decrease in impurity."""
    scheduler: Literal["asha", "none"] = "asha"
    """`asha` stops trials that are behind after an epoch; `none` lets each one end."""
    grace_epochs: int = Field(default=1, ge=1)
    """ASHA stops no trial before so many epochs."""
    reduction_factor: int = Field(default=3, ge=2)
    """Of so many trials ASHA lets one go on at each of its rungs."""
    finalists: int = Field(default=3, ge=1)
    """How many of the best trials are retrained and timed."""
    seeds: int = Field(default=3, ge=1)
    """How often each finalist and its plain twin are retrained."""
    seed: int = Field(default=7, ge=0)
    """Of the sampler's proposals, the trained word vectors, and which dev texts the finalists are timed on."""


class ChampionConfig(BaseModel, frozen=True, extra="forbid"):
    """The rule, on dev: the fastest that keeps `min_teacher_ratio` of the teacher's accuracy, or the most accurate
    within `max_latency_ms` from raw text to label. With both, the most accurate that meets both."""

    min_teacher_ratio: float | None = Field(default=None, gt=0)
    """The part of the teacher's dev accuracy that a champion keeps."""
    max_latency_ms: float | None = Field(default=None, gt=0)
    """The most milliseconds that a champion takes: p50, from raw text to label, on one thread."""

    @model_validator(mode="after")
    def _a_rule_is_given(self) -> ChampionConfig:
        if self.min_teacher_ratio is None and self.max_latency_ms is None:
            raise ValueError("needs min_teacher_ratio, max_latency_ms or both")
        return self


def _usable_place(uri: str) -> str:
    check_place(uri)
    return uri


def _without_secret(uri: str) -> str:
    parts = urlsplit(uri)
    if "@" in parts.netloc and "://" in uri:
        raise ValueError("must hold no user or password, as it is kept with the results: set MLFLOW_TRACKING_USERNAME and "
                         f"MLFLOW_TRACKING_PASSWORD, and run a server for a database; but got {parts.scheme}://"
                         f"...@{parts.netloc.rpartition('@')[2]}")  # fmt: skip
    return uri


class TrackingConfig(BaseModel, frozen=True, extra="forbid"):
    """The MLflow store and the name in its model registry (nothing is registered without one)."""

    uri: Annotated[str, AfterValidator(_without_secret)] = "sqlite:///mlflow.db"
    """The MLflow store: `sqlite:///FILE`, or the address of a server; never with a user or password in it."""
    register_as: Annotated[str, Field(pattern=r"^[^/:@]+$")] | None = None
    """The name that the champion gets in the model registry."""


class StudyConfig(BaseModel, frozen=True, extra="forbid"):
    """One study; `trial` is the search space, in the shape of `TrialConfig`."""

    name: Annotated[str, Field(pattern=NAME)]
    """The study's name, in the storage, in MLflow and for `distune submit`."""
    corpus: CorpusConfig
    """What is read and how it is split."""
    teacher: TeacherConfig
    """Where the teacher comes from."""
    more_teachers: tuple[TeacherConfig, ...] = ()
    """Further teachers, each with its own cache; `loss.teachers` says what a trial takes of them."""
    teacher_data: TeacherDataConfig = TeacherDataConfig()
    """Further texts that train the teacher alone."""
    trial: dict[str, Any]
    """The search space."""
    search: SearchConfig = SearchConfig()
    """How many trials, what for, and what is done with the best of them."""
    champion: ChampionConfig = ChampionConfig(min_teacher_ratio=0.97)
    """The rule by which the best finalist is picked."""
    cluster: ClusterConfig = ClusterConfig()
    """Where trials run, and what each is given."""
    card: CardConfig = CardConfig()
    """What is written into the model card."""
    tracking: TrackingConfig = TrackingConfig()
    """Where runs and models are recorded."""
    storage: Annotated[str, AfterValidator(_usable_place)] = "storage"
    """Where trained teachers, teacher logits and the results of searches are kept: a path, or a URI of pyarrow's file
    systems (`s3://`, `gs://`, `hdfs://`), whose credentials come from the environment."""

    @property
    def teachers(self) -> tuple[TeacherConfig, ...]:
        return (self.teacher, *self.more_teachers)

    def space_of(self, students: StudentsConfig, path: str = "teacher") -> Space:
        """What students that are a teacher, the one at `path`, are drawn from; raises StudyError listing its faults."""
        return parse_space(students.trial or self.trial, TrialConfig, f"{path}.students.trial")


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
