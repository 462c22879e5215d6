"""What a search has found, read back from its folder: what its page, its pictures and a comparison are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpora.places import Place
from tuning.answers import Answers, read_answers
from tuning.faults import StudyError
from tuning.folder import Folder
from tuning.importance import Importance, importances
from tuning.journal import Journal
from tuning.latency import Latency
from tuning.records import TrialRecord, open_study, read_records
from tuning.report import Column, Quality, Spread
from tuning.results import last_search
from tuning.study import Study, load_study, parse_study, parse_yaml
from tuning.trial import TrialConfig


@dataclass(frozen=True)
class FinalStudent:
    """A finalist as it was measured: dev accuracies of its seeds and of its plain twins', and its latency as it is served."""

    trial: int
    config: TrialConfig
    dev_accuracy: tuple[float, ...]
    plain_dev_accuracy: tuple[float, ...]
    latency: Latency
    size_mb: float | None


@dataclass(frozen=True)
class Results:
    """What a search that has come to its end found; `columns` are those of its table.

    What results of an older Distune do not say is empty.
    """

    rule: str
    teacher: str
    champion: int | None
    ratio: float | None
    columns: tuple[Column, Column, Column]
    finalists: tuple[FinalStudent, ...]
    cpu: str
    host: str
    timed_texts: int | None
    texts: dict[str, int]
    versions: dict[str, str]

    @property
    def shown(self) -> FinalStudent:
        """The champion, or the nearest to it: the first of the finalists."""
        return next((one for one in self.finalists if one.trial == self.champion), self.finalists[0])


@dataclass(frozen=True)
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


def searched(reference: str, overrides: Sequence[str] = ()) -> tuple[Study, Folder]:
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
        raise StudyError(f"{reference} is no folder of a search, such as STORAGE/searches/NAME/1: it lacks study.yaml or "
                         "search.json")  # fmt: skip
    return parse_study(parse_yaml((place / "study.yaml").read_text())), Folder(place)


def read_findings(study: Study, folder: Folder) -> Findings:
    """Everything that the folder of a search has now."""
    search = study.config.search
    optuna_study = open_study(study.config, Journal(folder.journal))
    results, answers, card = (folder.place / name for name in ("results.json", "answers.parquet", "champion"))
    return Findings(
        study, folder, folder.state, tuple(read_records(optuna_study)),
        tuple(importances(optuna_study, search.objectives, search.importance)),
        parse_results(json.loads(results.read_text())) if results.is_file() else None,
        read_answers(answers) if answers.is_file() else None,
        (card / "README.md").read_text() if (card / "README.md").is_file() else None,
    )  # fmt: skip


def parse_results(raw: dict[str, Any]) -> Results:
    """The results in a parsed `results.json`, also of searches that kept less in it."""
    finalists = tuple(
        FinalStudent(
            one["trial"], TrialConfig.model_validate(one["config"]), tuple(one["dev_accuracy"]),
            tuple(one["plain_dev_accuracy"]), _latency(one["onnxruntime"]), one.get("size_mb"),
        )
        for one in raw["finalists"]
    )  # fmt: skip
    teacher, alone, distilled = (_column(one) for one in raw["columns"])
    described = raw["teacher"].get("description", "its logits came as a file that says no more")
    return Results(
        raw["rule"], described, raw["champion"], raw["distillation_ratio"], (teacher, alone, distilled), finalists,
        raw["cpu"], raw.get("timed_on", ""), raw.get("timed_texts"), raw.get("texts", {}), raw.get("versions", {}),
    )  # fmt: skip


def _column(raw: dict[str, Any]) -> Column:
    spreads: dict[str, Any] = {name: Spread(**value) if value else None for name, value in raw["quality"].items()}
    latency = _latency(raw["latency"]) if raw["latency"] else None
    return Column(raw["name"], Quality(**spreads), raw["n_parameters"], raw["size_mb"], latency)


def _latency(raw: dict[str, Any]) -> Latency:
    return Latency(**{**raw, "quantiles_ms": tuple(raw.get("quantiles_ms", ()))})
