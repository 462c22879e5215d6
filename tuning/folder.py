"""The folder of one search: where it is, how far it came, which MLflow run is its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from corpora.teacher_logits import CacheKey
from tuning.faults import StudyError
from tuning.study import Study

ENDED = "ended"


@dataclass(frozen=True)
class Folder:
    """The folder of one search; `search.json` in it names its MLflow run and says how far it came."""

    path: Path

    @property
    def state(self) -> dict[str, Any]:
        file = self.path / "search.json"
        state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return state

    def claim(self, key: CacheKey) -> None:
        """Bind the search to a corpus and a teacher; raises StudyError where a resumed search had others."""
        fingerprints = {"corpus": key.corpus, "teacher": key.teacher}
        for name, fingerprint in fingerprints.items():
            if self.state.get(name, fingerprint) != fingerprint:
                raise StudyError(f"--resume: the {name} has changed since the search in {self.path} began; "
                                 "start a new search without --resume")  # fmt: skip
        self.update(**fingerprints)

    def update(self, **values: Any) -> None:
        (self.path / "search.json").write_text(json.dumps(self.state | values, indent=1) + "\n", encoding="utf-8")


def search_folders(study: Study) -> list[Folder]:
    """The folders of all searches of a study, the oldest first."""
    return searches_of(study.config.storage, study.config.name)


def searches_of(storage: Path, name: str) -> list[Folder]:
    """The same, by the name of the study."""
    root = storage / "searches" / name
    return [Folder(path) for path in sorted(root.glob("[0-9]*"), key=lambda path: int(path.name))]


def new_folder(study: Study) -> Folder:
    """The folder of a new search, numbered; nothing of earlier ones is overwritten."""
    folders = search_folders(study)
    number = int(folders[-1].path.name) + 1 if folders else 1
    path = study.config.storage / "searches" / study.config.name / str(number)
    path.mkdir(parents=True)
    (path / "study.yaml").write_text(dump(study.document), encoding="utf-8")
    return Folder(path)


def unfinished_folder(study: Study) -> Folder:
    """The folder of the last search, which `--resume` goes on with.

    Raises StudyError where there is none, where it has ended, and where the study has changed since.
    """
    folders = search_folders(study)
    if not folders:
        raise StudyError(f"--resume: there is no search of {study.config.name} in {study.config.storage} yet")
    last = folders[-1]
    if last.state.get("state") == ENDED:
        raise StudyError(f"--resume: the last search of {study.config.name} has ended; its results are in {last.path}")
    if (last.path / "study.yaml").read_text(encoding="utf-8") != dump(study.document):
        raise StudyError(f"--resume: the study has changed since its search began; {last.path / 'study.yaml'} "
                         "is what it was; start a new search without --resume")  # fmt: skip
    return last


def dump(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
