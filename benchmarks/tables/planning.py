"""All that a table of a study computes: its cells, its final rows, and the metric that judges them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables.table_config import Cell, TableConfig, cells_of
from distune.corpora.corpus import Corpus
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.logits_export import write_logits_file
from distune.corpora.texts import CorpusError, content_key
from distune.tuning.metric.task import AnyMetric, task_of
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.answers import answered_corpus
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for


@dataclass(frozen=True)
class Plan:
    """All that one run computes, and where it is kept."""

    study: Study
    corpus: Corpus
    metric: AnyMetric
    """The study's own, by which every method is judged."""
    table: TableConfig
    cells: Sequence[Cell]
    finals: Mapping[str, tuple[list[str], list[Any]]]
    """Texts and classes of each final set; of several labels a text, a list of 1, 0 and -1 for each."""
    record: Path
    root: Path


def plan(study: Study, table: TableConfig, records: Path) -> Plan:
    """Every cell, and the final rows; raises StudyError and CorpusError for what cannot be used, before any student is trained."""
    corpus = answered_corpus(study.config)
    name = study.config.name
    searches_by_another = any(method.metric is not None for method in table.methods)
    logits = _written_logits(study, corpus, records / name) if searches_by_another else ()
    cells = cells_of(study.document, table, corpus, logits)
    finals = {title: _final(title, file, corpus) for title, file in table.final.get(name, {}).items()}
    finals = finals or {"test": (list(corpus.test.texts), corpus.test.labels.tolist())}
    metric = _metric(study, corpus, table, finals)
    return Plan(study, corpus, metric, table, cells, finals, records / f"{name}.jsonl", records / name)


def _written_logits(study: Study, corpus: Corpus, folder: Path) -> list[Path]:
    """What each teacher says to every text, as files; teachers that are not trained yet are trained for them."""
    teachers = logits_for(study.config, corpus, locate(study.config, corpus))
    paths = []
    for place, cache in zip(teachers.places, teachers.caches, strict=True):
        paths.append(folder / f"{place.key.teacher}.parquet")
        write_logits_file(paths[-1], cache, corpus.texts(), cache.manifest.about)
    return paths


def _metric(
    study: Study, corpus: Corpus, table: TableConfig, finals: Mapping[str, tuple[list[str], list[Any]]]
) -> AnyMetric:
    """The study's metric; raises StudyError for one that cannot be computed of what is recorded, and MetricError for one that these
    rows have no score of."""
    labels = {"dev": corpus.dev.labels, **{title: np.array(of) for title, (_, of) in finals.items()}}
    judges = [
        task_of(corpus.is_multi_label).metric(one, corpus.labels, labels)
        for one in (study.config.metric, *table.beside.get(study.config.name, ()))
    ]
    for one in judges:
        if not one.is_of_answers and len(corpus.labels) > 2:
            raise StudyError(
                f"the tables keep answers, and probabilities of two classes alone: {one.config.title} of {len(corpus.labels)} "
                "classes cannot be computed; take a metric of answers, such as macro_f1"
            )
    return judges[0]


def _final(title: str, file: FileConfig, corpus: Corpus) -> tuple[list[str], list[int]]:
    """The rows of a file as they stand in it; raises CorpusError for a text that anything was learnt from or chosen on."""
    if corpus.is_multi_label:
        raise CorpusError(
            f"{file.path}: further final sets are read with one label a text, and texts of this corpus have several; name the "
            "file as corpus.test"
        )
    index = {label: number for number, label in enumerate(corpus.labels)}
    rows = [row for row in read_rows(file) if row.label in index]
    seen = {content_key(text) for split in (corpus.train, corpus.transfer, corpus.dev) for text in split.texts}
    shared = [row.text for row in rows if content_key(row.text) in seen]
    if shared:
        raise CorpusError(
            f"{file.path}: {len(shared)} texts of the final set {title!r} stand in train, transfer or dev, "
            f"such as {shared[0][:40]!r}; name it as corpus.test with drop_overlap: true"
        )
    return [row.text for row in rows], [index[str(row.label)] for row in rows]
