"""A picture of what temperature, weight, kind of loss and size of the transfer set do, from what the tables have recorded.

Run, after `python -m benchmarks.tables.run` with `--table benchmarks/tables/ablation.yaml --records storage/ablation`:
    python -m benchmarks.tables.ablation [--records storage/ablation] [--out docs/images]
Each file of records there is one size of the transfer set; the largest shows the losses. Accuracies are of the final rows,
bars one standard deviation over the seeds. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.console import Console

from benchmarks.tables.cells import read
from benchmarks.tables.tables_text import Record, Row, plan_of, rows_of
from distune.tuning.report.lines import lines_on
from distune.tuning.report.pictures import Picture, write_pngs
from distune.tuning.report.style import FAMILIES, LIGHT, TEACHER, escaped

UNSQUARED = "without T²"
COLORS = (*FAMILIES.values(), TEACHER)
Points = dict[float, list[float]]
"""Accuracies by seed, by what they are drawn over."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("storage/ablation"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args(arguments)
    sizes = {
        int(plan["texts"]["transfer"]): records
        for records in map(read, sorted(options.records.glob("*.jsonl")))
        if (plan := plan_of(records)) is not None
    }
    if not sizes:
        raise SystemExit(f"ablation: no records in {options.records}; see python -m benchmarks.tables.ablation --help")
    by_temperature, by_weight = losses_of(sizes[max(sizes)])
    by_size = sizes_of(sizes)
    picture = Picture("ablation", "Ablation", "", draw(by_temperature, by_weight, by_size))
    options.out.mkdir(parents=True, exist_ok=True)
    with lines_on(Console()):
        files = write_pngs([picture], options.out)
    print(
        json.dumps(
            {
                "temperature": by_temperature,
                "weight": by_weight,
                "transfer": by_size,
                "files": [str(file) for file in files],
            }
        )
    )


def losses_of(records: Sequence[Record]) -> tuple[dict[str, Points], dict[str, Points]]:
    """KL over the temperature, a line for each weight; and over the weight, a line for each temperature and one for MSE."""
    by_temperature: dict[str, Points] = {}
    by_weight: dict[str, Points] = {}
    for row, accuracies in _accuracies(records):
        loss = row.choices[0]["about"]["config"]["loss"]
        term, weight = loss["teacher_term"], float(loss["kd_weight"])
        if weight == 0:
            continue
        if term["kind"] == "kl":
            # What a weight is without T² is another weight with it; the name says which was meant.
            line = f"weight {row.name.rpartition('weight ')[2]}"
            by_temperature.setdefault(line, {})[float(term["temperature"])] = accuracies
        if UNSQUARED not in row.name:
            line = f"KL, T = {term['temperature']:g}" if term["kind"] == "kl" else "MSE"
            by_weight.setdefault(line, {})[weight] = accuracies
    return by_temperature, by_weight


def sizes_of(sizes: Mapping[int, Sequence[Record]]) -> dict[str, Points]:
    """The methods that every size of the transfer set has, each with its points by size."""
    found = {size: {row.name: one for row, one in _accuracies(records)} for size, records in sizes.items()}
    shared = [name for name in found[max(found)] if all(name in one for one in found.values())]
    return {name: {float(size): found[size][name] for size in sorted(found)} for name in shared}


def _accuracies(records: Sequence[Record]) -> list[tuple[Row, list[float]]]:
    plan = plan_of(records) or {}
    (title, labels), *_ = plan["finals"].items()
    rows = [row for row in rows_of(records) if row.choices[0]["folder"]]
    return [(row, row.accuracies(title, np.array(labels))) for row in rows]


def draw(*panels: Mapping[str, Points]) -> go.Figure:
    """Temperatures, weights, and sizes of the transfer set, side by side. The sizes have an axis of their own: what the others
    do is little beside it."""
    drawn = make_subplots(1, len(panels), horizontal_spacing=0.07)
    for column, panel in enumerate(panels, 1):
        legend = "legend" if column == 1 else f"legend{column}"
        for (name, points), color in zip(panel.items(), cycle(COLORS), strict=False):
            line = _line(name, points, {"dash": "dot" if UNSQUARED in name else "solid", "color": color})
            drawn.add_trace(line.update(legend=legend), 1, column)
        left, _ = drawn.layout[f"xaxis{column}" if column > 1 else "xaxis"].domain
        place = {
            "x": left,
            "xanchor": "left",
            "yref": "paper",
            "y": -0.2,
            "yanchor": "top",
            "orientation": "v",
            "itemsizing": "trace",
        }
        drawn.update_layout({legend: place})
    drawn.update_layout(
        template=LIGHT, height=560, yaxis_title="accuracy", margin={"b": 200, "t": 20}, yaxis2={"matches": "y"}
    )
    drawn.update_xaxes(title="temperature T, log scale", type="log", tickvals=[1, 2, 4, 8, 16], row=1, col=1)
    drawn.update_xaxes(title="kd_weight", row=1, col=2)
    drawn.update_xaxes(title="texts in the transfer set", rangemode="tozero", row=1, col=3)
    return drawn


def _line(name: str, points: Points, look: Mapping[str, str]) -> go.Scatter:
    places = sorted(points)
    spreads = [float(np.std(points[place], ddof=1)) if len(points[place]) > 1 else 0.0 for place in places]
    means = [float(np.mean(points[place])) for place in places]
    return go.Scatter(
        x=places,
        y=means,
        error_y={"array": spreads, "thickness": 1},
        name=escaped(name),
        mode="lines+markers",
        line=dict(look),
    )


if __name__ == "__main__":
    main()
