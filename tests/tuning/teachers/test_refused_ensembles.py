"""Teachers made of students that are refused before anything starts, and students that are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from distune.cluster.runner import IN_PROCESS
from distune.models.errors import ModelError
from distune.models.teacher.config import TeacherConfig
from distune.tuning.checks import check
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.draws import draw_students
from distune.tuning.teachers.logits import cache_teacher, unseen
from tests.conftest import prepared_study
from tests.making.ensembles import SPACE, taught

__all__ = ["taught"]  # Fixture.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"students": {"trials": 3, "members": 4}}, "members must be <= trials, but got members=4, trials=3"),
        ({"students": {}, "checkpoint": "x"}, "but got checkpoint, students"),
        ({"students": {}, "logits": "x.csv"}, "but got logits, students"),
        ({"students": {}, "epochs": 3}, "leave out what is of a BERT .*, but got epochs=3"),
        ({"students": {}, "members": 3, "train_last_layers": 1}, "but got train_last_layers=1, members=3"),
        ({"students": {}, "hidden_states": ["pooled"]}, "but got hidden_states"),
        ({"students": {}, "temperature": 0}, "greater than 0"),
    ],
)
def test_students_that_cannot_be_a_teacher_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TeacherConfig.model_validate(settings)


def test_what_students_cannot_give_is_refused_before_anything_starts(taught: dict[str, Any]) -> None:
    assert check(Study(taught)).splitlines()[0].endswith("teacher logits not in the cache yet")
    wants_hidden = {**taught, "trial": {**SPACE, "loss": {"hidden_weight": 1.0}}}
    with pytest.raises(StudyError, match=r"hidden states; a teacher made of students has none"):
        check(Study(wants_hidden))
    wants_pieces = {**taught, "trial": {**SPACE, "tokens": {"kind": "wordpiece"}}}
    with pytest.raises(StudyError, match=r"needs a tokenizer, and a teacher that is made of students has none"):
        check(Study(wants_pieces))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"loss": {"class_weights": {"spam": 3}}},
            r"loss\.class_weights: 'spam' is no label of the corpus, .* are '0', '1'",
        ),
        (
            {"student": {"kind": "average", "pair": "siamese"}},
            r"student\.pair: siamese reads two texts, and the corpus has one",
        ),
    ],
)
@pytest.mark.parametrize("has_own_space", [False, True])
def test_what_the_corpus_lacks_is_refused_by_check_search_and_cache(
    taught: dict[str, Any], part: dict[str, Any], message: str, has_own_space: bool
) -> None:
    space = {**SPACE, **part}
    if has_own_space:
        taught["more_teachers"] = [{"students": {"trials": 3, "members": 2, "trial": space}}]
    else:
        taught["trial"] = space
    path = r"more_teachers\.0\.students\.trial\." if has_own_space else r"trial\."
    study = Study(taught)
    for start in (check, prepared_study, lambda study: cache_teacher(study, False, None, "", IN_PROCESS, unseen)):
        with pytest.raises(StudyError, match=f"^{path}{message}"):
            start(study)
    assert not Path(study.config.storage).exists()


def test_a_student_that_does_not_learn_is_left_out(taught: dict[str, Any], said: list[str]) -> None:
    taught["trial"] = {**SPACE, "learning_rate": {"choice": [0.01, 1e30]}, "epochs": 2}
    drawn = draw_students(Study(taught).space, 12, seed=7)
    n_good = sum(one.learning_rate == 0.01 for one in drawn)
    assert 0 < n_good < 12
    taught["teacher"] = {"students": {"trials": 12, "members": n_good}}
    prepared_study(taught)
    assert sum("the loss became" in line for line in said) == 12 - n_good
    taught["teacher"] = {"students": {"trials": 12, "members": n_good + 1}}
    with pytest.raises(ModelError, match=rf"{12 - n_good} of 12 students did not learn, which leaves {n_good} for"):
        prepared_study(taught)
