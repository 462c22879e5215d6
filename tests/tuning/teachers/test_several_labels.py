"""Teachers of a study whose texts have several labels."""

from __future__ import annotations

from pathlib import Path

from distune.tuning.checks import check
from distune.tuning.study.file import Study
from tests.making.several_labels import study_of


def test_check_says_how_exactly_dev_and_test_tell_whole_answers(tmp_path: Path) -> None:
    told = check(Study(study_of(tmp_path))).splitlines()
    # 47 of 48 texts have all labels right.
    assert told[5] == (
        "  the teacher's dev exact match of 0.979 has the 95 % interval 0.891 to 0.996 on the 48 labelled texts of dev, and 0.858 "
        "to 0.997 on the 32 labelled texts of test"
    )
    without = study_of(tmp_path, {"students": {"trials": 2, "members": 1}})
    assert any(
        line.startswith("  an exact match of 0.900 has the 95 % interval")
        for line in check(Study(without)).splitlines()
    )
