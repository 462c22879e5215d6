from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from distune.corpora.places import Place
from distune.tuning.storage.journal import MERGED, Journal


def study_in(journal: Journal) -> optuna.Study:
    storage = optuna.storages.JournalStorage(journal)
    return optuna.create_study(study_name="s", storage=storage, load_if_exists=True)


def run_trials(journal: Journal, n_trials: int) -> optuna.Study:
    """Trials with one parameter, each made durable when it is asked for and when it has ended."""
    study = study_in(journal)
    for _ in range(n_trials):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        journal.flush()
        study.tell(trial, x)
        journal.flush()
    return study


def values(study: optuna.Study) -> list[Any]:
    return [(trial.number, trial.state.name, trial.params, trial.value) for trial in study.trials]


def test_what_was_flushed_is_read_back_by_another_process(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    study = run_trials(Journal(place), 3)
    assert values(study_in(Journal(place))) == values(study)


def test_what_was_not_flushed_never_was(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    study = run_trials(Journal(place), 1)
    study.ask()
    assert [trial.number for trial in study_in(Journal(place)).trials] == [0]


def test_a_study_goes_on_in_the_journal_that_it_has(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    run_trials(Journal(place), 2)
    study = run_trials(Journal(place), 2)
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert values(study_in(Journal(place))) == values(study)


def test_small_segments_are_merged(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    study = run_trials(Journal(place), MERGED)
    assert len(place.names()) < MERGED
    assert values(study_in(Journal(place))) == values(study)


def test_a_merged_segment_beside_its_parts_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Place, "delete", lambda self: None)  # As if the driver was killed between the two.
        study = run_trials(Journal(place), MERGED)
    assert len(place.names()) > 2 * MERGED
    assert values(study_in(Journal(place))) == values(study)


def test_a_reader_whose_segment_is_merged_away_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(str(tmp_path))
    run_trials(Journal(place), 2)
    read, failures = Place.read_text, []

    def vanishing(self: Place) -> str:
        if not failures:
            failures.append(self)
            raise FileNotFoundError(str(self))
        return read(self)

    monkeypatch.setattr(Place, "read_text", vanishing)
    assert [trial.number for trial in study_in(Journal(place)).trials] == [0, 1]
    assert len(failures) == 1


def test_looking_writes_nothing(tmp_path: Path) -> None:
    assert study_in(Journal(Place(str(tmp_path)) / "none")).trials == []
    assert list(tmp_path.iterdir()) == []
