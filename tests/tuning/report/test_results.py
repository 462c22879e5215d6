"""`distune results` for programs: of a search that was never run but for what its journal holds."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from distune.tuning.report.terminal import write_csv, write_json
from distune.tuning.storage.searches import last_search, new_folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from tests.making.proposals import ask, epoch, proposals


@pytest.fixture
def searched(document: dict[str, Any]) -> Study:
    """Three trials: a complete one, a failed one, and one that is running."""
    study = Study(document)
    searcher = proposals(study, Path(str(new_folder(study))))
    for name in "abc":
        ask(searcher, name)
    searcher.on_trial_complete("a", epoch(2, 0.9))
    searcher.on_trial_complete("b", {"failed": "Traceback ...\nValueError: no"})
    return study


def test_every_trial_is_a_line_of_csv(searched: Study) -> None:
    stream = io.StringIO()
    write_csv(searched, last_search(searched), stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [(row["trial"], row["state"], row["accuracy"]) for row in rows] == [
        ("0", "complete", "0.9"),
        ("1", "failed", ""),
        ("2", "running", ""),
    ]
    assert [row["title"] for row in rows] == ["student alone", "", ""]
    assert rows[1]["error"].startswith("ValueError: no (log: ")
    assert {"loss.kd_weight", "student.kind", "learning_rate", "on_front"} <= set(rows[0])


def test_a_search_is_one_json_object(searched: Study) -> None:
    stream = io.StringIO()
    write_json(searched, last_search(searched), stream)
    found = json.loads(stream.getvalue())
    assert (found["study"], found["state"], found["results"]) == ("tiny", "new", None)
    assert found["counts"] == {"running": 1, "complete": 1, "pruned": 0, "infeasible": 0, "failed": 1, "skipped": 0}
    assert found["ended_early"] is None
    assert [trial["on_front"] for trial in found["trials"]] == [True, False, False]


def test_a_study_that_was_never_searched_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match="tiny has not been searched yet"):
        last_search(Study(document))
