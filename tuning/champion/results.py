"""`results.json`: what a search found, written and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from distune.corpora.corpus_facts import CorpusFacts
from distune.corpora.kept import read_object, reading
from distune.tuning.champion.columns import AtThreshold, Column, Kept, Quality, Spread
from distune.tuning.champion.confidence import confidence_in
from distune.tuning.champion.results_shape import check_shape
from distune.tuning.metric.config import ACCURACY, MetricConfig
from distune.tuning.speed.figures import TIMED_TEXTS, Latency, Load, TeacherTimed, timed_words
from distune.tuning.storage.paths import Folder
from distune.tuning.trial.config import TrialConfig

if TYPE_CHECKING:
    from distune.tuning.champion.verdict import Verdict
    from distune.tuning.study.config import StudyConfig


@dataclass(frozen=True, kw_only=True)
class FinalStudent:
    """A finalist as it was measured: the scores on dev of its seeds, and its latency as it is served."""

    trial: int
    config: TrialConfig
    dev_scores: tuple[float, ...]
    latency: Latency
    size_mb: float | None


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of a search that has ended; `columns` are those of its table.

    Entries that results of an older Distune lack are empty.
    """

    rule: str
    metric: MetricConfig = ACCURACY
    teacher: str
    champion: int | None
    ratio: float | None
    columns: tuple[Column, Column, Column]
    baseline: Column | None = None
    finalists: tuple[FinalStudent, ...]
    cpu: str
    host: str
    timed_texts: int | None
    texts: dict[str, int]
    versions: dict[str, str]
    teacher_timed: TeacherTimed | None
    load: Load | None

    @property
    def timed(self) -> str:
        return timed_words(self.cpu, self.teacher_timed, self.load)

    @property
    def shown(self) -> FinalStudent:
        """The champion, or the nearest to it: the first of the finalists."""
        return next((one for one in self.finalists if one.trial == self.champion), self.finalists[0])


def facts_of(
    verdict: Verdict, config: StudyConfig, corpus: CorpusFacts, about_teacher: Mapping[str, Any]
) -> dict[str, Any]:
    """The results as they are written to `results.json`."""
    from distune.models.students.student import count_parameters

    metric = config.metric
    return {
        "study": config.name,
        "rule": verdict.rule,
        "metric": metric.model_dump(mode="json", exclude_none=True),
        "teacher": about_teacher,
        "cpu": verdict.cpu,
        "timed_on": verdict.host,
        "teacher_timed": verdict.teacher_timed,
        "load": asdict(verdict.load) if verdict.load else None,
        "present_champion": {"onnxruntime": asdict(verdict.present)} if verdict.present else None,
        "timed_texts": min(TIMED_TEXTS, corpus.sizes["dev"]),
        "versions": verdict.versions,
        "labels": corpus.labels,
        "texts": corpus.sizes,
        "champion": None if verdict.winner is None else verdict.finalists[verdict.winner].record.number,
        "distillation_ratio": verdict.ratio,
        "columns": [_column_facts(column) for column in verdict.columns],
        "baseline": _column_facts(verdict.baseline) if verdict.baseline else None,
        "finalists": [
            {
                "trial": one.record.number,
                "config": one.record.config.model_dump(mode="json"),
                f"dev_{metric.kind}": [result.score for result in one.distilled],
                f"plain_dev_{metric.kind}": [result.score for result in one.plain],
                "parameters": count_parameters(one.best.student),
                "size_mb": verdict.sizes_mb[one.record.number],
                "onnxruntime": asdict(verdict.latencies[str(one.record.number)]),
                "torch": asdict(verdict.latencies[f"{one.record.number} torch"]),
            }
            for one in verdict.finalists
        ],
    }


ADVICE = "copy it from where it was kept whole, or search --resume to make it again"


def read_raw_results(folder: Folder) -> dict[str, Any] | None:
    """The parsed `results.json` of a search, None if it has not come to it. Raises DamagedError for one that is
    damaged."""
    place = folder.place / "results.json"
    if not place.is_file():
        return None
    raw = read_object(place, ADVICE)
    with reading(place, ADVICE):
        parse_results(raw)
    return raw


def read_results(folder: Folder) -> Results | None:
    """The results of a search, None if it has none yet. Raises DamagedError if they are damaged."""
    raw = read_raw_results(folder)
    return None if raw is None else parse_results(raw)


def parse_results(raw: dict[str, Any]) -> Results:
    """The results in a parsed `results.json`, also of searches that kept less in it."""
    metric = MetricConfig.model_validate(raw.get("metric", {}))
    check_shape(raw, metric.kind)
    finalists = tuple(
        FinalStudent(
            trial=one["trial"],
            config=TrialConfig.kept(one["config"]),
            dev_scores=tuple(one[f"dev_{metric.kind}"]),
            latency=_latency(one["onnxruntime"]),
            size_mb=one.get("size_mb"),
        )
        for one in raw["finalists"]
    )
    teacher, alone, distilled = (_column(one, metric) for one in raw["columns"])
    described = raw["teacher"].get("description", "its logits came as a file that says no more")
    return Results(
        rule=raw["rule"],
        metric=metric,
        teacher=described,
        champion=raw["champion"],
        ratio=raw["distillation_ratio"],
        columns=(teacher, alone, distilled),
        baseline=_column(raw["baseline"], metric) if raw.get("baseline") else None,
        finalists=finalists,
        cpu=raw["cpu"],
        host=raw.get("timed_on", ""),
        timed_texts=raw.get("timed_texts"),
        texts=raw.get("texts", {}),
        versions=raw.get("versions", {}),
        teacher_timed=raw.get("teacher_timed", None if teacher.latency else "no"),
        load=Load(**raw["load"]) if raw.get("load") else None,
    )


def _column_facts(column: Column) -> dict[str, Any]:
    """A column in the form of `results.json`: the name of the metric is part of the keys of its scores."""
    quality = asdict(column.quality)
    kind = column.quality.metric.kind
    del quality["metric"]
    scores = {f"{split}_{kind}": quality.pop(f"{split}_score") for split in ("dev", "test")}
    return {**asdict(column), "quality": {**quality, **scores}}


def _column(raw: dict[str, Any], metric: MetricConfig) -> Column:
    kept = dict(raw["quality"])
    interval = kept.get("test_interval")
    names = {
        "dev_score": f"dev_{metric.kind}",
        "test_score": f"test_{metric.kind}",
        "test_accuracy": "test_accuracy",
        "macro_f1": "macro_f1",
        "agreement": "agreement",
        "micro_f1": "micro_f1",
    }
    spreads: dict[str, Any] = {field: Spread(**kept[name]) if kept.get(name) else None for field, name in names.items()}
    answered = kept.get("answered")
    quality = Quality(
        metric=metric,
        answered=None if answered is None else _answered(answered),
        test_interval=None if interval is None else (float(interval[0]), float(interval[1])),
        **spreads,
    )
    latency = _latency(raw["latency"]) if raw["latency"] else None
    return Column(
        name=raw["name"],
        quality=quality,
        n_parameters=raw["n_parameters"],
        size_mb=raw["size_mb"],
        latency=latency,
        kept=Kept(**raw["kept"]) if raw.get("kept") else None,
        confidence=confidence_in(raw.get("confidence")),
    )


def _answered(raw: dict[str, Any]) -> AtThreshold:
    figures = {name: Spread(**raw[name]) for name in ("threshold", "precision", "recall")}
    return AtThreshold(label=raw["label"], **figures)


def _latency(raw: dict[str, Any]) -> Latency:
    return Latency(**{**raw, "quantiles_ms": tuple(raw.get("quantiles_ms", ()))})
