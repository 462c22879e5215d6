"""The page of figures: tables are put between its marks, prose stays, and the last record counts."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from benchmarks.speed.performance import PARTS, REGION, ROOT, cell, ends, filled, main, table
from benchmarks.tables.cells import append

CACHE = {
    "cpu": "a CPU",
    "load": 0.1,
    "texts_per_s": {"distune": 2000.0, "plain loop": 800.0},
    "distune_times": {"distune": 1.0, "plain loop": 2.5},
    "open_ms": 1.3,
    "first_1000_ms": 66.0,
}
PAGE = "# Speed\n\nProse.\n\n<!-- figures: teacher_cache -->\nold\n<!-- end -->\n\n<!-- figures: growth -->\nby hand\n<!-- end -->\nMore.\n"


def test_figures_are_put_between_their_marks_and_all_else_stays() -> None:
    old = {"part": "teacher_cache", "seconds": 60.0, "result": {**CACHE, "open_ms": 9.9}}
    new = {"part": "teacher_cache", "seconds": 120.0, "result": CACHE}
    found = filled(PAGE, [old, new])
    assert found.startswith("# Speed\n\nProse.\n\n<!-- figures: teacher_cache -->\n\n|  | texts/s |")
    assert "| distune | 2,000 | 1.0 |\n| plain loop | 800.0 | 2.5 |\n" in found
    assert "Measured on a CPU in 2 min; its load at the end was 0.1." in found
    assert "old" not in found
    assert "9.9" not in found
    assert found.endswith("<!-- figures: growth -->\nby hand\n<!-- end -->\nMore.\n")
    assert filled(found, [new]) == found


def test_a_region_of_no_part_is_refused() -> None:
    with pytest.raises(ValueError, match="figures of 'nothing', but there are training, "):
        filled("<!-- figures: nothing -->\n<!-- end -->\n", [])


def test_the_page_has_a_region_for_each_part_and_no_other() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert sorted(region[2] for region in REGION.finditer(page)) == sorted(PARTS)


def test_a_page_is_written_from_what_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, records = tmp_path / "page.md", tmp_path / "records.jsonl"
    page.write_text(PAGE, encoding="utf-8")
    append(records, {"part": "teacher_cache", "seconds": 60.0, "result": CACHE})
    main(["--write", "--page", str(page), "--records", str(records)])
    assert "| plain loop | 800.0 | 2.5 |" in page.read_text(encoding="utf-8")
    assert json.loads(capsys.readouterr().out) == {"page": "page.md", "seconds": {}}


def test_every_program_of_the_page_is_there() -> None:
    missing = [name for name, part in PARTS.items() if not importlib.util.find_spec(f"benchmarks.{part.folder}.{name}")]
    assert missing == []


def test_figures_are_written_as_they_are_read() -> None:
    assert [cell(value) for value in (None, 0.5, 12345.6, "a")] == ["-", "0.5", "12,346", "a"]
    assert table(["", "n"], [["a", 1]]) == "|  | n |\n| --- | ---: |\n| a | 1 |\n"


def test_of_sizes_the_smallest_and_the_largest_are_shown() -> None:
    assert ends([{"texts": 1}, {"texts": 2}, {"texts": 3}]) == [{"texts": 1}, {"texts": 3}]
    assert ends([{"texts": 1}]) == [{"texts": 1}]
