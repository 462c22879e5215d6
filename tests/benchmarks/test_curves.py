"""The recording of learning curves: it is the trial's own training, looked at."""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.search import curves, recording
from benchmarks.search.curves import claim, proposals_of
from benchmarks.search.material import held_back
from benchmarks.search.proposers import Nearest
from benchmarks.search.recording import HeldBack, Stopwatch, against_teacher, record
from benchmarks.search.table import pack, read_table
from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.corpora.tokens import ragged
from distune.tuning.search.suggest import distributions
from distune.tuning.search.worker import WorkerInputs
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import EpochReport, run_trial


def small(n_words: int) -> tuple[TrialData, HeldBack]:
    rng = np.random.default_rng(0)
    rows: list[list[int]] = [rng.integers(1, 30, rng.integers(2, 9)).tolist() for _ in range(100)]
    vectors = rng.normal(size=(n_words, 6)).astype(np.float32)
    vectors[0] = 0
    logits = rng.normal(size=(1, 80, 2)).astype(np.float32)
    data = TrialData(
        train=ragged(rows[:80]),
        labels=np.arange(80) % 3 - 1,
        iterations=np.zeros(80, np.int32),
        teacher_logits=logits,
        teacher_weights=np.ones(1, np.float32),
        teacher_hidden=np.zeros((80, 0), np.float16),
        dev=ragged(rows[:20]),
        dev_labels=np.arange(20) % 2,
        vectors=vectors,
    )
    held = HeldBack(
        signal=ragged(rows[80:90]),
        teacher_logits=logits[0, :10],
        truth=ragged(rows[90:]),
        truth_labels=np.arange(10) % 2,
    )
    return data, held


# With 30 words the whole table of vectors is moved in each step, with 900 the rows that were read.
@pytest.mark.parametrize(
    ("n_words", "ema_decay", "compression"), [(30, 0.0, "none"), (900, 0.0, "none"), (30, 0.9, "embedding_int8")]
)
def test_a_recorded_training_is_the_training_of_a_trial(n_words: int, ema_decay: float, compression: str) -> None:
    data, held = small(n_words)
    config = TrialConfig.model_validate(
        {
            "student": {"kind": "average", "hidden_layer": 8, "dropout": 0.3},
            "compression": {"kind": compression},
            "learning_rate": 0.01,
            "batch_size": 8,
            "epochs": 3,
            "ema_decay": ema_decay,
        }
    )
    reports: list[EpochReport] = []
    result = run_trial(config, data, reports.append)
    found = record(config, WorkerInputs(data, 0.1), held, points=5)
    assert [look.epoch for look in found.looks] == [part / 5 for part in range(1, 16)]
    at_ends = found.looks[4::5]
    assert [look.score for look in at_ends] == [report.score for report in reports]
    mean_loss = np.reshape([look.loss for look in found.looks], (3, 5)).mean(axis=1)
    assert mean_loss == pytest.approx([report.loss for report in reports], rel=1e-4)
    assert [look.truth is None for look in found.looks] == [True, True, True, True, False] * 3
    assert found.end is not None
    assert (found.end.score, found.error) == (result.score, None)
    assert list(np.diff([look.train_s for look in found.looks]) > 0) == [True] * 14
    assert found.after_s >= 0


def test_a_training_that_fails_is_recorded_up_to_there(monkeypatch: pytest.MonkeyPatch) -> None:
    data, held = small(30)
    config = TrialConfig.model_validate({"student": {"kind": "average"}, "batch_size": 8, "epochs": 2})

    def fail(self: Any, training: Any, score: float) -> None:
        raise FloatingPointError("the loss became nan at step 10")

    monkeypatch.setattr(recording.Recorder, "after_epoch", fail)
    found = record(config, WorkerInputs(data, 0.1), held, points=2)
    assert [look.step for look in found.looks] == [5]
    assert (found.end, found.error) == (None, "FloatingPointError: the loss became nan at step 10")


