"""Files of logits of two labels."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

LABELS = ("bad", "good")


def csv(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "logits.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def parquet(tmp_path: Path, **columns: object) -> Path:
    path = tmp_path / "logits.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path
