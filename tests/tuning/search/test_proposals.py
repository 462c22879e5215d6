from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args

import numpy as np
import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher

from distune.corpora.disk import DiskError
from distune.corpora.places import Place
from distune.tuning.search.run import forget_lost_trials
from distune.tuning.search.samplers import sampler
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import Epoch, read_records, records_in
from distune.tuning.study.config import SearchConfig
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from tests.making.proposals import Diary, ask, epoch, opened, proposals


def test_a_complete_trial_is_told_its_best_epoch_and_its_latency(study: Study, tmp_path: Path) -> None:
    diary = Diary()
    searcher = proposals(study, tmp_path, diary=diary)
    ask(searcher, "a")
    searcher.on_trial_result("a", epoch(1, 0.9))
    searcher.on_trial_complete("a", epoch(2, 0.8, best=0.9))
    trial = opened(study, tmp_path).trials[0]
    assert (trial.state, trial.values) == (TrialState.COMPLETE, [0.9, 0.5])
    assert diary.lines == [
        ("started", 0),
        ("reported", 0, 1, 0.9),
        ("reported", 0, 2, 0.8),
        ("ended", 0, "complete"),
    ]


def test_an_early_stopped_trial_is_pruned_with_what_it_reached(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_complete("a", epoch(1, 0.6))
    study_ = opened(study, tmp_path)
    assert study_.trials[0].state == TrialState.PRUNED
    record = read_records(study_)[0]
    assert (record.state, record.score, record.latency_ms, record.epochs) == ("pruned", 0.6, 0.5, 1)


def test_a_failed_trial_keeps_its_traceback_and_the_search_goes_on(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    ask(searcher, "b")
    searcher.on_trial_complete("a", {"failed": "Traceback ...\nFloatingPointError: nan"})
    for why in ("its machine went away", "it was killed", "it was killed"):
        searcher.lost("b", why)
    searcher.on_trial_complete("b", error=True)
    one, two = records_in(study.config, Folder(Place(str(tmp_path))))
    assert (one.state, str(one.error).splitlines()[:2]) == ("failed", ["Traceback ...", "FloatingPointError: nan"])
    assert one.cause == f"FloatingPointError: nan (log: {tmp_path}/trials/0/log.txt)"
    assert two.state == "failed"
    message = "its worker was lost 3 times (max_failures=3): its machine went away; it was killed"
    assert two.cause == f"{message} (log: {tmp_path}/trials/1/log.txt)"
    assert (tmp_path / "trials/1/log.txt").read_text() == f"{message}\n"  # The worker has written none.
    assert ask(searcher, "c")["number"] == 2


def test_a_full_disk_ends_the_search_and_its_trials_are_still_to_be_run(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()
    searcher = proposals(study, tmp_path, diary=diary)
    ask(searcher, "a")
    ask(searcher, "b")

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        searcher.on_trial_complete("a", epoch(2, 0.8))
    assert isinstance(searcher.error, DiskError)
    searcher.on_trial_complete("a", error=True)  # As Ray Tune has it where a searcher raises.
    searcher.on_trial_complete("b", epoch(2, 0.8))
    assert searcher.suggest("c") == Searcher.FINISHED
    assert diary.lines == [("started", 0), ("started", 1), ("reported", 0, 2, 0.8)]  # Nothing has ended.
    again = proposals(study, tmp_path)
    assert (again.n_left, ask(again, "d")["number"], ask(again, "e")["number"]) == (4, 0, 1)


def test_a_worker_that_found_no_room_ends_the_search_and_fails_no_trial(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_complete("a", {"disk": "cannot write /there: no space is left; 0.0 MB are free there (on host)"})
    assert str(searcher.error) == "cannot write /there: no space is left; 0.0 MB are free there (on host)"
    assert opened(study, tmp_path).trials[0].state == TrialState.RUNNING


def test_a_worker_that_died_where_there_is_no_room_fails_no_trial(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=2_000_000, free=0))
    searcher.on_trial_complete("a", error=True)
    assert str(searcher.error).endswith(": no space is left; 0.0 MB of 2.0 MB are free there")


def test_what_trials_kept_that_the_journal_has_lost_is_forgotten_aloud(tmp_path: Path, said: list[str]) -> None:
    folder = Folder(Place(str(tmp_path)))
    for number in range(4):
        folder.trial(number).log.write_text("")
        folder.trial(number).training.write_bytes(b"")
    forget_lost_trials(folder, n_known=4)
    assert said == []
    forget_lost_trials(folder, n_known=2)
    assert said[0].startswith(f"the journal of {tmp_path} ends before trial 2: of 2 trials there is a log")
    assert [folder.trial(number).training.exists() for number in range(4)] == [True, True, False, False]


def test_an_infeasible_trial_is_told_as_a_constraint(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_complete("a", {"infeasible": True, "latency_ms": 9.0, "size_mb": 2.0, "over_budget_ms": 4.0})
    study_ = opened(study, tmp_path)
    assert study_.trials[0].constraints == {"latency_ms": 4.0}
    assert read_records(study_)[0].state == "infeasible"


def test_equal_architectures_are_hinted_once(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path, n_trials=40)
    first = ask(searcher, "a")
    assert first["hint"] is None
    searcher.on_trial_complete("a", epoch(1, 0.6, latency_ms=0.25))
    wanted = TrialConfig.model_validate(first["trial"]).architecture()
    later = [ask(searcher, f"b{i}") for i in range(30)]
    same = [p["hint"] for p in later if TrialConfig.model_validate(p["trial"]).architecture() == wanted]
    others = [p["hint"] for p in later if TrialConfig.model_validate(p["trial"]).architecture() != wanted]
    assert same
    assert all(hint == {"latency_ms": 0.25, "size_mb": 2.0} for hint in same)
    assert all(hint is None for hint in others)


def test_after_a_kill_running_trials_are_handed_out_again_and_finished_ones_are_not(
    study: Study, tmp_path: Path
) -> None:
    killed = proposals(study, tmp_path)
    given = [ask(killed, name) for name in "abc"]
    killed.on_trial_complete("b", epoch(2, 0.9))
    resumed = proposals(study, tmp_path)
    again = [ask(resumed, name) for name in "xyz"]
    assert resumed.suggest("w") == Searcher.FINISHED
    assert [proposal["number"] for proposal in again] == [0, 2, 3]
    assert [again[0]["trial"], again[1]["trial"]] == [given[0]["trial"], given[2]["trial"]]
    for name in "xyz":
        resumed.on_trial_complete(name, epoch(2, 0.5))
    records = records_in(study.config, Folder(Place(str(tmp_path))))
    assert [(record.number, record.state) for record in records] == [(i, "complete") for i in range(4)]
    assert proposals(study, tmp_path).n_left == 0


def test_a_single_objective_is_told_alone(document: dict[str, Any], tmp_path: Path) -> None:
    document["search"]["objectives"] = ["accuracy"]
    study = Study(document)
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_complete("a", epoch(2, 0.75))
    assert opened(study, tmp_path).trials[0].values == [0.75]


def test_what_a_compressed_student_reaches_is_what_counts(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_result("a", epoch(1, 0.9))
    searcher.on_trial_complete("a", {**epoch(2, 0.8), "compressed_score": 0.7, "latency_ms": 0.1})
    (record,) = records_in(study.config, Folder(Place(str(tmp_path))))[:1]
    assert (record.state, record.score, record.latency_ms) == ("complete", 0.7, 0.1)


@pytest.mark.parametrize("name", get_args(SearchConfig.model_fields["sampler"].annotation))
def test_every_sampler_proposes_in_a_conditional_space_with_two_objectives(
    study: Study, tmp_path: Path, name: Literal["tpe", "nsga2", "gp", "random"]
) -> None:
    search = study.config.search.model_copy(update={"sampler": name, "trials": 24})
    searcher = proposals(study, tmp_path, n_trials=24, sampler=sampler(search, n_known=0))
    rng = np.random.default_rng(0)
    for number in range(24):
        ask(searcher, str(number))
        searcher.on_trial_complete(str(number), epoch(2, float(rng.random()), latency_ms=float(rng.random())))
    records = read_records(opened(study, tmp_path))
    assert len([record for record in records if record.state == "complete"]) == 24


def test_the_epochs_of_a_trial_are_kept_with_it(study: Study, tmp_path: Path) -> None:
    folder = Folder(Place(str(tmp_path)))
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    ask(searcher, "b")
    searcher.on_trial_result("a", {**epoch(1, 0.6), "loss": 0.5})
    searcher.on_trial_complete("a", {**epoch(2, 0.9), "loss": 0.25})
    searcher.on_trial_result("b", epoch(1, 0.7))  # The driver is killed after it.
    assert [one.curve for one in records_in(study.config, folder)] == [(Epoch(1, 0.6, 0.5), Epoch(2, 0.9, 0.25)), ()]
    resumed = proposals(study, tmp_path)
    ask(resumed, "c")
    resumed.on_trial_complete("c", epoch(2, 0.8))
    assert records_in(study.config, folder)[1].curve == (Epoch(2, 0.8, 1.0),)  # what is known of it


def test_a_skipped_trial_says_nothing_to_the_sampler(study: Study, tmp_path: Path) -> None:
    searcher = proposals(study, tmp_path)
    ask(searcher, "a")
    searcher.on_trial_result("a", epoch(1, 0.6))
    searcher.on_trial_complete("a", {"skipped": "skipped by a person, on here"})
    trial = opened(study, tmp_path).trials[0]
    assert trial.state == TrialState.FAIL
    (record,) = records_in(study.config, Folder(Place(str(tmp_path))))
    assert (record.state, record.score, record.cause) == ("skipped", 0.6, "skipped by a person, on here")
