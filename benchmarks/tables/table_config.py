"""What a table is made of: its methods with their seeds, each a study of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from benchmarks.tables.cells import digest
from distune.corpora.corpus import Corpus
from distune.corpora.files import FileConfig
from distune.losses.config import OF_LABELS
from distune.tuning.metric.config import MetricConfig
from distune.tuning.study.file import Study
from distune.tuning.study.rule import ChampionConfig
from distune.tuning.teachers.locating import locate

STUDENTS = ("fixed", "searched")
SEEDLESS = ("majority", "tfidf", "teacher")
"""The same whatever the seed."""


class MethodConfig(BaseModel, frozen=True, extra="forbid"):
    """One row of a table."""

    name: str
    kind: Literal["majority", "tfidf", "fixed", "searched", "teacher"]
    """`fixed` trains the middle of the study's space, `searched` what a search of it finds."""
    trial: dict[str, Any] = {}
    """Blocks in place of the study's own; null leaves one out."""
    characters: bool = False
    """`true` gives a `tfidf` characters in place of the study's words, weights of classes, and the overlap of pairs."""
    metric: MetricConfig | None = None
    """The metric that the search goes by, in place of the study's own. Its student is judged by the study's own like all others."""
    plain: bool = False
    """Learn from labels alone, whatever else the study searches."""
    first_teacher_alone: bool = False
    """Learn from the study's first teacher as it is, whatever others it has and however it is softened among them."""
    rule: ChampionConfig | None = None
    """The rule by which a search's student is chosen; by default the study's own."""


class TableConfig(BaseModel, frozen=True, extra="forbid"):
    """What the table of any study is made of."""

    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    """The seeds of searches, word vectors and trainings."""
    retrainings: int = Field(default=3, ge=1)
    """How often a student is trained for each seed; the one that is best on dev is kept, as a search does."""
    one_search: tuple[str, ...] = ()
    """Studies too large to be searched with every seed: they are searched with the first one, the others are of the
    trainings that follow."""
    against: str
    """The method that the others are held against."""
    methods: tuple[MethodConfig, ...]
    final: dict[str, dict[str, FileConfig]] = {}
    beside: dict[str, tuple[MetricConfig, ...]] = {}
    """More columns of the table of a study."""

    @model_validator(mode="after")
    def _names_differ(self) -> TableConfig:
        names = [method.name for method in self.methods]
        if len(set(names)) < len(names) or self.against not in names:
            raise ValueError(f"methods must have different names and hold {self.against!r}, but got {', '.join(names)}")
        return self


@dataclass(frozen=True)
class Cell:
    """One method with one seed on a study."""

    method: MethodConfig
    seed: int
    study: Study
    key: str
    """The digest of everything that its answers depend on."""
    search_key: str
    """The digest of its search, which methods that differ in their rule alone share."""


def cells_of(document: dict[str, Any], table: TableConfig, corpus: Corpus, logits: Sequence[Path] = ()) -> list[Cell]:
    """Every method with every seed; raises StudyError where a method's blocks make no study. `logits` are files of what the teachers
    say, for methods that go by another metric."""
    return [
        cell_of(
            document,
            method,
            (table.seeds[0] if document["name"] in table.one_search else seed, seed),
            table.retrainings,
            corpus,
            logits,
        )
        for method in table.methods
        for seed in (table.seeds[:1] if method.kind in SEEDLESS else table.seeds)
    ]


def cell_of(
    document: dict[str, Any],
    method: MethodConfig,
    seeds: tuple[int, int],
    retrainings: int,
    corpus: Corpus,
    logits: Sequence[Path] = (),
) -> Cell:
    """The study of a method; `seeds` are those of its search and of the trainings after it."""
    search_seed, seed = seeds
    document = _with_its_teachers(document)
    document = _first_teacher_alone(document) if method.first_teacher_alone else document
    trial = {key: block for key, block in {**document["trial"], **method.trial}.items() if block is not None}
    search = {**document.get("search", {}), "seed": search_seed}
    if method.metric is not None:
        document = {**document, "metric": method.metric.model_dump(exclude_unset=True)}
        document = _with_files_of_teachers(document, logits)
    if method.plain:
        smoothing = {k: v for k, v in dict(trial.get("loss", {})).items() if k in OF_LABELS}
        trial = {key: block for key, block in trial.items() if key != "augment"}
        trial["loss"] = {"kd_weight": 0.0, **smoothing}
        search.pop("first", None)  # Points of losses that a plain student does not have.
    study = Study({**document, "trial": {**trial, "seed": search_seed}, "search": search})
    teachers = [place.key.teacher for place in locate(study.config, corpus)]
    running = {"cluster", "tracking", "storage", "card", "champion"}
    parts: list[Any] = [
        {k: v for k, v in study.document.items() if k not in running},
        corpus.fingerprint,
        corpus.answers_fingerprint,
        corpus.train_fingerprint,
        teachers,
    ]
    if method.kind == "searched" and (limit := study.config.champion.max_latency_ms) is not None:
        parts.append(limit)  # Trials whose hint is far beyond it are not trained.
    # A fixed student knows nothing of the search.
    if method.kind != "searched":
        parts[0] = {k: v for k, v in parts[0].items() if k != "search"}
    known = {"name", "first_teacher_alone", "metric", *([] if method.characters else ["characters"])}
    key = digest([parts, method.model_dump(mode="json", exclude=known), seed, retrainings])
    return Cell(method, seed, study, key, digest(parts))


def _with_files_of_teachers(document: dict[str, Any], logits: Sequence[Path]) -> dict[str, Any]:
    """The study with what its teachers say already: trained anew, they would be taken at the epoch that is best by another metric."""
    teachers = [
        {"logits": str(path), **{key: one[key] for key in ("weight", "temperature") if key in one}}
        for one, path in zip((document["teacher"], *document.get("more_teachers", ())), logits, strict=True)
    ]
    return {**document, "teacher": teachers[0], "more_teachers": teachers[1:]}


def _first_teacher_alone(document: dict[str, Any]) -> dict[str, Any]:
    teacher = {key: value for key, value in document["teacher"].items() if key not in ("weight", "temperature")}
    return {**{key: block for key, block in document.items() if key != "more_teachers"}, "teacher": teacher}


def _with_its_teachers(document: dict[str, Any]) -> dict[str, Any]:
    """The study with teachers that stay what they are whatever a method's students are: those that are made of students are
    drawn from the study's own space."""

    def kept(teacher: dict[str, Any]) -> dict[str, Any]:
        students = teacher.get("students")
        return teacher if students is None else {**teacher, "students": {"trial": document["trial"], **students}}

    more = {"more_teachers": [kept(one) for one in document["more_teachers"]]} if "more_teachers" in document else {}
    return {**document, "teacher": kept(document["teacher"]), **more}