def test_pauses_are_no_part_of_the_seconds() -> None:
    times = iter([10.0, 12.0, 17.0, 18.0])
    watch = Stopwatch(lambda: next(times))
    with watch.paused():  # From 12 to 17.
        pass
    assert watch.seconds == 18.0 - 10.0 - 5.0


def test_agreement_and_divergence_from_a_teacher_by_hand() -> None:
    even, sure = np.log(np.array([[0.5, 0.5], [0.5, 0.5]])), np.log(np.array([[0.25, 0.75], [0.75, 0.25]]))
    found = against_teacher(even, sure)
    assert found["agreement"] == 0.5
    assert found["hard_ce"] == pytest.approx(math.log(2))
    assert found["kl"] == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))
    assert against_teacher(sure, sure) == pytest.approx({"agreement": 1.0, "kl": 0.0, "hard_ce": -math.log(0.75)})


def test_held_back_texts_leave_the_transfer_set_with_the_labels_that_the_study_hides(document: dict[str, Any]) -> None:
    corpus = load_corpus(Study(document).config.corpus)
    assert len(corpus.transfer) >= 4
    labels = {text: place % 2 for place, text in enumerate(corpus.transfer.texts)}
    left, held = held_back(corpus, labels, 1, 2)
    assert len(left.transfer) == len(corpus.transfer) - 3
    assert {*left.transfer.texts, *held.signal, *held.truth.texts} == set(corpus.transfer.texts)
    assert held.truth.labels.tolist() == [labels[text] for text in held.truth.texts]
    with pytest.raises(CorpusError, match="only 0 transfer texts have a label"):
        held_back(corpus, {}, 1, 2)


def test_proposals_begin_as_a_search_does_and_are_the_same_however_many_are_taken(document: dict[str, Any]) -> None:
    study = Study(document)
    first = list(itertools.islice(proposals_of(study), 3))
    again = list(itertools.islice(proposals_of(study), 6))
    assert [one.config for one in again[:3]] == [one.config for one in first]
    assert [one.point for one in first] == ["student alone", "", ""]
    assert first[0].config.loss.is_plain
    assert not first[1].config.loss.is_plain
    assert len({one.config.model_dump_json() for one in again}) == 6


def test_a_folder_of_another_recording_is_refused(tmp_path: Path) -> None:
    claim(tmp_path, {"points": 16, "cpu": "a"})
    claim(tmp_path, {"points": 16, "cpu": "a"})
    with pytest.raises(StudyError, match="holds recordings with another points"):
        claim(tmp_path, {"points": 8, "cpu": "a"})


def test_a_recording_goes_on_where_it_stopped_and_is_read_back(document: dict[str, Any], tmp_path: Path) -> None:
    study = Study(document)
    data, held = small(30)

    class Bench:
        def of(self, config: TrialConfig) -> tuple[WorkerInputs, HeldBack]:
            return WorkerInputs(data, 0.1), held

    bench: Any = Bench()
    claim(tmp_path, {"document": study.document})
    options = argparse.Namespace(configurations=2, seeds=1, points=4)
    curves.record_all(study, bench, tmp_path, options)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    assert len(kept) == 3
    options.configurations = 3
    curves.record_all(study, bench, tmp_path, options)
    assert kept.items() <= {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}.items()
    table = read_table(tmp_path)
    assert len(table) == 4
    assert table.is_plain.tolist() == [True, False, False, False]
    pack(tmp_path, tmp_path / "packed.bin")
    packed = read_table(tmp_path / "packed.bin")
    assert packed.params == table.params
    assert np.array_equal(packed.curves["score"], table.curves["score"])
    assert json.loads((tmp_path / "about.json").read_text())["document"]["name"] == study.config.name


def test_a_proposal_stands_for_the_nearest_configuration_that_was_not_tried(document: dict[str, Any]) -> None:
    study = Study(document)
    rows = [one.params for one in itertools.islice(proposals_of(study), 1, 6)]
    nearest = Nearest(rows, distributions(study.space))
    for number, row in enumerate(rows):
        assert nearest.distances(row)[number] == 0
        assert (np.delete(nearest.distances(row), number) > 0).all()
