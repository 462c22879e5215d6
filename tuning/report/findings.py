"""The results of a search, read back from its folder: the data of its page, its pictures and a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distune.corpora.kept import read_text
from distune.tuning.champion.answers import Answers, read_answers
from distune.tuning.champion.results import Results, read_results
from distune.tuning.search.importance import Importance, importances_of
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, read_journal
from distune.tuning.study.file import Study


@dataclass(frozen=True, kw_only=True)
class Findings:
    """One search; `results` and `answers` are None if it has not come to them, `answers` also in an old one."""

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


def read_findings(study: Study, folder: Folder) -> Findings:
    """Everything that the folder of a search has now."""
    optuna_study, records = read_journal(study.config, folder)
    card = folder.place / "champion" / "README.md"
    return Findings(
        study=study,
        folder=folder,
        state=folder.state,
        records=tuple(records),
        mattered=tuple(importances_of(optuna_study, study.config, folder)),
        results=read_results(folder),
        answers=read_answers(folder.answers) if folder.answers.is_file() else None,
        card=read_text(card, "distune pull takes the champion as it was registered") if card.is_file() else None,
    )
