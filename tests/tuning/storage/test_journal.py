from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from distune.corpora.places import Place
from distune.tuning.storage.journal import MERGED, Journal
from distune.tuning.study.errors import StudyError


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


def five_trials(tmp_path: Path) -> list[Path]:
    """The segments of five trials: one of the study, then one at the beginning of each trial and one at its end."""
    run_trials(Journal(Place(str(tmp_path))), 5)
    return sorted(tmp_path.iterdir())


def refusal(tmp_path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        Journal(Place(str(tmp_path)))
    return str(caught.value)


def test_a_missing_segment_is_refused_with_how_many_trials_are_before_it(tmp_path: Path) -> None:
    segments = five_trials(tmp_path)
    assert len(segments) == 10
    segments[6].unlink()
    said = refusal(tmp_path)
    assert f"the journal {tmp_path} is damaged: a segment is missing before {segments[7].name}." in said
    assert "The 3 trials that ended before it are whole." in said


def emptied(content: bytes) -> bytes:
    return b""


def without_its_end(content: bytes) -> bytes:
    return content[:-5]


def without_its_first_line(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def with_another_value(content: bytes) -> bytes:
    return content.replace(b'"op_code": 4', b'"op_code": 5')


def with_a_broken_line(content: bytes) -> bytes:
    return content.replace(b"{", b"[", 1)


def with_a_broken_letter(content: bytes) -> bytes:
    return content.replace(b"study_id", b"study_\xff", 1)


HARMS = [
    (emptied, r"is cut: it has 0 of \d entries"),
    (without_its_end, r"is cut: it has \d of \d entries"),
    (without_its_first_line, r"is cut: it has \d of \d entries"),
    (with_another_value, "has changed since it was written"),
    (with_a_broken_line, "has changed since it was written|is no entry"),
    (with_a_broken_letter, "has changed since it was written"),
]


@pytest.mark.parametrize(("harm", "words"), HARMS)
@pytest.mark.parametrize("of_an_older_version", [False, True])
def test_a_segment_that_is_not_as_it_was_written_is_refused(
    tmp_path: Path, harm: Callable[[bytes], bytes], words: str, of_an_older_version: bool
) -> None:
    segment = five_trials(tmp_path)[4]  # The beginning of trial 2.
    if of_an_older_version:  # Which kept no checksum in the name.
        segment = segment.rename(tmp_path / f"{segment.name[:19]}.jsonl")
    segment.write_bytes(harm(segment.read_bytes()))
    if of_an_older_version and harm is with_another_value:
        return  # It is an entry as good as any.
    said = refusal(tmp_path)
    assert re.search(words, said)
    assert segment.name in said
    assert "The 2 trials that ended before it are whole." in said


def test_a_journal_goes_on_where_what_is_damaged_was_taken_away(tmp_path: Path) -> None:
    for segment in five_trials(tmp_path)[6:]:
        segment.unlink()
    study = run_trials(Journal(Place(str(tmp_path))), 1)
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]


def test_the_segments_of_an_older_version_are_read(tmp_path: Path) -> None:
    for segment in five_trials(tmp_path):
        segment.rename(tmp_path / f"{segment.name[:19]}.jsonl")
    assert [trial.number for trial in study_in(Journal(Place(str(tmp_path)))).trials] == [0, 1, 2, 3, 4]


def test_segments_of_two_drivers_are_refused(tmp_path: Path) -> None:
    run_trials(Journal(Place(str(tmp_path))), 1)
    one, other = Journal(Place(str(tmp_path))), Journal(Place(str(tmp_path)))
    run_trials(one, 1)
    study_in(other).ask()
    other.append_logs(other.read_logs(0)[-1:] * 9)
    other.flush()
    assert "overlaps the segment before it: two drivers wrote" in refusal(tmp_path)


def test_what_is_no_segment_is_refused_by_its_name(tmp_path: Path) -> None:
    five_trials(tmp_path)
    (tmp_path / "copy of 000000000-000000003.jsonl").write_text("")
    assert "copy of 000000000-000000003.jsonl is no segment of a journal" in refusal(tmp_path)
