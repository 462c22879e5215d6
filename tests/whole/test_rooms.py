"""The picture of the rooms in CONTRIBUTING.md shows what the files import today."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "making" / "rooms.py"))
IMPORTS = ROOMS["imports_of_rooms"]()


def test_the_picture_of_the_rooms_is_that_of_the_imports() -> None:
    drawn = ROOMS["picture_of"](IMPORTS)
    assert drawn == ROOMS["PICTURE"].read_text(encoding="utf-8"), "the imports have changed: run `make picture`"


def test_every_room_of_the_repository_is_in_the_picture() -> None:
    rooms = {f"tuning/{path.parent.name}" for path in (ROOT / "tuning").glob("*/__init__.py")}
    own = {ROOMS[name] for name in ("DOOR", "KINDS", "ABOVE")}
    assert set(IMPORTS) == {*rooms, *own, *ROOMS["LEAVES"]} == set(ROOMS["SAYS"])


def test_a_room_stands_one_floor_above_the_highest_that_it_imports() -> None:
    floors = ROOMS["floors_of"](
        {"losses": set(), "tuning/study": {"losses"}, "tuning/search": {"losses", "tuning/study"}}
    )
    assert floors == {"losses": 0, "tuning/study": 1, "tuning/search": 2}


def test_rooms_that_import_each_other_are_named() -> None:
    with pytest.raises(ValueError, match=r"circle: \['tuning/report', 'tuning/study'\]"):
        ROOMS["floors_of"]({"losses": set(), "tuning/study": {"tuning/report"}, "tuning/report": {"tuning/study"}})


def test_a_dot_stands_where_a_row_crosses_the_line_of_what_it_imports() -> None:
    drawn = ElementTree.fromstring(ROOMS["picture_of"]({"losses": set(), "tuning/study": {"losses"}}))
    dots = [(one.get("cx"), one.get("cy")) for one in drawn.iter("{http://www.w3.org/2000/svg}circle")]
    # 104 px high: rows in the middle of 32 px between margins of 20 px, so losses at y = 68 and x = 28, study above it at y = 36.
    assert ("28", "36") in dots
