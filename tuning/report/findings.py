"""What a search has found, read back from its folder: what its page, its pictures and a comparison are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distune.corpora.kept import read_text
from distune.corpora.places import Place
from distune.tuning.champion.answers import Answers, read_answers
from distune.tuning.champion.results import Results, read_results
from distune.tuning.search.importance import Importance, importances_of
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, read_journal
from distune.tuning.storage.searches import last_search
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, kept_study, load_study


@dataclass(frozen=True, kw_only=True)
class Findings:
    """One search; `results` and `answers` are None where it has not come to them, `answers` also in an old one."""

    study: Study
    folder: Folder
    state: dict[str, Any]
    records: tuple[TrialRecord, ...]
    mattered: tuple[Importance, ...]
    results: Results | None
    answers: Answers | None
    card: str | None

    @property
    def name(self) -> str:
        return self.study.config.name


def find_search(reference: str, overrides: Sequence[str] = ()) -> tuple[Study, Folder]:
    """The study and the folder of a search: the last one of a study file, or that of a folder of results (a path or URI).

    Raises StudyError for what is neither, and for a study that has not been searched yet.
    """
    place = Place(reference)
    if "://" not in reference and not Path(reference).is_dir():
        study = load_study(Path(reference), overrides)
        return study, last_search(study)
    if overrides:
        raise StudyError(f"--set goes with a study file, but {reference} is a folder of results")
    if not (place / "study.yaml").is_file() or not (place / "search.json").is_file():
        raise StudyError(
            f"{reference} is no folder of a search, such as STORAGE/searches/NAME/1: it lacks study.yaml or search.json"
        )
    return kept_study(place / "study.yaml"), Folder(place)


def read_findings(study: Study, folder: Folder) -> Findings:
    """Everything that the folder of a search has now."""
    optuna_study, records = read_journal(study.config, folder)
    answers, card = folder.place / "answers.parquet", folder.place / "champion" / "README.md"
    return Findings(
        study=study,
        folder=folder,
        state=folder.state,
        records=tuple(records),
        mattered=tuple(importances_of(optuna_study, study.config.search, folder)),
        results=read_results(folder),
        answers=read_answers(answers) if answers.is_file() else None,
        card=read_text(card, "distune pull takes the champion as it was registered") if card.is_file() else None,
    )
