"""Pictures of the chosen student and its teacher: confusions and speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from distune.tuning.champion.answers import Answers
from distune.tuning.champion.confusions import confused_pairs, counts_of
from distune.tuning.champion.results import FinalStudent, Results
from distune.tuning.report.style import QUIET, STUDENT, TEACHER, colour_of, escaped, figure, wide_axis
from distune.tuning.speed.figures import Latency

MATRIX_CLASSES = 30
"""More labels than this get a list of the pairs that are confused most, because their matrix would be unreadable."""
SHOWN_PAIRS = 25
READABLE_CLASSES = 12
"""More labels than this get no numbers in their matrix."""


def confusion_picture(answers: Answers) -> go.Figure:
    """Which label was taken for which, by teacher and by student: numbers of test texts, coloured by the row's share."""
    names = [escaped(name) for name in answers.names]
    n = len(names)
    base = figure("Confusion matrix", 250 + min(900, max(150, 46 * n)))
    found = make_subplots(
        rows=1, cols=2, subplot_titles=("teacher", "student"), shared_yaxes=True, horizontal_spacing=0.06, figure=base
    )
    for column, said in enumerate((answers.of_teacher, answers.of_student), start=1):
        counts = counts_of(answers, said)
        shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        found.add_trace(
            go.Heatmap(
                z=shares,
                x=names,
                y=names,
                text=counts,
                zmin=0,
                zmax=100,
                showscale=column == 2,
                xgap=2,
                ygap=2,
                colorscale="Blues",
                texttemplate="%{text:,}" if n <= READABLE_CLASSES else None,
                textfont={"size": 15 if n <= 4 else 11},
                hovertemplate="label %{y}, answer %{x}<br>test texts: %{text:,}, %{z:.1f} % of the label<extra></extra>",
                colorbar={
                    "title": {"text": "share of the label", "side": "right"},
                    "ticksuffix": " %",
                    "thickness": 12,
                },
            ),
            row=1,
            col=column,
        )
    found.update_xaxes(title_text="answer", type="category", showgrid=False)
    found.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return found.update_yaxes(title_text="label", row=1, col=1)


def has_many_classes(answers: Answers) -> bool:
    return len(answers.names) > MATRIX_CLASSES


def pairs_picture(answers: Answers) -> go.Figure:
    """The pairs of labels that the student confuses most, together with the teacher's counts."""
    pairs = confused_pairs(answers, SHOWN_PAIRS)
    names = [f"{escaped(one.label)} → {escaped(one.answer)}" for one in pairs]
    found = figure("Most confused pairs", 150 + 30 * len(pairs))
    for who, counts, colour in (
        ("student", [one.n_student for one in pairs], STUDENT),
        ("teacher", [one.n_teacher for one in pairs], TEACHER),
    ):
        found.add_trace(
            go.Bar(
                x=counts,
                y=names,
                orientation="h",
                name=who,
                marker={"color": colour},
                hovertemplate="label → answer: %{y}<br>test texts: %{x:,}<extra>" + who + "</extra>",
            )
        )
    found.update_layout(bargap=0.3, barmode="group")
    found.update_xaxes(title_text="test texts", rangemode="tozero", tickformat=",d")
    return found.update_yaxes(type="category", autorange="reversed", ticklen=0, dtick=1)


def latency_picture(results: Results) -> go.Figure:
    """The part of texts that is answered within a time, one at a time, on one thread."""
    found = figure("Latency distribution", 420)
    timed = _timed(results)
    for name, latency, style in timed:
        found.add_trace(
            go.Scatter(
                x=latency.quantiles_ms,
                y=list(range(101)),
                mode="lines",
                line={"width": 2.5, **style},
                name=name,
                hovertemplate="%{y} % of the texts within %{x:.3f} ms",
            )
        )
    found.update_xaxes(
        **wide_axis("milliseconds for one text", [q for _, latency, _ in timed for q in latency.quantiles_ms])
    )
    for percent in (50, 95):
        found.add_hline(
            percent,
            line={"color": QUIET, "width": 1, "dash": "dot"},
            annotation={"text": f"p{percent}", "xanchor": "right", "yanchor": "bottom"},
        )
    return found.update_yaxes(title_text="% of texts", range=[0, 101])


def _timed(results: Results) -> list[tuple[str, Latency, dict[str, str]]]:
    """The models that have quantiles, each with its name, its latency and the look of its line."""
    teacher = results.columns[0].latency
    found: list[tuple[str, Latency, dict[str, str]]] = []
    if teacher is not None and teacher.quantiles_ms:
        found.append(("teacher", teacher, {"color": TEACHER}))
    dashes = ("solid", "dash", "dot", "dashdot", "longdash")
    seen: list[str] = []
    for one in _with_quantiles(results.finalists):
        family = one.config.student.kind
        name = f"{'champion' if one.trial == results.champion else 'finalist'}, trial {one.trial} ({family})"
        style = {"color": colour_of(family), "dash": dashes[seen.count(family) % len(dashes)]}
        found.append((name, one.latency, style))
        seen.append(family)
    return found


def _with_quantiles(finalists: Sequence[FinalStudent]) -> list[FinalStudent]:
    return [one for one in finalists if one.latency.quantiles_ms]
