"""The picture of how sure the chosen student and its teacher are, and how right."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distune._plural import n_of
from distune.corpora.labelling import UNLABELLED
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.calibration import BINS, Reliability, reliability
from distune.tuning.report.style import QUIET, STUDENT, TEACHER, figure


@dataclass(frozen=True, kw_only=True)
class _Words:
    unit: str
    told: str
    line: str
    accuracy: str
    confidence: str


OF_ONE = _Words(
    unit="text",
    told="sure by {:.3f}, right in {:.3f}",
    line="as right as sure",
    accuracy="accuracy",
    confidence="confidence",
)
OF_SEVERAL = _Words(
    unit="pair",
    told="mean probability of the label {:.3f}, share with the label {:.3f}",
    line="as many as probable",
    accuracy="share with the label",
    confidence="probability of the label",
)


def calibration_picture(answers: Answers) -> go.Figure:
    """A reliability diagram of both, over how many texts have each confidence; below the diagonal is too sure.

    If a text has several labels, it is of their probabilities, over how many pairs of a text and a label have each.
    """
    base = figure("Calibration", 540)
    found = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06, figure=base
    )
    words = OF_SEVERAL if answers.is_multi_label else OF_ONE
    start = 0.0 if answers.is_multi_label else 1 / len(answers.names)
    found.add_trace(_diagonal(start, words), row=1, col=1)
    if answers.by_student.temperature != 1:
        found.add_trace(_before_scaling(answers), row=1, col=1)
    for name, probabilities, colour in (
        ("teacher", answers.probabilities_of_teacher, TEACHER),
        ("student", answers.probabilities_of_student, STUDENT),
    ):
        line, bars = _of_model(name, reliability(probabilities, answers.labels), colour, words)
        found.add_trace(line, row=1, col=1).add_trace(bars, row=2, col=1)
    found.update_yaxes(title_text=words.accuracy, range=[0, 1.03], row=1, col=1)
    found.update_yaxes(title_text=f"share of {words.unit}s", row=2, col=1)
    if answers.is_multi_label:  # Hardly any text has any one label: beside the bar of these all others would vanish.
        found.update_yaxes(**_log_shares(answers), row=2, col=1)
    found.update_xaxes(range=[start - 0.03, 1.03])
    return found.update_xaxes(title_text=words.confidence, row=2, col=1)


def _diagonal(start: float, words: _Words) -> go.Scatter:
    """The line of a model that is as right as it is sure."""
    return go.Scatter(
        x=[start, 1],
        y=[start, 1],
        mode="lines",
        line={"color": QUIET, "dash": "dash", "width": 1},
        name=words.line,
        hoverinfo="skip",
    )


def _of_model(name: str, bins: Reliability, colour: str, words: _Words) -> tuple[go.Scatter, go.Bar]:
    """The line of a model, and the bars of how many texts have each confidence."""
    texts = [
        f"<b>{name}</b>: {n_of(count, words.unit)}<br>{words.told.format(sure, right)}"
        for count, sure, right in zip(bins.counts, bins.confidence, bins.accuracy, strict=True)
    ]
    line = go.Scatter(
        x=bins.confidence,
        y=bins.accuracy,
        mode="lines+markers",
        hovertext=texts,
        hoverinfo="text",
        line={"color": colour, "width": 2},
        marker={"size": 9},
        name=f"{name}, calibration error {bins.error:.3f}",
        legendgroup=name,
    )
    bars = go.Bar(
        x=(np.floor(bins.confidence * BINS).clip(max=BINS - 1) + 0.5) / BINS,
        y=bins.counts / bins.counts.sum(),
        marker={"color": colour},
        opacity=0.75,
        showlegend=False,
        legendgroup=name,
        hovertext=texts,
        hoverinfo="text",
    )
    return line, bars


def _before_scaling(answers: Answers) -> go.Scatter:
    """The student's line at a temperature of 1."""
    raw = replace(answers.by_student, temperature=1.0)
    bins = reliability(raw.probabilities(answers.student.astype(np.float64)), answers.labels)
    return go.Scatter(
        x=bins.confidence,
        y=bins.accuracy,
        mode="lines",
        line={"color": STUDENT, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        name=f"student before scaling, calibration error {bins.error:.3f}",
    )


def _log_shares(answers: Answers) -> dict[str, Any]:
    """A logarithmic axis of shares, from below that of one pair of a text and a label."""
    lowest = -max(1, math.ceil(math.log10(max((answers.labels != UNLABELLED).sum(), 1))))
    ticks = range(lowest, 1)
    return {
        "type": "log",
        "range": [lowest - 0.3, 0.1],
        "tickvals": [10.0**tick for tick in ticks],
        "ticktext": [f"{100 * 10.0**tick:g} %" for tick in ticks],
    }
