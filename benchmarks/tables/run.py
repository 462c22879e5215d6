"""The tables of docs/results.md: every method of benchmarks/tables/tables.yaml on a study, with every seed.

Run: python -m benchmarks.tables.run examples/hotel.yaml
Three passes, each cell of which is kept in RECORDS/STUDY.jsonl as soon as it is done; the same command goes on after a kill.
First every method is chosen on dev with every seed. Only when all are chosen are the final rows read, once. Then the kept
students, the teacher and a network of BERT-base's shape are timed in one run: let nothing run beside it.
What has changed in the study, its data or a method is computed again; what has not is not. `--write` only writes the page,
in which a study without records stays as it is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from benchmarks.tables.cells import append, digest, read
from benchmarks.tables.methods import Choice, choose, logits_of
from benchmarks.tables.planning import Plan, plan
from benchmarks.tables.table_config import STUDENTS, Cell, TableConfig
from benchmarks.tables.tables_text import BERT_BASE_NAME, page
from distune.cluster.connection import connected
from distune.corpora.table_config import in_words
from distune.corpora.texts import CorpusError
from distune.models.decision import decision_of
from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.teacher import timing_twin
from distune.tuning.metric.metric import MetricError
from distune.tuning.speed.contenders import onnx_contender, teacher_contender
from distune.tuning.speed.figures import TIMED_TEXTS
from distune.tuning.speed.latency import cpu_name, time_contenders
from distune.tuning.study.errors import StudyError, faults_of
from distune.tuning.study.file import load_study, parse_yaml
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for, timing_teachers

READ = ("classes", "margins")
BERT_BASE = {
    "model_type": "bert",
    "vocab_size": 21128,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
}
"""The shape of bert-base-chinese."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, nargs="*")
    parser.add_argument("--table", type=Path, default=Path("benchmarks/tables/tables.yaml"))
    parser.add_argument("--records", type=Path, default=Path("storage/tables"))
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="of the study")
    parser.add_argument("--seeds", type=int, help="the first so many seeds only")
    parser.add_argument("--retrainings", type=int)
    parser.add_argument("--methods", help="some methods only, by name, with a ; between them")
    parser.add_argument("--page", type=Path, default=Path("docs/results.md"))
    parser.add_argument("--timed-texts", type=int, default=TIMED_TEXTS, help="0 leaves the timing out")
    parser.add_argument("--write", action="store_true", help="write the page of what is there, and compute nothing")
    options = parser.parse_args()
    try:
        table = table_of(options)
        if not options.write:
            for path in options.study:
                run(plan(load_study(path, options.set), table, options.records), options.timed_texts)
    except (StudyError, CorpusError, ModelError, MetricError) as error:
        raise SystemExit(f"tables: {error}") from error
    records = {path.stem: read(path) for path in sorted(options.records.glob("*.jsonl"))}
    before = options.page.read_text(encoding="utf-8") if options.page.is_file() else ""
    options.page.write_text(page(records, before), encoding="utf-8")
    say(f"{options.page}: {', '.join(records) or 'nothing yet'}")


def say(line: str) -> None:
    print(line, flush=True)


def table_of(options: argparse.Namespace) -> TableConfig:
    """The table's settings with what the command line says; raises StudyError listing the faults."""
    try:
        table = TableConfig.model_validate(parse_yaml(options.table.read_text(encoding="utf-8")))
    except OSError as error:
        raise StudyError(f"cannot read the table {options.table}: {error.strerror}") from error
    except ValidationError as error:
        raise StudyError("\n".join(faults_of(error, TableConfig))) from error
    methods = table.methods
    if options.methods is not None:
        wanted = [name.strip() for name in options.methods.split(";")]
        if unknown := set(wanted) - {method.name for method in methods}:
            raise StudyError(
                f"--methods: no method {unknown.pop()!r}; there are {'; '.join(one.name for one in methods)}"
            )
        methods = tuple(one for one in methods if one.name in wanted)
    return table.model_copy(
        update={
            "methods": methods,
            "seeds": table.seeds[: options.seeds],
            "retrainings": options.retrainings or table.retrainings,
        }
    )


def run(this: Plan, timed_texts: int) -> None:
    """The three passes."""
    sizes = {name: len(split) for name, split in this.corpus.splits.items()}
    append(
        this.record,
        {
            "record": "plan",
            "texts": sizes,
            "labels": list(this.corpus.labels),
            "is_multi_label": this.corpus.is_multi_label,
            "metric": this.metric.config.model_dump(mode="json"),
            "beside": [one.model_dump(mode="json") for one in this.table.beside.get(this.study.config.name, ())],
            "against": this.table.against,
            "retrainings": this.table.retrainings,
            "trials": this.study.config.search.trials,
            "one_search": this.study.config.name in this.table.one_search,
            "teacher": _teacher_text(this),
            "finals": {title: labels for title, (_, labels) in this.finals.items()},
            "cells": [
                {"key": cell.key, "method": cell.method.name, "kind": cell.method.kind, "seed": cell.seed}
                for cell in this.cells
            ],
        },
    )
    choices = _choose_all(this)
    readings = _known(this, "reading")
    finals_key = digest(dict(this.finals))
    for cell in {cell.key: cell for cell in this.cells}.values():
        if readings.get(cell.key, {}).get("finals") != finals_key:
            found = {
                title: read_final(this, cell, choices[cell.key], texts) for title, (texts, _) in this.finals.items()
            }
            by_kind = {kind: {title: one[kind] for title, one in found.items() if kind in one} for kind in READ}
            append(this.record, {"record": "reading", "key": cell.key, "finals": finals_key, **by_kind})
    if timed_texts:
        _time(this, choices, timed_texts)


