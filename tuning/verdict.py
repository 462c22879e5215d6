"""The end of a search: the finalists are timed alone, the rule picks the champion, the test set is read once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from models.student import count_parameters, student_logits
from models.teacher import teacher_size_mb
from tuning.finalists import Finalist, choose_champion, rule_text, save_finalist, to_json
from tuning.folder import Folder
from tuning.latency import Latency, cpu_name, onnx_contender, teacher_contender, time_contenders, torch_contender
from tuning.preparation import Prepared, encode_texts
from tuning.records import TrialRecord, count_states, importances, open_study, pareto_front
from tuning.report import Column, distillation_ratio, model_card, quality, rows_of_table, table_of
from tuning.teaching import accuracy_of, timing_teacher
from tuning.tracking import Tracker, register_champion
from tuning.trial import rows_of


class NoChampionError(Exception):
    """A search that ended well, in which no student meets the champion rule."""


def crown(
    prepared: Prepared,
    finalists: Sequence[Finalist],
    records: Sequence[TrialRecord],
    folder: Folder,
    tracker: Tracker,
    console: Console,
) -> None:
    """Time the finalists alone, apply the rule, read the test set once, and write and register the result."""
    config, corpus = prepared.study.config, prepared.corpus
    paths = [save_finalist(one, prepared, folder.path / "finalists" / str(one.record.number), "") for one in finalists]
    with console.status("timing the finalists and the teacher, one thread, nothing beside them"):
        latencies, teacher_column = _time(prepared, paths)
    teacher_accuracy = accuracy_of(prepared.logits.of(corpus.dev.texts), corpus.dev.labels)
    winner = choose_champion(finalists, [latencies[path.name] for path in paths], config.champion, teacher_accuracy)
    shown = winner if winner is not None else 0
    columns = [teacher_column, *_student_columns(prepared, finalists[shown], latencies, paths[shown])]
    ratio = distillation_ratio(*columns)
    summary = _summary(prepared, finalists, records, latencies, columns, winner, ratio, folder)
    (folder.path / "results.json").write_text(to_json(summary), encoding="utf-8")
    render(summary, columns, console, folder.path / "table.txt")
    tracker.log_results(*_metrics(columns, finalists, latencies, ratio), folder.path)
    if winner is None:
        raise NoChampionError(f"no finalist is {rule_text(config.champion)}; nothing was registered. The nearest is "
                              f"trial {finalists[0].record.number}, dev accuracy {finalists[0].accuracy:.4f}, "
                              f"p50 {latencies[paths[0].name].p50_ms:.3f} ms")  # fmt: skip
    champion = folder.path / "champion"
    shutil.copytree(paths[winner], champion, dirs_exist_ok=True)
    (champion / "README.md").write_text(_card(prepared, finalists[winner], columns, ratio), encoding="utf-8")
    with console.status("registering the champion"):
        version = register_champion(config, tracker.run_id, champion, corpus.dev.texts[:2])
    if version:
        console.print(f"registered as {config.tracking.register_as} version {version}, alias champion", highlight=False)


def _time(prepared: Prepared, paths: Sequence[Path]) -> tuple[dict[str, Latency], Column]:
    """The latency of each checkpoint by its folder's name (and of the first in torch), and the teacher's column."""
    config, corpus = prepared.study.config, prepared.corpus
    contenders = {path.name: onnx_contender(path) for path in paths}
    contenders |= {f"{path.name} torch": torch_contender(path) for path in paths}
    about = prepared.logits.manifest.about
    teacher = timing_teacher(config, about, prepared.place, (*corpus.train.texts, *corpus.transfer.texts))
    if teacher is not None:
        contenders["teacher"] = teacher_contender(teacher)
    latencies = time_contenders(contenders, corpus.dev.texts, config.search.seed)
    logits = {name: prepared.logits.of(corpus.splits[name].texts) for name in ("dev", "test")}
    figures = quality([accuracy_of(logits["dev"], corpus.dev.labels)], [logits["test"]], corpus.test.labels, None)
    size_mb = teacher_size_mb(teacher) if teacher else None
    return latencies, Column(
        "teacher", **figures, n_parameters=teacher.n_parameters if teacher else None,  # type: ignore[arg-type]
        size_mb=size_mb, latency=latencies.get("teacher"),
    )  # fmt: skip


def _student_columns(
    prepared: Prepared, finalist: Finalist, latencies: dict[str, Latency], path: Path
) -> Iterator[Column]:
    """The student alone and the distilled one; here, and only here, the test split is read."""
    corpus, inputs = prepared.corpus, prepared.of(finalist.record.config)
    rows = rows_of(encode_texts(inputs.encoder, corpus.test.texts))
    teacher = prepared.logits.of(corpus.test.texts)
    for name, results in (("student alone", finalist.plain), ("distilled champion", finalist.distilled)):
        logits = [student_logits(result.student, rows) for result in results]
        figures = quality([result.accuracy for result in results], logits, corpus.test.labels, teacher)
        yield Column(
            name, **figures, n_parameters=count_parameters(finalist.best.student),  # type: ignore[arg-type]
            size_mb=(path / "model.onnx").stat().st_size / 1e6, latency=latencies[path.name],
        )  # fmt: skip


def _summary(
    prepared: Prepared,
    finalists: Sequence[Finalist],
    records: Sequence[TrialRecord],
    latencies: dict[str, Latency],
    columns: Sequence[Column],
    winner: int | None,
    ratio: float | None,
    folder: Folder,
) -> dict[str, Any]:
    """All that `distune results` shows, as JSON."""
    config = prepared.study.config
    study = open_study(config, folder.path)
    return {
        "study": config.name,
        "rule": rule_text(config.champion),
        "teacher": prepared.logits.manifest.about.get("description", ""),
        "cpu": cpu_name(),
        "champion": None if winner is None else finalists[winner].record.number,
        "distillation_ratio": ratio,
        "columns": [asdict(column) for column in columns],
        "finalists": [
            {
                "trial": one.record.number,
                "config": one.record.config.model_dump(mode="json"),
                "dev_accuracy": [result.accuracy for result in one.distilled],
                "plain_dev_accuracy": [result.accuracy for result in one.plain],
                "onnx": asdict(latencies[str(one.record.number)]),
                "torch": asdict(latencies[f"{one.record.number} torch"]),
            }
            for one in finalists
        ],
        "trials": count_states(records),
        "front": [record.number for record in pareto_front(records)],
        "importances": importances(study, config.search.objectives),
    }


def _metrics(
    columns: Sequence[Column], finalists: Sequence[Finalist], latencies: dict[str, Latency], ratio: float | None
) -> tuple[dict[str, float], dict[int, dict[str, float]]]:
    """Figures for MLflow: of the three models of the table, and of each finalist by its trial's number."""
    metrics = {} if ratio is None else {"distillation_ratio": ratio}
    for column in columns:
        name = column.name.replace(" ", "_")
        metrics |= {
            f"{name}.dev_accuracy": column.dev_accuracy.mean,
            f"{name}.test_accuracy": column.test_accuracy.mean,
        }
        if column.latency:
            metrics |= {f"{name}.p50_ms": column.latency.p50_ms, f"{name}.texts_per_s": column.latency.texts_per_s}
    per_trial = {}
    for one in finalists:
        latency = latencies[str(one.record.number)]
        per_trial[one.record.number] = {
            "final.dev_accuracy": one.accuracy, "final.p50_ms": latency.p50_ms, "final.p95_ms": latency.p95_ms,
            "final.texts_per_s": latency.texts_per_s,
        }  # fmt: skip
    return metrics, per_trial


