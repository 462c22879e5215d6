"""`distune trial`: one trial in this process, without Ray, for a first look and for the debugger."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from distune.models.errors import first_line
from distune.tuning.search.plugged import plugs_in
from distune.tuning.search.preparation import prepare
from distune.tuning.search.reading import read_study
from distune.tuning.search.worker import WorkerInputs, hint_for
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, runnable
from distune.tuning.study.points import flatten, midpoint
from distune.tuning.study.rule import teacher_ratio
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.run import EpochReport, TrialResult, run_trial

_log = logging.getLogger(__name__)


def run_single(study: Study) -> TrialResult:
    """Run the trial in which each choice takes its first value and each range its middle, and log how it goes."""
    study = runnable(study)
    config = TrialConfig.model_validate(midpoint(study.space))
    prepared = prepare(read_study(study, only=config))
    inputs, metric = prepared.of(config), study.config.metric.title
    for line in what_differs(config):
        _log.info(line)
    with _told_in_a_line(study):
        hint = hint_for(config, WorkerInputs.of(inputs))
    _log.info(
        f"teacher: dev {metric} {prepared.teacher_score:.4f}; student: about {hint['latency_ms']:.3f} ms from raw text to label, {hint['size_mb']:.1f} MB"
    )

    def report(epoch: EpochReport) -> None:
        _log.info(f"epoch {epoch.epoch}/{config.epochs}: loss {epoch.loss:.4f}, dev {metric} {epoch.score:.4f}")

    with _told_in_a_line(study):
        result = run_trial(config, inputs.data, report)
    kept = teacher_ratio(result.score, prepared.teacher_score)
    shown = "but there is no part of the teacher's to keep" if kept is None else f"{100 * kept:.1f} % of the teacher's"
    _log.info(f"best: epoch {result.best_epoch}, dev {metric} {result.score:.4f}, {shown}")
    return result


def what_differs(config: TrialConfig) -> list[str]:
    """A line for each setting that is not its default, and for the kind of each part that has one, the kind first; then how many others there are."""
    every = flatten(config.model_dump(mode="json"))
    other = flatten(config.model_dump(mode="json", exclude_defaults=True))
    parts = {"student.", *(path[: path.rfind(".") + 1] for path in other if "." in path)}
    shown = {path: value for path, value in every.items() if path in other or path in {f"{part}kind" for part in parts}}
    of_part = [path.rpartition(".")[0] for path in shown]
    ordered = sorted(shown, key=lambda path: (of_part.index(path.rpartition(".")[0]), not path.endswith(".kind")))
    lines = [f"  {path} = {shown[path]}" for path in ordered]
    return [*lines, f"  the other {len(every) - len(shown)} settings have their defaults"]


@contextmanager
def _told_in_a_line(study: Study) -> Iterator[None]:
    """Raises StudyError for a loss that does not stay finite, and for whatever the code of a plug raises."""
    try:
        yield
    except FloatingPointError as error:
        raise StudyError(f"the trial failed: {error}") from error
    except Exception as error:
        plugged = ", ".join(f"{kinds.part} {kind}" for kinds, kind, _ in plugs_in(study))
        if not plugged:
            raise
        raise StudyError(
            f"the trial failed: {type(error).__name__}: {first_line(error)} (plugged in: {plugged})"
        ) from error
