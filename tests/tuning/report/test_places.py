"""A label stands where it covers nothing that is drawn."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import pytest

from distune.tuning.report.places import Mark, along, heights, label_offset, marks, part_of

LABEL_PX = (66.0, 18.0)


def test_a_label_alone_stands_to_the_upper_left_of_its_mark() -> None:
    assert label_offset([Mark(x=0.5, y=0.5)], (0.5, 0.5), LABEL_PX) == (0, -48)  # Nearer than the diagonal.


def test_a_label_stays_within_the_picture() -> None:
    right, down = label_offset([], (0.01, 0.99), LABEL_PX)
    assert right > 0
    assert down > 0


def test_a_label_leaves_marks_uncovered_and_lines_if_it_can() -> None:
    above = Mark(x=0.5, y=0.62, half_width_px=40, half_height_px=40)
    right, down = label_offset([above], (0.5, 0.5), LABEL_PX)
    assert (right, down) == (0, 48)
    line = list(along([(0.0, 0.5 - 48 / 390), (1.0, 0.5 - 48 / 390)]))  # Where it would stand on a screen.
    assert label_offset([above, *line], (0.5, 0.5), LABEL_PX) != (0, 48)


def test_where_a_value_lies_on_its_axis() -> None:
    assert part_of(3.0, (2.0, 4.0)) == 0.5
    assert part_of(10.0, (0.0, 2.0), is_log=True) == 0.5


def drawn() -> go.Figure:
    found = go.Figure()
    found.add_scatter(x=[1.0, 3.0], y=[0.2, 0.4], mode="markers", marker={"size": 10}, error_y={"array": [0.1, 0.0]})
    found.add_scatter(x=[1.0, None, 3.0], y=[0.2, None, 0.4], mode="lines")
    found.add_scatter(x=[1.0, 3.0], y=[0.2, 0.4], mode="lines", line={"shape": "hv"})
    found.add_hline(0.6)
    return found.update_xaxes(range=[0, 4]).update_yaxes(range=[0, 1])


def test_the_vertical_axis_has_room_for_bars_and_lines() -> None:
    low, high = heights(drawn())
    assert [low, high] == pytest.approx([0.1 - 0.04, 0.6 + 0.04])  # 8 % of 0.1 to 0.6.


def test_marks_bars_steps_and_lines_are_known() -> None:
    found = list(marks(drawn()))
    dots = [one for one in found if one.half_height_px == 5.0]
    assert [(one.x, one.y) for one in dots] == [(0.25, 0.2), (0.75, 0.4)]
    of_bars = [one.y for one in found if not one.is_line and one not in dots and one.x == 0.25]
    assert [min(of_bars), max(of_bars)] == pytest.approx([0.1, 0.3])
    of_lines = [one for one in found if one.is_line]
    assert {round(one.y, 6) for one in of_lines if one.x == 0.5} == {
        0.2,
        0.6,
    }  # The step and the line; the broken one has a gap.
    assert max(one.y for one in of_lines if math.isclose(one.x, 0.75) and one.y < 0.6) == pytest.approx(0.4)
