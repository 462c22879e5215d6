"""The study file: one YAML, read into frozen values, every fault listed at once."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, Field, model_validator

from distune.cluster.config import ClusterConfig
from distune.corpora.corpus_config import CorpusConfig, refuse_other_rows
from distune.corpora.place_checks import check_place
from distune.corpora.teacher_data import TeacherDataConfig
from distune.models.teacher.config import StudentsConfig, TeacherConfig
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.task import task_of
from distune.tuning.study.rule import ChampionConfig
from distune.tuning.study.space import Space, parse_space
from distune.tuning.study.tracking_config import TrackingConfig
from distune.tuning.trial.config import TrialConfig


class CardConfig(BaseModel, frozen=True, extra="forbid"):
    """Facts that only people know about a model and its data. Distune writes them into the model card."""

    language: str | None = None
    """The language of the texts in ISO 639-1, such as `zh`."""
    license: str | None = None
    """The license of the model: an identifier of the hub, such as `apache-2.0`."""
    data_license: str | None = None
    """The license of the texts and labels that it has learnt from, in a sentence."""
    limits: tuple[str, ...] = ()
    """Uses for which the model is unsuitable, and mistakes that it is known to make."""


LONGEST_POINT_NAME = 60
FIRST = "search.first"


def _named_by_text(points: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    for number, point in enumerate(points):
        name = point.get("name", "-")
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= LONGEST_POINT_NAME:
            raise ValueError(
                f"the name of point {number} must be a text of 1 to {LONGEST_POINT_NAME} characters, but got {name!r}"
            )
    return points


class Point(NamedTuple):
    """A point of `search.first`: what its trial is called, and the part of a trial that it says."""

    name: str
    part: dict[str, Any]


LONGEST_NAME_BYTES = 219
"""File systems take names of 255 bytes, and one of ours is `.beginning-NAME.json.01234567.unfinished`."""


def _study_name(name: str) -> str:
    """The name of a study in NFC: a folder, an MLflow experiment and a job are called by it."""
    name = unicodedata.normalize("NFC", name)
    kinds = [unicodedata.category(sign)[0] for sign in name]
    is_text = all(kind in "LMN" or sign in "._-" for sign, kind in zip(name, kinds, strict=True))
    if not is_text or not kinds or kinds[0] not in "LN" or len(name.encode()) > LONGEST_NAME_BYTES:
        raise ValueError(
            "must have letters, digits, '.', '_' and '-' alone, begin with a letter or a digit, and take at most "
            f"{LONGEST_NAME_BYTES} bytes in UTF-8, but got {name!r}"
        )
    return name


Name = Annotated[str, AfterValidator(_study_name)]
Figure = Literal["score", "latency_ms"]
Objective = Literal["metric", "latency_ms", "accuracy"]


class SearchConfig(BaseModel, frozen=True, extra="forbid"):
    """The number of trials, their objectives, and the finalists."""

    trials: int = Field(default=32, ge=1)
    """The number of students that the search tries, including those that it stops early."""
    time_budget_s: float | None = Field(default=None, gt=0)
    """The number of seconds after which the search starts no further trial. Running trials end normally, and the
    finalists follow. The time between an interruption and `--resume` does not count."""
    patience: int | None = Field(default=None, ge=1)
    """The search starts no further trial after this number of trials in a row that did not improve the Pareto front
    of the objectives."""
    objectives: tuple[Objective, ...] = Field(default=("metric", "latency_ms"), min_length=1)
    """The objectives of the search: a higher score on dev by the study's metric, and a lower hint of the latency. If the
    metric is accuracy, `accuracy` is another word for `metric`."""
    sampler: Literal["tpe", "nsga2", "gp", "random"] = "tpe"
    """The sampler that proposes trials: TPE over the joint space of each branch, NSGA-II, a Gaussian process, or
    random draws."""
    first: Annotated[tuple[dict[str, Any], ...], AfterValidator(_named_by_text)] = ()
    """Points that the search tries before the sampler's own. Each is a part of a trial, and the sampler fills in the
    rest. A point may have a `name`, such as its paper. Pictures and tables call its trial by that name."""
    warm_start: Name | None = None
    """An earlier study in the same storage. The sampler starts from those of its trials that lie in this space."""
    importance: Literal["fanova", "mdi"] = "fanova"
    """The method by which `distune results` weighs the settings: functional ANOVA, or mean decrease in impurity."""
    scheduler: Literal["asha", "none"] = "asha"
    """The rule that stops trials. `asha` stops distilled students that are behind after an epoch, but never all of them;
    `none` stops none."""
    grace_epochs: int = Field(default=1, ge=1)
    """ASHA stops no trial before this number of epochs."""
    reduction_factor: int = Field(default=3, ge=2)
    """ASHA lets one of this number of trials continue at each of its rungs."""
    finalists: int = Field(default=3, ge=1)
    """The number of best trials that are trained again and timed."""
    seeds: int = Field(default=3, ge=1)
    """The number of trainings of each finalist and of its plain twin."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The seed of the sampler's proposals, of the trained word vectors, and of the dev texts on which the finalists
    are timed."""

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of `first`, each by its name, or by its place."""
        return tuple(
            Point(
                name=point.get("name", f"{FIRST}.{number}").strip(),
                part={key: value for key, value in point.items() if key != "name"},
            )
            for number, point in enumerate(self.first)
        )

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The objectives by their names in the record of a trial."""
        return tuple("latency_ms" if name == "latency_ms" else "score" for name in self.objectives)


def _usable_place(uri: str) -> str:
    check_place(uri)
    return uri


def _usual_metric(known: dict[str, Any]) -> MetricConfig:
    corpus = known.get("corpus")
    return task_of(isinstance(corpus, CorpusConfig) and corpus.multi_label).usual_metric


class StudyConfig(BaseModel, frozen=True, extra="forbid"):
    """One study; `trial` is the search space, in the shape of `TrialConfig`."""

    name: Name
    """The study's name, of letters of any script, digits, `.`, `_` and `-`: in the storage, in MLflow and for `distune submit`."""
    corpus: CorpusConfig
    """The texts and labels of the study, and their splits."""
    teacher: TeacherConfig
    """The teacher of the students."""
    more_teachers: tuple[TeacherConfig, ...] = ()
    """More teachers, each with its own cache; `loss.teachers` says how a trial combines them."""
    teacher_data: TeacherDataConfig = TeacherDataConfig()
    """More texts that train only the teacher."""
    plugins: tuple[Path, ...] = Field(default=(), json_schema_extra={"travels": True})
    """Python files with students and losses that the space may name. Reading the study runs these files."""
    trial: dict[str, Any]
    """The search space."""
    metric: MetricConfig = Field(default_factory=_usual_metric)
    """The metric by which Distune compares epochs, trials and finalists on dev, and of which the champion keeps a part."""
    search: SearchConfig = SearchConfig()
    """The number of trials, their objectives, and the finalists."""
    champion: ChampionConfig = ChampionConfig(min_teacher_ratio=0.97)
    """The rule that picks the champion among the finalists."""
    cluster: ClusterConfig = ClusterConfig()
    """The place where trials run, and the resources of each trial."""
    card: CardConfig = CardConfig()
    """The facts that Distune writes into the model card."""
    tracking: TrackingConfig = TrackingConfig()
    """The MLflow store, and the name in its registry."""
    storage: Annotated[str, AfterValidator(_usable_place)] = "storage"
    """The place of trained teachers, teacher logits and the results of searches: a path, or a URI of pyarrow's file
    systems (`s3://`, `gs://`, `hdfs://`). Credentials come from the environment."""

    @model_validator(mode="after")
    def _all_data_is_of_pairs_or_none(self) -> StudyConfig:
        for name in ("labelled", "unlabelled"):
            for number, file in enumerate(getattr(self.teacher_data, name)):
                refuse_other_rows(f"teacher_data.{name}.{number}", file, self.corpus)
        return self

    @model_validator(mode="after")
    def _metric_is_of_the_task(self) -> StudyConfig:
        if fault := self.metric.fault(self.corpus.multi_label):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _objectives_are_of_the_metric(self) -> StudyConfig:
        if "accuracy" in self.search.objectives and not self.metric.is_accuracy:
            raise ValueError(
                f"search.objectives names accuracy, but the study's metric is {self.metric.title}: write metric instead"
            )
        return self

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The objectives of the search; the score has the name of its metric."""
        return tuple("latency_ms" if name == "latency_ms" else self.metric.kind for name in self.search.figures)

    @property
    def teachers(self) -> tuple[TeacherConfig, ...]:
        return (self.teacher, *self.more_teachers)

    def space_of(self, students: StudentsConfig, path: str = "teacher") -> Space:
        """The space of the students that are a teacher, the one at `path`, are drawn from; raises StudyError listing
        its faults."""
        return parse_space(students.trial or self.trial, TrialConfig, f"{path}.students.trial")
