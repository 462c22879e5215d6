"""Another model takes the place of the present one while requests come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from distune.models.checkpoint_folder import CheckpointError
from distune.models.predictor import Predictor
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.serving import Followed, Serving, ready_predictor
from distune.tuning.serve.versions import Offer
from tests.conftest import STUDENTS
from tests.making.checkpoints import checkpoint_of, save_student


def model(label: str, of_pairs: bool = False, several: bool = False) -> Predictor:
    """A model that answers every text with one label."""
    found = mock.Mock(spec=Predictor, labels=[label], is_of_pairs=of_pairs, is_multi_label=several)
    found.answers = lambda texts: [
        {"label": label, "probabilities": {label: 1.0}, "has_known_token": True} for _ in texts
    ]
    return found


def shown(serving: Serving) -> dict[str, float]:
    lines = serving.counts.shown()[0].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_a_request_is_answered_by_the_model_that_it_came_to_and_the_next_by_the_new_one() -> None:
    async def run() -> list[str]:
        serving, found = Serving("name", model("old"), Limits(), "1"), []
        async with serving.running():
            before = serving.current
            with before.used():
                serving.swap(model("new"), "2")
                assert serving.current.version == "2"
                for one in (before, serving.current):
                    (answer,) = await one.batcher.ask(["text"])
                    found.append(str(answer.get("label")))
            while len(serving._answering) > 1:  # The old one ends with its last request.
                await asyncio.sleep(0.01)
        return found

    assert asyncio.run(run()) == ["old", "new"]


def test_the_metrics_tell_the_version_and_know_the_labels_of_both() -> None:
    async def run() -> dict[str, float]:
        serving = Serving("name", model("old"), Limits(), "1")
        assert shown(serving)['distune_model_version_info{version="1"}'] == 1
        async with serving.running():
            serving.swap(model("new"), "2")
            return shown(serving)

    found = asyncio.run(run())
    assert {name for name in found if "version_info" in name} == {'distune_model_version_info{version="2"}'}
    assert found["distune_model_swaps_total"] == 1
    assert found['distune_answers_total{label="old"}'] == found['distune_answers_total{label="new"}'] == 0


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ({"of_pairs": True}, "it answers pairs of texts, which clients do not expect"),
        ({"several": True}, "it answers several labels a text, which clients do not expect"),
    ],
)
def test_a_model_of_another_kind_does_not_take_the_place(new: dict[str, bool], said: str) -> None:
    async def run() -> None:
        serving = Serving("name", model("old"), Limits(), "1")
        async with serving.running():
            with pytest.raises(CheckpointError, match=said):
                serving.swap(model("new", **new), "2")
            assert serving.current.version == "1"

    asyncio.run(run())


class Offered:
    """Versions that a test offers."""

    name = "name"

    def __init__(self) -> None:
        self.is_closed = False

    def first(self) -> Offer:
        raise NotImplementedError

    def listen(self, on_offer: Callable[[Offer], object], on_fault: Callable[[str], object]) -> None:
        self.offer, self.fault = on_offer, on_fault

    def close(self) -> None:
        self.is_closed = True


def test_versions_are_taken_as_they_come_and_one_that_is_damaged_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, damaged, third = (save_student(checkpoint_of(STUDENTS[0]), tmp_path / name) for name in "abc")
    (damaged / "model.onnx").write_bytes(b"")

    async def run() -> list[str | None]:
        offered, found = Offered(), []
        serving = Serving("name", ready_predictor(first, 1), Limits(), "1")
        followed = Followed(serving, offered, 1, Offer(version="1", folder=first))
        async with serving.running(), followed.running():
            offered.offer(Offer(version="2", folder=damaged))
            offered.offer(Offer(version="3", folder=third))
            while serving.current.version != "3":
                await asyncio.sleep(0.01)
                found.append(serving.current.version)
            offered.fault("the registry is away")
            while shown(serving)["distune_model_version_faults_total"] < 2:
                await asyncio.sleep(0.01)
        assert offered.is_closed
        return found

    assert "2" not in asyncio.run(run())
    said = capsys.readouterr()
    assert said.out == "name version 3 answers now, in place of version 1\n"
    assert "distune: name version 2 cannot be served: " in said.err
    assert "model.onnx is not as it was saved" in said.err
    assert said.err.endswith("distune: the registry is away; version 3 goes on answering\n")
    assert [one.exists() for one in (first, damaged, third)] == [False, False, True]
