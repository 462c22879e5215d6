"""What a search has found, read back from its folder: what its page, its pictures and a comparison are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from distune.tuning.champion.answers import Answers, read_answers
from distune.tuning.champion.results import Results, parse_results
from distune.tuning.search.importance import Importance, importances_of
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import TrialRecord, open_study, read_records
from distune.tuning.study.file import Study


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


def read_findings(study: Study, folder: Folder) -> Findings:
    """Everything that the folder of a search has now."""
    optuna_study = open_study(study.config, Journal(folder.journal))
    results, answers, card = (folder.place / name for name in ("results.json", "answers.parquet", "champion"))
    return Findings(
        study=study,
        folder=folder,
        state=folder.state,
        records=tuple(read_records(optuna_study)),
        mattered=tuple(importances_of(optuna_study, study.config.search, folder)),
        results=parse_results(json.loads(results.read_text())) if results.is_file() else None,
        answers=read_answers(answers) if answers.is_file() else None,
        card=(card / "README.md").read_text() if (card / "README.md").is_file() else None,
    )
