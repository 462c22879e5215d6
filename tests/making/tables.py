"""Tables that `distune predict` answers, and what it made of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet

from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.table import predict_table
from distune.tuning.serve.table_input import InputSettings


def answered(folder: Path, source: Path, out: Path, n_workers: int = 1, **settings: Any) -> Path:
    of_input = {name: settings.pop(name) for name in ("text", "text_b", "quoting", "columns") if name in settings}
    format_ = settings.pop("format_", None)
    asked = AnswerSettings(**settings)
    where = f"{out}/" if not out.suffix else str(out)
    predict_table(folder, InputSettings(paths=(str(source),), **of_input), asked, where, n_workers, format_)
    return out


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in file]
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
