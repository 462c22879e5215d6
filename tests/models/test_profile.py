"""The counts by which a student's answers to many texts are remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distune.corpora.encoding import load_encoder
from distune.models.answers import Answered
from distune.models.checkpoint import load_checkpoint
from distune.models.checkpoint_folder import CheckpointError, check_folder
from distune.models.predictor import Predictor
from distune.models.profile import BINS, DEV_PROFILE, Profile, profile_of, read_profile
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student


def bins(**counts: int) -> tuple[int, ...]:
    """Bins with these counts, such as `_29=1` for one text at 0.29."""
    found = [0] * BINS
    for name, count in counts.items():
        found[int(name[1:])] = count
    return tuple(found)


def test_each_text_counts_once_by_its_label_its_confidence_and_its_unknown_tokens() -> None:
    probabilities = np.array([[0.29, 0.71], [0.9999999, 1e-7], [0.5, 0.5]])
    profile = profile_of(Answered(np.array([1, 0, 0]), probabilities, np.array([0.0, 1.0, 0.29])))
    assert profile.n_texts == 3
    assert profile.labels == (2, 1)
    assert profile.confidence == bins(_71=1, _100=1, _50=1)
    assert profile.unknown == bins(_0=1, _100=1, _29=1)


def test_an_answer_of_several_labels_counts_for_each_and_is_as_sure_as_the_least_sure_one() -> None:
    answers = np.array([[1, 1, 0], [0, 0, 0]])
    probabilities = np.array([[0.9, 0.6, 0.2], [0.1, 0.3, 0.0]])
    profile = profile_of(Answered(answers, probabilities, np.zeros(2)))
    assert profile.labels == (1, 1, 0)
    assert profile.confidence == bins(_60=1, _70=1)


def test_the_profile_of_two_parts_is_the_sum() -> None:
    one = profile_of(Answered(np.array([1]), np.array([[0.2, 0.8]]), np.array([0.5])))
    other = profile_of(Answered(np.array([0, 1]), np.array([[0.8, 0.2], [0.1, 0.9]]), np.array([0.5, 0.0])))
    expected = Profile(n_texts=3, labels=(1, 2), confidence=bins(_80=2, _90=1), unknown=bins(_50=2, _0=1))
    assert one + other == expected


def test_a_profile_of_what_answers_say_has_no_share_between_none_and_all() -> None:
    probabilities = np.array([[0.9, 0.1]] * 4)
    profile = profile_of(Answered(np.zeros(4, np.int64), probabilities, np.array([0.0, 0.3, 0.99, 1.0])))
    assert profile.known_or_not().unknown == bins(_0=3, _100=1)
    assert profile.known_or_not().labels == profile.labels


@pytest.mark.parametrize(("text", "share"), [("好书", 0.0), ("好x", 0.5), ("xyz", 1.0), ("", 1.0), ("好x书y", 0.5)])
def test_the_share_of_unknown_tokens_is_that_of_the_text(text: str, share: float, folder: Path) -> None:
    predictor = Predictor(folder, load_encoder(folder))
    alone = predictor.answered([text])
    beside = predictor.answered([text, "好书好书"])
    assert alone.unknown_shares.tolist() == [share]
    assert beside.unknown_shares.tolist() == [share, 0.0]
    assert alone.has_known_token.tolist() == [share < 1]


def test_a_checkpoint_keeps_the_profile_of_dev_under_a_checksum(tmp_path: Path) -> None:
    profile = Profile(n_texts=2, labels=(1, 1), confidence=bins(_90=2), unknown=bins(_0=2))
    folder = save_student(replace(checkpoint_of(STUDENTS[0]), dev_profile=profile), tmp_path / "student")
    assert read_profile(folder, 2) == profile
    assert load_checkpoint(folder).dev_profile == profile
    (folder / DEV_PROFILE).write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"dev_profile\.json is not as it was saved"):
        check_folder(folder)


def test_a_checkpoint_of_an_earlier_version_has_none(folder: Path) -> None:
    assert read_profile(folder, 2) is None
    assert load_checkpoint(folder).dev_profile is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is damaged"),
        ("{}", "n_texts: Field required"),
        (json.dumps({"n_texts": -1, "labels": [1], "confidence": [], "unknown": []}), "n_texts"),
        (
            json.dumps({"n_texts": 2, "labels": [1, 1], "confidence": bins(_1=1), "unknown": bins(_1=2)}),
            "its counts do not fit each other or 2 labels",
        ),
        (
            json.dumps({"n_texts": 2, "labels": [2], "confidence": bins(_1=2), "unknown": bins(_1=2)}),
            "its counts do not fit each other or 2 labels",
        ),
    ],
)
def test_a_damaged_profile_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / DEV_PROFILE).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=said):
        read_profile(tmp_path, 2)