def read_final(this: Plan, cell: Cell, choice: Choice, texts: Sequence[str]) -> dict[str, list[Any]]:
    """The answers to final texts, 0 and 1 for each of several labels; of two classes, of which a text has one, also how far the logit
    of the second is above that of the first."""
    logits = logits_of(cell, choice, this.corpus, texts)
    found: dict[str, list[Any]] = {"classes": choice.decision.of_logits(logits).tolist()}
    if logits.shape[1] == 2 and not this.corpus.is_multi_label:
        found["margins"] = np.round(np.float64(logits[:, 1]) - logits[:, 0], 6).tolist()
    return found


def _teacher_text(this: Plan) -> str:
    return " and ".join(_origin_text(settings) for settings in this.study.config.teachers)


def _origin_text(settings: TeacherConfig) -> str:
    if settings.logits is not None:
        return f"its answers on every text, from {in_words(settings.logits)}"
    if settings.answers is not None:
        return f"answers that name labels, from {in_words(settings.answers.path)}"
    if settings.students is not None:
        return f"{settings.students.members} students that learnt from the labels alone, the best on dev of {settings.students.trials}"
    return f"BERT from scratch ({settings.from_scratch})" if settings.from_scratch else str(settings.checkpoint)


def _known(this: Plan, kind: str) -> dict[str, dict[str, Any]]:
    """What is recorded of a kind, by key; the last word counts."""
    return {one["key"]: one for one in read(this.record) if one.get("record") == kind}


def _choose_all(this: Plan) -> dict[str, Choice]:
    """Every cell's choice, those that are recorded as they are recorded."""
    known = _known(this, "choice")
    choices = {}
    for key, one in known.items():
        folder = Path(one["folder"]) if one["folder"] else None
        if folder is None or folder.is_dir():
            rule = decision_of(one["thresholds"], this.corpus.labels, this.corpus.is_multi_label)
            choices[key] = Choice(one["about"], folder, one["dev_score"], rule)
    left = list({cell.key: cell for cell in this.cells if cell.key not in choices}.values())
    say(f"{this.study.config.name}: {len(this.cells)} cells, {len(left)} to be computed")
    if not left:
        return choices
    config = this.study.config
    # The teacher first: it may have to be trained, and each cell reads its answers.
    logits_for(config, this.corpus, locate(config, this.corpus))
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in left:
        groups.setdefault((cell.method.name, cell.search_key), []).append(cell)
    with connected(config.cluster):
        for cells in groups.values():
            started = time.monotonic()
            chosen = choose(cells, this.corpus, this.root, this.table.retrainings, this.metric, lambda line: None)
            minutes = (time.monotonic() - started) / 60
            for cell, choice in zip(cells, chosen, strict=True):
                choices[cell.key] = choice
                append(
                    this.record,
                    {
                        "record": "choice",
                        "key": cell.key,
                        "method": cell.method.name,
                        "seed": cell.seed,
                        "dev_score": choice.dev_score,
                        "thresholds": choice.decision.named(this.corpus.labels),
                        "about": choice.about,
                        "folder": str(choice.folder) if choice.folder else None,
                        "minutes": round(minutes / len(cells), 2),
                    },
                )
            on_dev = ", ".join(f"{choice.dev_score:.4f}" for choice in chosen)
            say(
                f"{len(choices)}: {cells[0].method.name}, seeds {', '.join(str(cell.seed) for cell in cells)}: dev {on_dev}; "
                f"{minutes:.1f} min"
            )
    return choices


def _time(this: Plan, choices: Mapping[str, Choice], n_texts: int) -> None:
    """Time each method's student of the seed that is best on dev, in one run with the first teacher and BERT-base's shape."""
    best: dict[str, Cell] = {}
    for cell in this.cells:
        name = cell.method.name
        if cell.method.kind in STUDENTS and (
            name not in best or choices[cell.key].dev_score > choices[best[name].key].dev_score
        ):
            best[name] = cell
    key = digest(sorted(cell.key for cell in best.values()))
    if not best or key in _known(this, "speed"):
        return
    corpus, config = this.corpus, this.study.config
    known = (*corpus.train.texts, *corpus.transfer.texts)
    first = config.model_copy(update={"more_teachers": []})
    teachers = timing_teachers(logits_for(first, corpus, locate(first, corpus)), known)
    twin = timing_twin({"config": BERT_BASE, "members": 1, "max_length": config.teacher.max_length}, known)
    contenders = {name: onnx_contender(choices[cell.key].folder or Path()) for name, cell in best.items()}
    contenders |= {"teacher": teacher_contender(*teachers)} if teachers else {}
    contenders[BERT_BASE_NAME] = teacher_contender(twin)
    say(f"timing {len(contenders)} contenders, one thread, taking turns")
    latencies = time_contenders(contenders, corpus.dev.texts, config.search.seed, n_texts)
    figures = {name: {k: v for k, v in asdict(one).items() if k != "quantiles_ms"} for name, one in latencies.items()}
    lengths = [len(text) for text in corpus.dev.texts]
    append(
        this.record,
        {
            "record": "speed",
            "key": key,
            "cpu": cpu_name(),
            "latencies": figures,
            "mean_characters": float(np.mean(lengths)),
        },
    )


if __name__ == "__main__":
    main()
