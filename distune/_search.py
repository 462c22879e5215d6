"""Studies and searches from Python: what the commands of the same names do."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, document_of, set_at, with_document

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from distune.tuning.storage.paths import Folder
    from distune.tuning.trial.run import TrialResult

OF_A_DICT = "; distune.load_study(...) makes a study of a file or a dict"


def load_study(source: str | Path | Mapping[str, Any], **settings: Any) -> Study:
    """Read the study in a YAML file or a dict; `settings` replace single ones by their dotted path.

    Raises StudyError, whose message has a line for each fault.

        study = distune.load_study("study.yaml", **{"search.trials": 16, "search.seed": 8})
    """
    if isinstance(source, Study):
        raise StudyError("load_study takes a study file or a dict, but got a Study: pass its .document")
    if not isinstance(source, str | Path | Mapping):
        raise StudyError(f"load_study takes a study file or a dict, but got {_shown(source)}")
    document = document_of(source if isinstance(source, Mapping) else Path(source))
    for path, value in settings.items():
        set_at(document, path, value)
    return Study(document)


def check(study: Study) -> str:
    """Refuse a study that would stop later, and say what it will do.

    The text that is returned names the classes, says how each file was read, and what was assumed. Nothing is written. Raises
    StudyError, CorpusError, ModelError or CheckpointError.

        print(distune.check(study))
    """
    _be_study(study, "check")
    from distune.tuning.checks import check

    return check(study)


@dataclass(frozen=True)
class Found:
    """The results of a search. Each is read from the search's folder when you use it.

    found = distune.results("study.yaml")
    found.front[["trial", "latency_ms"]]
    """

    study: Study
    """The study that was searched."""
    folder: str
    """The folder of the search: a path or a URI."""

    @property
    def champion(self) -> str:
        """The champion's checkpoint folder. Raises StudyError if the search has none."""
        place = self._place.place / "champion"
        if not (place / "labels.json").is_file():
            raise StudyError(f"the search in {self.folder} has no champion; its table says how far it came")
        return str(place)

    @property
    def table(self) -> str:
        """The table that ended the search; empty before its end."""
        return self._place.table.read_text() if self._place.table.is_file() else ""

    @property
    def trials(self) -> pd.DataFrame:
        """A row for each trial: its state, whether it is on the Pareto front, and its score on dev under the name of the
        metric. Then follow the hint of its latency in ms, its size in MB, and every setting by its dotted path."""
        import pandas as pd

        from distune.tuning.report.terminal import trial_rows
        from distune.tuning.storage.records import records_in

        return pd.DataFrame(trial_rows(records_in(self.study.config, self._place), self.study.config.metric))

    @property
    def front(self) -> pd.DataFrame:
        """The trials on the Pareto front of the score on dev and latency, the fastest first."""
        trials = self.trials
        return trials[trials["on_front"]].sort_values("latency_ms") if len(trials) else trials

    @property
    def _place(self) -> Folder:
        from distune.corpora.places import Place
        from distune.tuning.storage.paths import Folder

        return Folder(Place(self.folder))

    def __repr__(self) -> str:
        return f"Found(study={self.study.config.name!r}, folder={self.folder!r})"


def search(study: Study, resume: bool = False, force: bool = False) -> Found:
    """Search, retrain the finalists, time them, pick the champion and register it, as `distune search` does.

    `resume` continues the last search of the study, even after its end if the study now has more trials. `force` starts
    another search while one runs; without it this is refused.

    Raises StudyError, CorpusError or ModelError for unusable input, before anything is trained. Raises NoChampionError at
    the end if no student meets the rule.

        found = distune.search(study)
        print(found.table)
        student = distune.load(found)
    """
    _be_study(study, "search")
    from distune.tuning.session import search

    with _lines_and_console() as console:
        return Found(study, str(search(study, console, resume, force)))


def results(source: str | Path | Study) -> Found:
    """Read the results of a study's last search, or of the search in a folder; it also works while the search runs.

    Raises StudyError for a study that has not been searched yet.

        distune.results("study.yaml").trials
    """
    if isinstance(source, Study):
        from distune.tuning.storage.searches import last_search
        from distune.tuning.study.file import kept_study

        folder = last_search(source)
        return Found(kept_study(folder.study_file), str(folder))
    if not isinstance(source, str | Path):
        raise StudyError(
            f"results takes a study, a study file or the folder of a search, but got {_shown(source)}"
            f"{OF_A_DICT if isinstance(source, Mapping) else ''}"
        )
    from distune.tuning.storage.searches import find_search

    study, folder = find_search(str(source))
    return Found(study, str(folder))


def run_trial(study: Study, **settings: Any) -> TrialResult:
    """Train one student in this process, without Ray, as `distune trial` does.

    `settings` replace parts of the study's `trial`. Choices that are left in it take their first value, and ranges take
    their middle. Returns the trained student with its score on dev, by the study's metric. Raises StudyError for settings that no trial can
    have.

        result = distune.run_trial(study, student={"kind": "average"}, epochs=2)
        result.score
    """
    _be_study(study, "run_trial")
    from distune.tuning.search.single import run_single

    document = document_of(study.document)
    for path, value in settings.items():
        set_at(document, f"trial.{path}", value)
    with _lines_and_console():
        return run_single(with_document(study, document))


def _be_study(study: Any, function: str) -> None:
    if not isinstance(study, Study):
        hint = OF_A_DICT if isinstance(study, str | Path | Mapping) else ""
        raise StudyError(f"{function} takes a study, but got {_shown(study)}{hint}")


def _shown(value: Any) -> str:
    """A value in a few words on one line."""
    return "None" if value is None else f"{type(value).__name__} {' '.join(reprlib.repr(value).split())}"


@contextmanager
def _lines_and_console() -> Iterator[Console]:
    """A console to draw on, as a terminal or a notebook shows it. Lines for people are printed on it too, unless
    they go to a handler of the user."""
    from rich.console import Console

    from distune.tuning.report.lines import lines_where_they_go

    console = Console()
    with lines_where_they_go(console):
        yield console
