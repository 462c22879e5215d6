"""The entries of a search in MLflow, as values; `tracking.py` writes them.

The columns of a trial's run: its score under the name of the study's metric, such as `accuracy` (dev, its best epoch), `teacher_ratio`, `size_mb`, and `latency_ms`, a hint
that was measured while other trials ran. Finalists also have `final/...` and `speedup`, timed alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distune._plural import n_of
from distune.corpora.corpus_facts import CorpusFacts
from distune.tuning.champion.card import markdown_table
from distune.tuning.champion.outcome import outcome
from distune.tuning.champion.verdict import Verdict
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, count_states, pareto_front
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.describe import describe_trial
from distune.tuning.study.rule import rule_text, teacher_ratio
from distune.tuning.teachers.teachers import Teachers
from distune.tuning.tracking.promotion import Registered
from distune.tuning.tracking.view import NOTE, figures, shown_kind

Type = Mapping[str, Any]
"""The type of a column in the form of MLflow's schemas."""
STRING: Type = {"type": "string"}
STRINGS: Type = {"type": "array", "items": STRING}
NUMBER: Type = {"type": "double"}


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Data that a search reads; `columns` are their types by name, `profile` describes them."""

    name: str
    digest: str
    context: str
    uri: str
    columns: Mapping[str, Type]
    profile: Mapping[str, Any]


@dataclass(frozen=True)
class SearchStart:
    """The facts at the beginning of a search."""

    note: str
    tags: Mapping[str, str]
    sources: Sequence[DataSource]


@dataclass(frozen=True, kw_only=True)
class SearchEnd:
    """The facts at the end of a search, about itself and about its trials by number; `name` is the name of its run."""

    name: str
    note: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    trial_metrics: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    trial_tags: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    trial_names: Mapping[int, str] = field(default_factory=dict)


def opening(
    config: StudyConfig, corpus: CorpusFacts, teachers: Teachers, teacher_score: float, folder: Folder
) -> SearchStart:
    """The text of the run of a search while it runs."""
    note = (
        f"Searching for {rule_text(config.champion, config.metric)}: {n_of(config.search.trials, 'trial')}, proposed by {config.search.sampler}. The "
        f"teacher's dev {config.metric.title} is {teacher_score:.4f}. `distune status` on the study file shows how far it is."
    )
    tags = {
        "distune.corpus": teachers.key.corpus,
        "distune.answers": corpus.answers_fingerprint,
        "distune.teacher": teachers.key.teacher,
        "distune.folder": str(folder),
        "distune.rule": rule_text(config.champion, config.metric),
    }
    profile = {"texts": sum(corpus.sizes.values()), f"dev_{config.metric.kind}": teacher_score}
    return SearchStart(note, tags, (_corpus(config, corpus), _teacher(teachers, corpus.labels, profile)))


def _corpus(config: StudyConfig, corpus: CorpusFacts) -> DataSource:
    sizes = {f"{name}_texts": n for name, n in corpus.sizes.items()}
    profile = {**sizes, "labels": list(corpus.labels)}
    return DataSource(
        name=config.corpus.short_name,
        digest=f"{corpus.fingerprint}-{corpus.answers_fingerprint}",
        context="corpus",
        uri=corpus.source or config.corpus.source_name,
        columns={"text": STRING, **({"labels": STRINGS} if corpus.is_multi_label else {"label": STRING})},
        profile=profile,
    )


def _teacher(teachers: Teachers, labels: Sequence[str], profile: Mapping[str, Any]) -> DataSource:
    columns = {f"logit_{label}": NUMBER for label in labels}
    about = {name: value for name, value in teachers.about.items() if isinstance(value, str | int | float)}
    uris = [str(place.key.folder(place.cache_root)) for place in teachers.places]
    return DataSource(
        name="teacher-logits",
        digest=teachers.key.teacher,
        context="teacher",
        uri=", ".join(uris),
        columns=columns,
        profile={**about, **profile},
    )


def closing(verdict: Verdict, records: Sequence[TrialRecord], config: StudyConfig, folder: Folder) -> SearchEnd:
    """The entries of the runs of a search and of its trials after its end."""
    finalists = _metrics_of_finalists(verdict)
    shown = verdict.finalists[verdict.shown].record
    tags = (
        {"distune.champion_trial": "none"}
        if verdict.winner is None
        else {
            "distune.champion_trial": str(shown.number),
            "distune.champion_student": shown.config.student.kind,
            "distune.champion_compression": shown.config.compression.kind,
        }
    )
    metric = config.metric.kind
    columns = {
        metric: finalists[shown.number][f"final/dev_{metric}"],
        "latency_ms": finalists[shown.number]["final/p50_ms"],
    }
    columns |= {name: value for name, value in finalists[shown.number].items() if "/" not in name}
    champion = None if verdict.winner is None else shown.number
    names = _names(verdict)
    return SearchEnd(
        name=f"{config.name}: " + ("no champion" if verdict.winner is None else names[shown.number]),
        trial_names={
            number: f"{config.name} {number}: {name}{', champion' if number == champion else ''}"
            for number, name in names.items()
        },
        note=_note(verdict, records, config, folder),
        tags=tags,
        metrics={**columns, **_metrics(verdict)},
        trial_metrics=finalists,
        trial_tags=_tags_of_trials(verdict, records, config),
    )


def _tags_of_trials(verdict: Verdict, records: Sequence[TrialRecord], config: StudyConfig) -> dict[int, dict[str, str]]:
    """The tags of trials on the front and of finalists, each finalist with a description."""
    found: dict[int, dict[str, str]] = {record.number: {"distune.on_front": "yes"} for record in pareto_front(records)}
    for index, one in enumerate(verdict.finalists):
        tags = found.setdefault(one.record.number, {})
        tags["distune.finalist"] = "yes"
        if index == verdict.winner:
            tags["distune.champion"] = "yes"
        what = "The champion" if index == verdict.winner else "A finalist"
        p50_ms = verdict.latencies[str(one.record.number)].p50_ms
        reached = (
            f"dev {config.metric.title} {one.score:.4f} over {n_of(config.search.seeds, 'seed')}, p50 {p50_ms:.3f} ms"
        )
        tags[NOTE] = f"**{what}, retrained and timed alone: {reached}.**\n\n{trial_note(one.record)}"
    return found


def trial_note(record: TrialRecord) -> str:
    """The description of a trial's run: what was trained, how it ended, and what its figures are."""
    why = "; `traceback.txt`, among the artifacts, says why" if record.error else ""
    ended = f"It ended as {record.state} after {record.epochs} of {n_of(record.config.epochs, 'epoch')}{why}."
    hint = " Its `latency_ms` is a hint, measured while other trials ran." if record.latency_ms is not None else ""
    return f"{describe_trial(record.config)}\n\n{ended}{hint}"


