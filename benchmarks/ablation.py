"""A picture of what temperature, weight, kind of loss and size of the transfer set do, from what the tables have recorded.

Run, after `python -m benchmarks.tables` with `--table benchmarks/ablation.yaml --records storage/ablation`:
    python -m benchmarks.ablation [--records storage/ablation] [--out docs/images]
Each file of records there is one size of the transfer set; the largest shows the losses. Accuracies are of the final rows,
bars one standard deviation over the seeds. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmarks.cells import read
from benchmarks.tables_text import Record, Row, plan_of, rows_of
from tuning.look import LIGHT, QUIET, plain
from tuning.pictures import Picture, write_pngs

UNSQUARED = "without T²"
Points = dict[float, list[float]]
"""Accuracies by seed, by what they are drawn over."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("storage/ablation"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args(arguments)
    sizes = {int(plan["texts"]["transfer"]): records for records in map(read, sorted(options.records.glob("*.jsonl")))
             if (plan := plan_of(records)) is not None}  # fmt: skip
    if not sizes:
        raise SystemExit(f"ablation: no records in {options.records}; see python -m benchmarks.ablation --help")
    grid, levels = losses_of(sizes[max(sizes)])
    by_size = sizes_of(sizes)
    picture = Picture("ablation", "Ablation", "", draw(grid, levels, by_size))
    options.out.mkdir(parents=True, exist_ok=True)
    files = write_pngs([picture], options.out, print)
    print(json.dumps({"losses": grid, "levels": levels, "transfer": by_size, "files": [str(file) for file in files]}))


def losses_of(records: Sequence[Record]) -> tuple[dict[str, Points], dict[str, list[float]]]:
    """KL by temperature, a line for each weight; and what has no temperature."""
    grid: dict[str, Points] = {}
    levels: dict[str, list[float]] = {}
    for row, accuracies in _accuracies(records):
        loss = row.choices[0]["about"]["config"]["loss"]
        if loss["kd_weight"] == 0 or loss["teacher_term"]["kind"] != "kl":
            levels[row.name] = accuracies
            continue
        # What a weight is without T² is another weight with it; the name says which was meant.
        line = f"weight {row.name.rpartition('weight ')[2]}"
        grid.setdefault(line, {})[float(loss["teacher_term"]["temperature"])] = accuracies
    return grid, levels


def sizes_of(sizes: Mapping[int, Sequence[Record]]) -> dict[str, Points]:
    """By the size of the transfer set, those methods that every size has."""
    found = {size: {row.name: one for row, one in _accuracies(records)} for size, records in sizes.items()}
    shared = [name for name in found[max(found)] if all(name in one for one in found.values())]
    return {name: {float(size): found[size][name] for size in sorted(found)} for name in shared}


def _accuracies(records: Sequence[Record]) -> list[tuple[Row, list[float]]]:
    plan = plan_of(records) or {}
    (title, labels), *_ = plan["finals"].items()
    rows = [row for row in rows_of(records) if row.choices[0]["folder"]]
    return [(row, row.accuracies(title, np.array(labels))) for row in rows]


def draw(grid: Mapping[str, Points], levels: Mapping[str, Sequence[float]], by_size: Mapping[str, Points]) -> go.Figure:
    """Losses on the left, sizes of the transfer set on the right."""
    drawn = make_subplots(1, 2, shared_yaxes=True, column_widths=[0.6, 0.4], horizontal_spacing=0.04)
    for name, points in grid.items():
        drawn.add_trace(_line(name, points, dash="dot" if UNSQUARED in name else "solid"), 1, 1)
    for number, (name, accuracies) in enumerate(levels.items()):
        drawn.add_hline(
            float(np.mean(accuracies)), line={"color": QUIET, "dash": "dash", "width": 1}, annotation_text=plain(name),
            annotation_position="top left" if number % 2 else "top right", row=1, col=1,  # type: ignore[arg-type]
        )  # fmt: skip
    for name, points in by_size.items():
        drawn.add_trace(_line(name, points, dash="dashdot"), 1, 2)
    drawn.update_layout(template=LIGHT, height=480, yaxis_title="accuracy", margin={"b": 120})
    drawn.update_xaxes(title="temperature T, log scale", type="log", tickvals=[1, 2, 4, 8, 16], row=1, col=1)
    drawn.update_xaxes(title="texts in the transfer set", rangemode="tozero", row=1, col=2)
    return drawn


def _line(name: str, points: Points, dash: str) -> go.Scatter:
    places = sorted(points)
    spreads = [float(np.std(points[place], ddof=1)) if len(points[place]) > 1 else 0.0 for place in places]
    means = [float(np.mean(points[place])) for place in places]
    return go.Scatter(x=places, y=means, error_y={"array": spreads, "thickness": 1}, name=plain(name), mode="lines+markers",
                      line={"dash": dash})  # fmt: skip


if __name__ == "__main__":
    main()
