"""The next trials of Ray Tune: a searcher over a persistent Optuna study, which is the one truth about the search.

Ray's own OptunaSearch keeps its study in memory and pickles it from time to time, so that a killed driver loses or
repeats trials. Here each proposal and each end is in the study's journal at once; a later driver finds the finished
trials in it, and starts the interrupted ones again under their old numbers.
"""

from __future__ import annotations

import errno
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from ray.tune.search import Searcher

from distune.corpora.away import AwayError
from distune.corpora.disk import DiskError, refuse_full_disks
from distune.tuning.search.suggest import suggest
from distune.tuning.storage.ending import SEARCHED_S, searched_before_s, why_it_ends
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import (
    NAMED,
    PLAIN,
    Epoch,
    Observer,
    State,
    TrialRecord,
    read_records,
    to_record,
)
from distune.tuning.study.describe import HARD_LABEL_STUDENT
from distune.tuning.study.file import Study
from distune.tuning.study.points import midpoint, params_of
from distune.tuning.trial.config import TrialConfig

METRICS = ("score", "loss", "compressed_score")
HINT = ("latency_ms", "size_mb")


class Proposals(Searcher):  # type: ignore[misc]
    """Asks the study for configurations and tells it how trials end; call it from the driver's one thread."""

    def __init__(
        self, study: optuna.Study, journal: Journal, settings: Study, folder: Folder, observers: Sequence[Observer]
    ) -> None:
        super().__init__(metric="score", mode="max")
        search, space = settings.config.search, settings.space
        self._study = study
        self._journal = journal
        self._search, self._space = search, space
        self._folder = folder
        self._max_failures = settings.config.cluster.max_failures
        self._objectives = search.figures
        self._observers = tuple(observers)
        self._records: dict[str, TrialRecord] = {}
        self._trials: dict[str, Trial] = {}
        self._losses: dict[str, list[str]] = {}
        self.error: Exception | None = None
        """The reason that ended the search before its last trial."""
        known = study.get_trials(deepcopy=False)
        self._orphans = [trial for trial in known if trial.state == TrialState.RUNNING and to_record(trial)]
        finished = [record for record in read_records(study) if record.state != "running"]
        self.n_left = max(0, search.trials - len(finished))
        self.ended_early: str | None = None
        """Why no further trial is proposed though not all have been tried."""
        self._began_s, self._searched_before_s = time.monotonic(), searched_before_s(study)
        self._hints = {one.config.architecture(): _hint(one) for one in finished if one.latency_ms and one.size_mb}
        # Trials of an earlier study to start from have no configuration of this one.
        if not any(trial.state == TrialState.WAITING or "config" in trial.user_attrs for trial in known):
            name = {NAMED: HARD_LABEL_STUDENT} if settings.config.corpus.labelled == 0 else {}
            study.enqueue_trial({}, user_attrs={PLAIN: True, **name})
            for number, point in enumerate(search.points):
                params = params_of(space, point.part, f"search.first.{number}")
                study.enqueue_trial(params, user_attrs={NAMED: point.name})

    def _proposed(self, trial: Trial) -> TrialConfig:
        return TrialConfig.model_validate(suggest(self._space, trial))

    def _plain(self, trial: Trial) -> TrialConfig:
        """A student that learns from labels alone, as the plain twins of finalists do; of its loss nothing is proposed."""
        loss = TrialConfig.model_validate(midpoint(self._space)).plain().loss
        return TrialConfig.model_validate(suggest(self._space, trial, {"loss": loss.model_dump()})).plain()

    def is_over(self) -> bool:
        """Whether the search starts no trial. It still starts those that an interruption stopped, unless there is a
        request to finish."""
        if self.n_left <= 0:
            return True
        self.ended_early = why_it_ends(self._study, self._search, self._folder, self._searched_s())
        if self.ended_early and self._folder.finish.is_file():
            while self._orphans:
                self._give_up(self._orphans.pop(0))
        return self.ended_early is not None and not self._orphans

    def _searched_s(self) -> float:
        return self._searched_before_s + time.monotonic() - self._began_s

    def _give_up(self, frozen: FrozenTrial) -> None:
        """End a trial that ran when the search was interrupted and is not gone on with."""
        trial, record = Trial(self._study, frozen._trial_id), to_record(frozen)
        if record is None:
            return
        self.n_left -= 1
        record = replace(record, state="skipped", error=f"it had not ended when the search did: {self.ended_early}")
        for observer in self._observers:
            observer.started(record)
        self._end(trial, record)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The configuration of the next trial, with the latency and size of its architecture if they are known."""
        if self.error is not None or self._guarded(self.is_over) is not False:
            return str(Searcher.FINISHED)
        self.n_left -= 1
        proposed: dict[str, Any] | None = self._guarded(self._propose, trial_id)
        return str(Searcher.FINISHED) if proposed is None else proposed

    def _guarded(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Do something, but nothing more once that has failed: Ray Tune would take an error here, such as that of a
        full disk, for one of the trial. The trials that run then still run in a resumed search."""
        if self.error is None:
            try:
                return action(*arguments)
            except Exception as error:  # noqa: BLE001  (`run_search` raises it)
                self.error = error
        return None

    def _propose(self, trial_id: str) -> dict[str, Any]:
        if self._orphans:
            frozen = self._orphans.pop(0)
            trial = Trial(self._study, frozen._trial_id)
            record = to_record(frozen)
        else:
            trial = self._study.ask()
            config = self._plain(trial) if trial.user_attrs.get(PLAIN) else self._proposed(trial)
            trial.set_user_attr("config", config.model_dump(mode="json"))
            record = TrialRecord(number=trial.number, state="running", config=config, point=trial.user_attrs.get(NAMED))
        if record is None:
            raise RuntimeError(f"trial {trial.number} has no configuration")
        self._trials[trial_id], self._records[trial_id] = trial, record
        self._journal.flush()
        for observer in self._observers:
            observer.started(record)
        hint = self._hints.get(record.config.architecture())
        return {"number": record.number, "trial": record.config.model_dump(mode="json"), "hint": hint}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Follow an epoch's report."""
        self._guarded(self._absorb, trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the study how a trial ended: complete, pruned by the scheduler, infeasible, skipped or failed."""
        self._guarded(self._ended, trial_id, result or {}, error)

    def _ended(self, trial_id: str, result: dict[str, Any], error: bool) -> None:
        if "disk" in result:
            raise DiskError(errno.ENOSPC, result["disk"])
        if "away" in result:
            raise AwayError(result["away"])
        if error:
            refuse_full_disks([self._folder.place.path, Path(tempfile.gettempdir())])
        self._absorb(trial_id, result)
        trial, record = self._trials.pop(trial_id), self._records.pop(trial_id)
        message, skipped = result.get("failed"), result.get("skipped")
        if error and not message:
            message = self._loss(trial_id)
            self._keep_where_no_log_is(record, message)
        if message:
            message = f"{message.rstrip()}\nlog: {self._folder.trial(record.number).log}"
        state: State = "pruned"
        if message:
            state = "failed"
        elif skipped:
            state, message = "skipped", skipped
        elif result.get("infeasible"):
            state = "infeasible"
            trial.set_constraint("latency_ms", float(result["over_budget_ms"]))
        elif record.epochs >= record.config.epochs:
            state = "complete"
        self._end(trial, replace(record, state=state, error=message))

    def _end(self, trial: Trial, record: TrialRecord) -> None:
        self._tell(trial, record)
        self._folder.trial(record.number).training.delete()  # There is no further attempt.
        for observer in self._observers:
            observer.ended(record)

    def lost(self, trial_id: str, why: str) -> None:
        """The worker of a trial was lost, which is begun again up to `max_failures` times."""
        self._losses.setdefault(trial_id, []).append(why)

    def _loss(self, trial_id: str) -> str:
        reasons = self._losses.pop(trial_id, [])
        n_attempts = max(1, len(reasons))
        counted = f"its worker was lost {n_attempts} {'times' if n_attempts > 1 else 'time'}"
        why = "; ".join(dict.fromkeys(reasons)) or "Ray does not say why"
        return f"{counted} (max_failures={self._max_failures}): {why}"

    def _keep_where_no_log_is(self, record: TrialRecord, message: str) -> None:
        """A worker that was never started has written no log."""
        log = self._folder.trial(record.number).log
        if not log.is_file():
            log.write_text(f"{message}\n")

    def _absorb(self, trial_id: str, result: dict[str, Any]) -> None:
        record = self._records[trial_id]
        if all(name in result for name in HINT):
            record = replace(record, latency_ms=float(result["latency_ms"]), size_mb=float(result["size_mb"]))
            self._hints[record.config.architecture()] = _hint(record)
        epoch = result.get("epoch", 0)
        if epoch > record.epochs:
            # What a compressed student reaches is what counts of it, not what it reached before.
            best = result["best_score"]
            score = float(result.get("compressed_score", best))
            point = Epoch(epoch, float(result["score"]), float(result["loss"]))
            record = replace(record, epochs=epoch, score=score, curve=(*record.curve, point))
            metrics = {name: float(result[name]) for name in METRICS if name in result}
            for observer in self._observers:
                observer.reported(record.number, metrics, epoch)
        self._records[trial_id] = record

    def _tell(self, trial: Trial, record: TrialRecord) -> None:
        for name in ("state", "score", *HINT, "epochs", "error"):
            trial.set_user_attr(name, getattr(record, name))
        trial.set_user_attr("curve", [astuple(epoch) for epoch in record.curve])
        if record.state == "complete":
            self._study.tell(trial, [getattr(record, name) for name in self._objectives])
        else:
            # An early-stopped trial's score is of another epoch than that of complete ones: Optuna ranks pruned
            # trials behind them, and does not compare the two.
            says_nothing = record.state in ("failed", "skipped")
            self._study.tell(trial, state=TrialState.FAIL if says_nothing else TrialState.PRUNED)
        self._study.set_user_attr(SEARCHED_S, self._searched_s())
        self._journal.flush()

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles its tuner in order to restore it; ours is made anew from the journal, and the observers hold
        # connections that no pickle can.
        return {"_metric": self._metric, "_mode": self._mode}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's journal holds everything already."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study's journal holds everything already."""

    def get_state(self) -> dict[str, Any]:
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Nothing: the study's journal holds everything already."""


def _hint(record: TrialRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in HINT}
