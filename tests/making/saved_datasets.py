"""Data sets as Hugging Face's `datasets` saves them to a disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    "more": {"kind": {"names": ["a", "b"], "_type": "ClassLabel"}},
}


def save(
    folder: Path, rows: Sequence[tuple[str | None, int]], indices: Sequence[int] | None = None, n_files: int = 1
) -> str:
    """A folder as `Dataset.save_to_disk` writes it; with indices as versions before 2.8 wrote a filtered one."""
    folder.mkdir(parents=True)
    table = pa.table(
        {
            "text": [text for text, _ in rows],
            "label": [label for _, label in rows],
            "more": [{"kind": label} for _, label in rows],
        }
    )
    size = max(1, len(rows) // n_files)
    files = [f"data-{part:05}-of-{n_files:05}.arrow" for part in range(n_files)]
    for part, file in enumerate(files):
        write_stream(folder / file, table.slice(part * size, size if part < n_files - 1 else None))
    state: dict[str, Any] = {"_data_files": [{"filename": file} for file in files], "_split": "train"}
    if indices is not None:
        write_stream(folder / "indices.arrow", pa.table({"indices": pa.array(indices, pa.uint64())}))
        state["_indices_data_files"] = [{"filename": "indices.arrow"}]
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}), encoding="utf-8")
    return str(folder)


def write_stream(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def save_dict(folder: Path, splits: Mapping[str, Sequence[tuple[str, int]]]) -> str:
    for split, rows in splits.items():
        save(folder / split, rows)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}), encoding="utf-8")
    return str(folder)
