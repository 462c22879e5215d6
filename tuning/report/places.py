"""The place of a label in a picture: it covers no mark, on a wide screen, on a phone and on paper."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go

PLOTS_PX = ((910.0, 390.0), (560.0, 370.0), (270.0, 290.0))
"""Widths and heights of the plotting area for which a place is chosen: a screen, a printed page, a phone."""
DISTANCES_PX = (48.0, 72.0, 100.0, 135.0)
DIRECTIONS = ((-1, -1), (1, -1), (-1, 1), (1, 1), (0, -1), (0, 1), (-1, 0), (1, 0))
"""From the mark to the label; the second number grows downwards, as in pixels."""
GAP_PX = 3.0
LINE_COST = 0.02
"""A thin line behind a label, compared with a mark."""
COST_OF_PX = 0.0001
"""So that of two free places the nearer one is taken."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something drawn: its centre as parts of the width from the left and of the height from the bottom, and half of its size in px."""

    x: float
    y: float
    half_width_px: float = 1.0
    half_height_px: float = 1.0
    is_line: bool = False


def along(points: Sequence[tuple[float, float]], n_steps: int = 60) -> Iterator[Mark]:
    """A line through points, as marks along it."""
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        for step in range(n_steps + 1):
            part = step / n_steps
            yield Mark(x=x0 + part * (x1 - x0), y=y0 + part * (y1 - y0), half_width_px=2.0, is_line=True)


def label_offset(drawn: Sequence[Mark], at: tuple[float, float], label_px: tuple[float, float]) -> tuple[float, float]:
    """From the mark that is labelled to the centre of its label, in px to the right and down: the place that covers least."""
    places = [(distance * x, distance * y) for distance in DISTANCES_PX for x, y in DIRECTIONS]
    return min(places, key=lambda place: sum(_covered(drawn, at, label_px, place, plot_px) for plot_px in PLOTS_PX))


def _covered(
    drawn: Sequence[Mark],
    at: tuple[float, float],
    label_px: tuple[float, float],
    place: tuple[float, float],
    plot_px: tuple[float, float],
) -> float:
    """How much of the marks a label covers in a plotting area of this size; what leaves the area counts as much as a mark."""
    width, height = plot_px
    x, y = at[0] * width + place[0], (1 - at[1]) * height + place[1]
    half_width, half_height = label_px[0] / 2 + GAP_PX, label_px[1] / 2 + GAP_PX
    is_outside = not (half_width <= x <= width - half_width and half_height <= y <= height - half_height)
    covered = [
        mark
        for mark in drawn
        if abs(mark.x * width - x) < mark.half_width_px + half_width
        and abs((1 - mark.y) * height - y) < mark.half_height_px + half_height
    ]
    n_marks = sum(not mark.is_line for mark in covered) + is_outside
    return n_marks + LINE_COST * any(mark.is_line for mark in covered) + COST_OF_PX * math.hypot(*place)


def part_of(value: float, span: tuple[float, float], is_log: bool = False) -> float:
    """A value as a part of the way from one end of an axis to the other."""
    low, high = span
    return ((math.log10(value) if is_log else value) - low) / (high - low)


def heights(found: go.Figure) -> list[float]:
    """The ends of the vertical axis: all marks with their bars and all lines, and room above and below."""
    values = [shape.y0 for shape in found.layout.shapes if shape.yref == "y"]
    for trace in found.data:
        bars = trace.error_y.array if trace.error_y.array is not None else itertools.repeat(0.0)
        values += [y + sign * bar for y, bar in zip(trace.y, bars, strict=False) if y is not None for sign in (-1, 1)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.08 * (high - low) or 0.01
    return [low - room, high + room]


def marks(found: go.Figure) -> Iterator[Mark]:
    """All that a label should not cover, as parts of the plotting area."""
    axis, ends = found.layout.xaxis, found.layout.yaxis.range

    def at(x: float, y: float) -> tuple[float, float]:
        return part_of(x, axis.range, axis.type == "log"), part_of(y, ends)

    def joined(points: list[tuple[float, float] | None]) -> Iterator[Mark]:
        for is_gap, run in itertools.groupby(points, lambda point: point is None):
            if not is_gap:
                yield from along([point for point in run if point])

    for trace in found.data:
        points = [None if x is None or y is None else at(x, y) for x, y in zip(trace.x, trace.y, strict=True)]
        if trace.mode == "lines":
            steps = [
                (b[0], a[1]) if trace.line.shape == "hv" and a and b else None for a, b in itertools.pairwise(points)
            ]
            bent = itertools.chain.from_iterable(itertools.zip_longest(points, steps)) if any(steps) else points
            yield from joined(list(bent)[: 2 * len(points) - 1 if any(steps) else None])
            continue
        sizes = np.broadcast_to(np.asarray(trace.marker.size, dtype=float), len(points))
        if trace.marker.sizemode == "area":
            sizes = np.maximum(np.sqrt(2 * sizes / trace.marker.sizeref), trace.marker.sizemin)
        bars = [0.0] * len(points) if trace.error_y.array is None else trace.error_y.array
        for point, size, bar in zip(points, sizes, bars, strict=True):
            if point:
                yield Mark(x=point[0], y=point[1], half_width_px=size / 2, half_height_px=size / 2)
                reach = bar / (ends[1] - ends[0])
                yield from (
                    replace(one, is_line=False)
                    for one in along([(point[0], point[1] - reach), (point[0], point[1] + reach)])
                )
    for shape in found.layout.shapes:
        if shape.yref == "y":
            yield from along([(0.0, part_of(shape.y0, ends)), (1.0, part_of(shape.y0, ends))])
