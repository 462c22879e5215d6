"""The picture of how right the chosen student and its teacher are if they leave out the texts of which they are least sure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from distune._plural import n_of
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.coverage import area_under_risk, curve, sureness
from distune.tuning.metric.task import task_of
from distune.tuning.report.style import STUDENT, TEACHER, figure

POINTS = 200
"""More points than a screen shows apart."""
LEAST_SHARE = 0.05
"""Below it the accuracy is that of a few texts."""


def coverage_picture(answers: Answers) -> go.Figure:
    """The accuracy of both on the share of the texts of which each is most confident."""
    found, task = figure("Accuracy against coverage", 420), task_of(answers.is_multi_label)
    whole = "exact match" if answers.is_multi_label else "accuracy"
    n_texts = len(answers.labels)
    first = min(n_texts, max(1, round(LEAST_SHARE * n_texts)))
    counts = np.unique(np.linspace(first, n_texts, POINTS).round().astype(np.int64))
    for name, decision, logits, said, colour in (
        ("teacher", answers.by_teacher, answers.teacher, answers.of_teacher, TEACHER),
        ("student", answers.by_student, answers.student, answers.of_student, STUDENT),
    ):
        confidence, is_right = sureness(decision, logits), task.right(said, answers.labels)
        accuracy, sure = curve(confidence, is_right)
        told = [
            f"<b>{name}</b>: {n_of(count, 'text')}, {100 * count / n_texts:.1f} %<br>{whole} {accuracy[count - 1]:.4f}, sure by "
            f"{sure[count - 1]:.4f} or more"
            for count in counts.tolist()
        ]
        found.add_trace(
            go.Scatter(
                x=counts / n_texts,
                y=accuracy[counts - 1],
                mode="lines",
                line={"color": colour, "width": 2},
                hovertext=told,
                hoverinfo="text",
                name=f"{name}, area under risk {area_under_risk(confidence, is_right):.4f}",
            )
        )
    found.update_yaxes(title_text=f"{whole} of the answers")
    return found.update_xaxes(title_text="share of the texts that is answered", tickformat=".0%", range=[1.01, 0])
