"""The recorded learning curves of a study as arrays. It needs numpy and pyarrow alone: other libraries' searches read it too.

    python -m benchmarks.search.table FOLDER FILE.parquet

packs the folder of a recording into one file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Floats = NDArray[np.float64]
METADATA = b"distune.curve"
PACKED = b"distune.curves"
CURVES = ("train_s", "dev_s", "held_s", "score", "dev_ce", "agreement", "kl", "hard_ce")
SMALLER_IS_BETTER = ("dev_ce", "kl", "hard_ce")


@dataclass(frozen=True, kw_only=True)
class Table:
    """The trainings of configurations under some seeds, all with looks at the same points of their epochs.

    `curves` are `[configurations, seeds, looks]` by name, NaN after the failure of a training; `end_score`, `truth`, `after_s`
    and `hint_s` `[configurations, seeds]` are of the student that is served, the first two NaN if there is none.
    `latency_ms` and `architecture` are `[configurations]`: those of equal number share their hint of the latency.
    """

    epochs: Floats
    """The epochs of each look `[looks]`."""
    params: tuple[dict[str, Any], ...]
    points: tuple[str, ...]
    """The name of a configuration that a search begins with; "" for a random one."""
    is_plain: NDArray[np.bool_]
    architecture: NDArray[np.int64]
    latency_ms: Floats
    curves: dict[str, Floats]
    end_score: Floats
    truth: Floats
    after_s: Floats
    hint_s: Floats
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.params)

    @property
    def n_seeds(self) -> int:
        return int(self.end_score.shape[1])

    @property
    def ends_of_epochs(self) -> NDArray[np.int64]:
        """The looks `[epochs]` at the ends of epochs."""
        return np.flatnonzero(self.epochs == np.round(self.epochs))


@dataclass(frozen=True)
class Part:
    """One training: its facts, its looks, and the row of its end."""

    facts: dict[str, Any]
    looks: list[dict[str, Any]]
    end: dict[str, Any] | None


def read_table(path: Path) -> Table:
    """The table of a recording's folder, or of a packed file. Only seeds that all configurations have been trained with are
    taken, and at least the first. Raises ValueError for a table without two configurations that came to an end."""
    if path.is_dir():
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
        parts = [read_part(pq.read_table(part)) for part in sorted(path.glob("*.parquet"))]
    else:
        packed = pq.read_table(path)
        known = json.loads(packed.schema.metadata[PACKED])
        about = known["about"]
        numbers = packed.column("part").to_numpy()
        columns = packed.drop_columns(["part"])
        parts = [
            part_of(facts, columns.filter(pa.array(numbers == number)).to_pylist())
            for number, facts in enumerate(known["parts"])
        ]
    return table_of(parts, about)


def read_part(table: pa.Table) -> Part:
    return part_of(json.loads(table.schema.metadata[METADATA]), table.to_pylist())


def part_of(facts: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Part:
    rows = list(rows)
    ends = [row for row in rows if row["is_end"]]
    return Part(facts, [row for row in rows if not row["is_end"]], ends[0] if ends else None)


def table_of(parts: Sequence[Part], about: dict[str, Any]) -> Table:
    """The arrays of trainings, in the order of their configurations' numbers."""
    by_number: dict[int, dict[int, Part]] = {}
    for part in parts:
        by_number.setdefault(part.facts["number"], {})[part.facts["seed"]] = part
    numbers = sorted(by_number)
    whole = [part for part in parts if part.end is not None]
    if len({part.facts["number"] for part in whole}) < 2:
        raise ValueError(f"a table needs two configurations that came to an end, but got {len(whole)}")
    looks = [row["epoch"] for row in whole[0].looks]
    other = [part.facts["number"] for part in whole if [row["epoch"] for row in part.looks] != looks]
    if other:
        raise ValueError(
            f"configurations {other} have looks at other points than configuration {whole[0].facts['number']}"
        )
    shared = set.intersection(*(set(by_number[number]) for number in numbers))
    seeds = sorted(shared)
    if not seeds:
        raise ValueError("no seed is common to all configurations; record the missing ones first")
    grid = [[by_number[number][seed] for seed in seeds] for number in numbers]
    first = [row[0].facts for row in grid]
    kinds: dict[str, int] = {}
    return Table(
        epochs=np.array(looks),
        params=tuple(facts["params"] for facts in first),
        points=tuple(facts["point"] for facts in first),
        is_plain=np.array([is_plain(facts["config"]["loss"]) for facts in first]),
        architecture=np.array([kinds.setdefault(architecture(facts["config"]), len(kinds)) for facts in first]),
        latency_ms=np.array([facts["latency_ms"] for facts in first]),
        curves={name: np.array([[_padded(part, name, len(looks)) for part in row] for row in grid]) for name in CURVES},
        end_score=_ends(grid, "score"),
        truth=_ends(grid, "truth"),
        after_s=np.array([[part.facts["after_s"] for part in row] for row in grid]),
        hint_s=np.array([[part.facts["hint_s"] for part in row] for row in grid]),
        about=about,
    )


def architecture(config: dict[str, Any]) -> str:
    """What decides a student's speed, as `TrialConfig.architecture` has it."""
    parts = [config[name] for name in ("tokens", "vectors", "student", "compression")]
    return json.dumps(
        [{key: value for key, value in part.items() if key not in ("dropout", "epochs")} for part in parts]
    )


def is_plain(loss: dict[str, Any]) -> bool:
    """Whether labels alone are learnt from, as `LossConfig.is_plain` has it."""
    return bool(loss["kd_weight"] == 0 == loss["hidden_weight"] and loss["kd_annealing"] == "constant")


def _padded(part: Part, name: str, n_looks: int) -> list[float]:
    values = [float(row[name]) for row in part.looks]
    return values + [float("nan")] * (n_looks - len(values))


def _ends(grid: Sequence[Sequence[Part]], name: str) -> Floats:
    return np.array([[float("nan") if part.end is None else float(part.end[name]) for part in row] for row in grid])


def pack(folder: Path, file: Path) -> None:
    """Put all trainings of a recording into one file."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    tables = [pq.read_table(part) for part in sorted(folder.glob("*.parquet"))]
    facts = [json.loads(table.schema.metadata[METADATA]) for table in tables]
    numbered = [
        table.append_column("part", pa.array([number] * len(table), pa.int32())).replace_schema_metadata(None)
        for number, table in enumerate(tables)
    ]
    metadata = {PACKED: json.dumps({"about": about, "parts": facts}, ensure_ascii=False)}
    joined = pa.concat_tables(numbered).replace_schema_metadata(metadata)
    pq.write_table(joined, file, compression="zstd")


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
