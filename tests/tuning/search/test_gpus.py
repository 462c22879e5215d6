"""What share of a card a trial asks for; the measuring itself needs a GPU and is skipped without one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distune.cluster.config import ClusterConfig, ClusterError
from distune.cluster.runner import IN_PROCESS, InProcess
from distune.tuning.search.gpus import memory_share, share_of_a_card, with_gpus
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.points import largest_students, midpoint
from distune.tuning.trial.config import TrialConfig
from tests.conftest import prepared_study


@pytest.mark.parametrize(
    ("memory", "share"), [(0.01, 1 / 83), (0.2, 1 / 4), (0.4, 1 / 2), (0.42, 1 / 1), (0.9, 1.0), (1.0, 1.0)]
)
def test_a_fifth_of_the_memory_is_left_and_whole_trials_fill_the_card(memory: float, share: float) -> None:
    assert share_of_a_card(memory) == pytest.approx(share)


def test_the_largest_config_of_each_kind_of_student_is_measured(document: dict[str, Any]) -> None:
    document["trial"]["student"][0]["channels"] = {"choice": ["tuned", "both"]}
    document["trial"]["batch_size"] = {"choice": [16, 64]}
    found = [TrialConfig.model_validate(one) for one in largest_students(Study(document).space)]
    assert [one.student.kind for one in found] == ["bilstm", "bilstm", "average"]
    assert [one.student.model_dump().get("hidden_size", 8) for one in found] == [8, 8, 8]
    assert [one.student.model_dump()["channels"] for one in found[:2]] == ["tuned", "both"]
    assert {one.batch_size for one in found} == {64}


def test_a_cluster_without_gpus_gives_none(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    document["cluster"] = {"gpus_per_trial": "auto"}
    prepared = prepared_study(document)
    monkeypatch.setattr("distune.tuning.search.gpus.alive_nodes", lambda: [{"CPU": 2.0}])
    said.clear()
    measured = with_gpus(prepared.study, prepared.configs, prepared.inputs, IN_PROCESS)
    assert measured.config.cluster.gpus == 0
    assert said == ["gpus_per_trial: auto is 0"]


def test_the_neediest_config_decides(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    document["cluster"] = {"gpus_per_trial": "auto"}
    prepared = prepared_study(document)
    shares = iter([0.1, 0.3])
    monkeypatch.setattr("distune.tuning.search.gpus.alive_nodes", lambda: [{"CPU": 2.0, "GPU": 1.0}])

    class Measuring(InProcess):
        def once(self, function: Any, *arguments: Any) -> Any:
            return next(shares)

    measured = with_gpus(prepared.study, prepared.configs, prepared.inputs, Measuring())
    assert measured.config.cluster.gpus == pytest.approx(1 / 2)


def test_what_is_not_measured_yet_is_no_number() -> None:
    with pytest.raises(ClusterError, match="gpus_per_trial: auto has not been measured yet"):
        _ = ClusterConfig(gpus_per_trial="auto").gpus


@pytest.mark.parametrize("value", ["some", -1])
def test_other_words_and_less_than_nothing_are_refused(document: dict[str, Any], value: object) -> None:
    document["cluster"] = {"gpus_per_trial": value}
    with pytest.raises(StudyError, match=r"cluster\.gpus_per_trial: must be a number >= 0, or auto, but got"):
        Study(document)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="measures the memory of a GPU")
def test_the_memory_of_a_trial_is_measured(document: dict[str, Any]) -> None:
    study = Study(document)
    prepared = prepared_study(study)
    config = TrialConfig.model_validate(midpoint(study.space))
    assert 0 < memory_share(config, prepared.of(config).data) < 0.5