def _names(verdict: Verdict) -> dict[int, str]:
    """Each finalist in a few words, with its exact figures."""
    return {
        one.record.number: f"{shown_kind(one.record)} "
        + figures(one.score, verdict.latencies[str(one.record.number)].p50_ms)
        for one in verdict.finalists
    }


def _metrics(verdict: Verdict) -> dict[str, float]:
    """Figures of the three columns and of the baseline, by name."""
    figures = {} if verdict.ratio is None else {"distillation_ratio": verdict.ratio}
    if verdict.baseline:
        figures[f"baseline/test_{verdict.baseline.quality.metric.kind}"] = verdict.baseline.quality.test_score.mean
    for column in verdict.columns:
        name, metric = column.name.replace(" ", "_"), column.quality.metric.kind
        figures[f"{name}/dev_{metric}"] = column.quality.dev_score.mean
        figures |= {f"{name}/test_{kind}": one.mean for kind, one in column.quality.beside.items()}
        figures[f"{name}/test_{metric}"] = column.quality.test_score.mean
        if column.confidence:
            figures[f"{name}/calibration_error"] = column.confidence.calibration.error
            figures[f"{name}/area_under_risk_coverage"] = column.confidence.area_under_risk_coverage
        if column.latency:
            figures |= {f"{name}/p50_ms": column.latency.p50_ms, f"{name}/texts_per_s": column.latency.texts_per_s}
    return figures


def _metrics_of_finalists(verdict: Verdict) -> dict[int, dict[str, float]]:
    found = {}
    teacher = verdict.columns[0]
    teacher_score = teacher.quality.dev_score.mean
    for one in verdict.finalists:
        latency = verdict.latencies[str(one.record.number)]
        found[one.record.number] = {
            f"final/dev_{teacher.quality.metric.kind}": one.score,
            "final/p50_ms": latency.p50_ms,
            "final/p95_ms": latency.p95_ms,
            "final/texts_per_s": latency.texts_per_s,
            "size_mb": verdict.sizes_mb[one.record.number],
            **({} if (kept := teacher_ratio(one.score, teacher_score)) is None else {"teacher_ratio": kept}),
            **({"speedup": teacher.latency.p50_ms / latency.p50_ms} if teacher.latency else {}),
        }
    return found


def _note(verdict: Verdict, records: Sequence[TrialRecord], config: StudyConfig, folder: Folder) -> str:
    counts = ", ".join(f"{n} {state}" for state, n in count_states(records).items() if n)
    found = outcome(verdict.columns, meets_rule=verdict.winner is not None, teacher_timed=verdict.teacher_timed)
    return f"""**{found}.**

Asked for: {verdict.rule}.

{markdown_table(verdict.columns)}

{_champion(verdict, folder)}

{n_of(len(records), "trial")}: {counts}. Finalists were retrained with {n_of(config.search.seeds, "seed")} and timed on {verdict.timed}; a trial's own `latency_ms` is a hint. `report.html`, among the artifacts, shows \
all of it."""


def _champion(verdict: Verdict, folder: Folder) -> str:
    if verdict.winner is None:
        return "No finalist meets the rule; nothing was registered."
    number = verdict.finalists[verdict.winner].record.number
    return f"The champion is trial {number}: `distune pull {shlex.quote(str(folder))} my-student`."


def with_version(note: str, name: str, registered: Registered) -> str:
    """The note of a search whose champion was registered."""
    place = f"{name}/{registered.version}"
    return (
        f"{note}\n\nRegistered as `{name}` version {registered.version}, alias `{registered.alias}` ({registered.reason}): "
        f'`distune pull {shlex.quote(place)} my-student`, or in a program `mlflow.pyfunc.load_model("models:/{place}")`.'
    )