def _card(prepared: Prepared, finalist: Finalist, columns: Sequence[Column], ratio: float | None) -> str:
    config, record = prepared.study.config, finalist.record.config
    about = {
        "Study": config.name,
        "Labels": ", ".join(prepared.corpus.labels),
        "Data": f"{config.corpus.source}: {len(prepared.corpus.train)} labelled texts and "
                f"{len(prepared.corpus.transfer)} texts with the teacher's logits alone",
        "Teacher": prepared.logits.manifest.about.get("description", "see the study"),
        "Student": record.student.model_dump_json(),
        "Loss": record.loss.model_dump_json(),
        "Distillation ratio (distilled - alone) / (teacher - alone) on test": "-" if ratio is None else f"{ratio:.2f}",
        "CPU": cpu_name(),
    }  # fmt: skip
    return model_card(
        config.tracking.register_as or config.name, about, rows_of_table(columns), [c.name for c in columns]
    )


def render(summary: dict[str, Any], columns: Sequence[Column], console: Console, file: Path | None = None) -> None:
    """Print the table of a search, and write it to `file`."""
    title = f"{summary['study']}: {summary['rule']}"
    targets = [console]
    stream = file.open("w", encoding="utf-8") if file else None
    if stream:
        targets.append(Console(file=stream, width=120))
    for target in targets:
        target.print(table_of(columns, title))
        ratio = summary["distillation_ratio"]
        shown = "- (the teacher is no better than the student alone)" if ratio is None else f"{ratio:.2f}"
        target.print(f"distillation ratio (distilled - alone) / (teacher - alone), on test: {shown}", highlight=False)
        target.print(f"timed on one thread of {summary['cpu']}", highlight=False)
    if stream:
        stream.close()
