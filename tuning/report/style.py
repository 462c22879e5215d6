"""How every picture looks: one template, one palette that colour-blind people can read, fonts that have Chinese."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

FONT = (
    "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, 'PingFang SC', 'Hiragino Sans GB', "
    "'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', sans-serif"
)
# Okabe & Ito 2008: told apart with every kind of colour blindness.
FAMILIES = {
    "bilstm": "#0072B2",
    "bigru": "#56B4E9",
    "textcnn": "#009E73",
    "average": "#E69F00",
    "transformer": "#CC79A7",
}
PLUGGED = "#9A7B4F"
"""That of every family that is not ours."""
TEACHER = "#D55E00"
STUDENT = "#0072B2"
QUIET = "#8C8C8C"
"""Readable on white and on black."""
WIDE = 10.0


def colour_of(family: str) -> str:
    return FAMILIES.get(family, PLUGGED)


def families(kinds: Iterable[str]) -> list[str]:
    """Ours, and those of these kinds that are plugged in."""
    return list(dict.fromkeys([*FAMILIES, *kinds]))


def template(ink: str = "#24292f", paper: str = "#ffffff", grid: str = "#e8e8e8") -> go.layout.Template:
    """The look as plotly's template; the page has a dark one as well."""
    axis = {
        "gridcolor": grid,
        "linecolor": QUIET,
        "zeroline": False,
        "automargin": True,
        "ticks": "outside",
        "tickcolor": QUIET,
        "ticklen": 4,
        "title": {"standoff": 10},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": ink},
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "title": {"font": {"size": 17}, "x": 0, "xref": "paper", "xanchor": "left"},
            "margin": {"l": 64, "r": 24, "t": 56, "b": 56},
            "xaxis": axis,
            "yaxis": axis,
            "legend": {
                "orientation": "h",
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "x": 0,
                "itemsizing": "constant",
            },
            "hoverlabel": {
                "align": "left",
                "bgcolor": paper,
                "bordercolor": QUIET,
                "font": {"family": FONT, "color": ink},
            },
            "hovermode": "closest",
            "annotationdefaults": {"font": {"size": 12, "color": ink}},
            "colorway": list(FAMILIES.values()),
        }
    )


LIGHT = template()
DARK = template("#d7dde4", "#14171a", "#2c3238")


def figure(title: str, height: int = 460) -> go.Figure:
    """An empty picture."""
    return go.Figure(layout={"template": LIGHT, "title": {"text": escaped(title)}, "height": height})


def escaped(text: str) -> str:
    """A text that plotly shows as it is: it reads a little HTML in every label."""
    return html.escape(text, quote=False)


def wide_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """An axis for values above 0: logarithmic if they span more than a factor of ten."""
    low, high = min(values), max(values)
    if low <= 0 or high / low <= WIDE:
        return {"title": {"text": title}, "rangemode": "tozero"}
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    shown = [tick for tick in ticks if low / 2 <= tick <= high * 2]
    return {
        "title": {"text": f"{title}, log scale"},
        "type": "log",
        "tickvals": shown,
        "ticktext": [f"{tick:g}" for tick in shown],
        "range": [math.log10(low) - 0.1, math.log10(high) + 0.1],
    }
