"""A document of Python's and NumPy's values is read as YAML has them, or refused with the path of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.tuning.storage.paths import dump
from distune.tuning.study.document import document_in_plain_values
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, parse_yaml


def test_values_of_numpy_and_paths_and_tuples_become_plain() -> None:
    given = {
        "trials": np.int64(2),
        "rate": np.float32(0.5),
        "is": np.bool_(True),
        "file": Path("a") / "b",
        "of": (1, [2]),
    }
    plain = document_in_plain_values(given)
    assert plain == {"trials": 2, "rate": 0.5, "is": True, "file": "a/b", "of": [1, [2]]}
    assert parse_yaml(dump(plain)) == plain


def test_every_value_that_yaml_has_not_is_named() -> None:
    given: Any = {"a": {"b": [1, {2, 3}]}, "c": np.zeros(2), "d": float("inf"), "e": b"x"}
    with pytest.raises(StudyError) as refused:
        document_in_plain_values(given)
    assert str(refused.value).split("\n") == [
        "a.b.1: must be text, a number, a list or a mapping, but got a set",
        "c: must be text, a number, a list or a mapping, but got a ndarray",
        "d: must be a finite number, but got inf",
        "e: must be text, a number, a list or a mapping, but got a bytes",
    ]


@pytest.mark.parametrize("given", ["study.yaml", None, Path("study.yaml"), [1]])
def test_what_is_no_mapping_is_refused(given: Any) -> None:
    with pytest.raises(
        StudyError, match=r"a study is a mapping with name, corpus, teacher and trial \(distune.load_study"
    ):
        Study(given)


def test_a_study_keeps_what_it_was_made_of(document: dict[str, Any]) -> None:
    study = Study(document)
    document["search"]["trials"] = 50
    assert study.document["search"]["trials"] == study.config.search.trials != 50
