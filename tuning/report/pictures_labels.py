"""The picture of how well each label is answered if a text has several."""

from __future__ import annotations

import plotly.graph_objects as go

from distune._plural import n_of
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.label_scores import LabelScore, label_scores
from distune.tuning.report.style import QUIET, STUDENT, TEACHER, escaped, figure

SHOWN_LABELS = 100
"""The worst of more; the table of the page has all."""
LONGEST_NAME = 28
ROW_PX, NARROW_ROW_PX = 26, 20
MANY_LABELS = 30


def shown_labels(answers: Answers) -> list[LabelScore]:
    """The labels that have an F1, the worst first, `SHOWN_LABELS` at most."""
    return [one for one in label_scores(answers) if one.n_texts][:SHOWN_LABELS]


def labels_picture(answers: Answers) -> go.Figure:
    """The F1 of each label, of teacher and student, the student's worst at the top."""
    labels = shown_labels(answers)
    rows = list(range(len(labels)))
    found = figure("F1 of each label", 150 + (NARROW_ROW_PX if len(labels) > MANY_LABELS else ROW_PX) * len(labels))
    found.add_trace(_gaps(labels))
    told = [_told(one) for one in labels]
    for who, scores, colour, symbol in (
        ("teacher", [one.f1_of_teacher for one in labels], TEACHER, "diamond"),
        ("student", [one.f1_of_student for one in labels], STUDENT, "circle"),
    ):
        found.add_trace(
            go.Scatter(
                x=scores,
                y=rows,
                mode="markers",
                name=who,
                marker={"color": colour, "symbol": symbol, "size": 10},
                hovertext=told,
                hoverinfo="text",
            )
        )
    found.update_xaxes(title_text="F1 on test", range=[-0.03, 1.03])
    return found.update_yaxes(
        tickvals=rows,
        ticktext=[f"{escaped(_short(one.label))} ({one.n_texts:,})" for one in labels],
        range=[len(labels) - 0.4, -0.6],
        ticklen=0,
    )


def _gaps(labels: list[LabelScore]) -> go.Scatter:
    """A line between the two marks of each label."""
    x: list[float | None] = []
    y: list[int | None] = []
    for row, one in enumerate(labels):
        x += [one.f1_of_teacher, one.f1_of_student, None]
        y += [row, row, None]
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": QUIET, "width": 2}, opacity=0.6, hoverinfo="skip", showlegend=False
    )


def _told(one: LabelScore) -> str:
    return (
        f"<b>{escaped(one.label)}</b>: {n_of(one.n_texts, 'test text')}"
        f"<br>teacher: F1 {one.f1_of_teacher:.3f}, from {one.threshold_of_teacher:.3f} on"
        f"<br>student: F1 {one.f1_of_student:.3f}, from {one.threshold_of_student:.3f} on"
    )


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_NAME else f"{label[:LONGEST_NAME]}…"
