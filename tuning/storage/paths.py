"""The places of everything in the storage of a study, and the folder of one search.

The layout is the same on a disk and behind a URI:

    teachers/TEACHER/            a trained teacher in transformers' format, or students; trained.json is written last
    logits/TEACHER-CORPUS/       teacher logits: shards and their checksums, index.npy, manifest.json (written last)
    augmented/NAME.parquet       augmented texts
    vectors/NAME/                the states of a teacher for a vocabulary: states.npy, about.json (written last)
    searches/STUDY/N/            one search, numbered
      study.yaml                 the study file of this search
      search.json                its MLflow run, its fingerprints (corpus, labels, teacher), and its progress
      driver.json                the process that runs it now
      finish                     exists after a request to start no further trial
      journal/                   the Optuna study
      trials/NUMBER/             the worker's log.txt; training.safetensors (the last epoch) until the trial ends; skip after a request
      finalists/NUMBER/          checkpoints of the finalists
      champion/                  the champion's checkpoint
      results.json, table.txt    the results
      importance.json            which settings mattered, written when the search ends
      answers.parquet            the answers of champion and teacher on the test texts
      report.html, pictures/     the results as a page, and each picture as HTML and PNG
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from distune.corpora.away import PATIENCE_S
from distune.corpora.kept import read_object
from distune.corpora.places import Place
from distune.tuning.study.bounded_yaml import dump_yaml
from distune.tuning.study.errors import StudyError

ENDED = "ended"
BOUND_TO = {
    "corpus": "the corpus has",
    "answers": "the labels of dev or test have",
    "train": "the labels of train have",
    "files": "a file that trial names (vectors, a dictionary, a tokenizer, a plugin) has",
    "teacher": "the teacher has",
}
"""The fingerprints that bind a search: their keys in `search.json`, and words for them."""


@dataclass(frozen=True)
class Layout:
    """The folders of a storage."""

    root: Place

    @property
    def logits(self) -> Place:
        return self.root / "logits"

    def trained(self, teacher: str) -> Place:
        return self.root / "teachers" / teacher

    def augmented(self, name: str) -> Place:
        return self.root / "augmented" / f"{name}.parquet"

    def vectors(self, name: str) -> Place:
        return self.root / "vectors" / name

    def searches(self, study: str) -> Place:
        return self.root / "searches" / study

    def beginning(self, study: str) -> Place:
        """The lease of the driver that prepares a search which has no folder yet."""
        return self.root / "searches" / f".beginning-{study}.json"


@dataclass(frozen=True)
class Folder:
    """The folder of one search; `search.json` in it names its MLflow run and says how far it came."""

    place: Place

    def __str__(self) -> str:
        return str(self.place)

    def patient(self) -> Folder:
        """The same folder for a search that has begun: a storage that is away for some minutes does not end it."""
        return Folder(replace(self.place, patience_s=PATIENCE_S))

    @property
    def journal(self) -> Place:
        return self.place / "journal"

    @property
    def driver(self) -> Place:
        return self.place / "driver.json"

    @property
    def finish(self) -> Place:
        return self.place / "finish"

    @property
    def study_file(self) -> Place:
        return self.place / "study.yaml"

    @property
    def table(self) -> Place:
        return self.place / "table.txt"

    @property
    def importance(self) -> Place:
        return self.place / "importance.json"

    @property
    def answers(self) -> Place:
        """The answers of champion and teacher on the test texts."""
        return self.place / "answers.parquet"

    @property
    def report(self) -> Place:
        return self.place / "report.html"

    @property
    def pictures(self) -> Place:
        return self.place / "pictures"

    @property
    def trials(self) -> Place:
        return self.place / "trials"

    def trial(self, number: int) -> TrialPlace:
        return TrialPlace(self.trials / str(number))

    @property
    def state(self) -> dict[str, Any]:
        file = self.place / "search.json"
        return read_object(file, "start a new search") if file.is_file() else {}

    def claim(self, fingerprints: Mapping[str, str]) -> None:
        """Bind the search to what it reads, a fingerprint for each key of BOUND_TO; raises StudyError if a resumed
        search read something else, or does not say what."""
        state = self.state
        if not state and self.journal.names():  # It is there before the first trial.
            raise StudyError(
                f"--resume: {self.place / 'search.json'} is missing, which says what the trials of its search are bound to; put it "
                "back, or start a new search without --resume"
            )
        for name, what in BOUND_TO.items():
            if "corpus" in state and name not in state:
                raise StudyError(
                    f"--resume: the search in {self} was begun by an older Distune, which did not keep whether {what} changed; "
                    "start a new search without --resume"
                )
            if state.get(name, fingerprints[name]) != fingerprints[name]:
                raise StudyError(
                    f"--resume: {what} changed since the search in {self} began; start a new search without --resume"
                )
        self.update(**{name: fingerprints[name] for name in BOUND_TO})

    def end(self) -> None:
        """The search has come to its end, with a champion or without."""
        self.update(state=ENDED, ended_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")

    def update(self, **values: Any) -> None:
        (self.place / "search.json").write_text(json.dumps(self.state | values, indent=1) + "\n")


@dataclass(frozen=True)
class TrialPlace:
    """The files of the workers of one trial: its log, and the training after the last epoch."""

    place: Place

    @property
    def log(self) -> Place:
        return self.place / "log.txt"

    @property
    def training(self) -> Place:
        return self.place / "training.safetensors"

    @property
    def timed_out(self) -> Place:
        return self.place / "timed-out"

    @property
    def skip(self) -> Place:
        return self.place / "skip"


def dump(document: dict[str, Any]) -> str:
    return f"{dump_yaml(document)}\n"
