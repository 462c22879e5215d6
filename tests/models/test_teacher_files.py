"""The files that a teacher of a study names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from distune.models.teacher.config import TeacherConfig
from distune.tuning.shipping import file_keys


@pytest.mark.parametrize("given", ["a.parquet", "logits-*.parquet"])
def test_a_teacher_names_one_file_of_logits_a_pattern_or_a_list(given: str) -> None:
    assert TeacherConfig.model_validate({"logits": given}).logits == given
    assert TeacherConfig.model_validate({"logits": [given, "b.parquet"]}).logits == (given, "b.parquet")
    assert "logits" in file_keys()


@pytest.mark.parametrize("given", [3, [], [""], ["a.parquet", 3], {"path": "a.parquet"}], ids=repr)
def test_what_names_no_file_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match="must be the name of a file, or a list of such names"):
        TeacherConfig.model_validate({"logits": given})
