"""The search: Ray Tune runs trials over the cluster, Optuna proposes them, ASHA stops the hopeless ones."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from ray import tune

from distune._digits import is_whole
from distune._plural import n_of
from distune.cluster.connection import n_slots
from distune.corpora.scratch import scratch_folder
from distune.tuning.search.lost_trials import losses_begin_trials_again, telling
from distune.tuning.search.proposals import Proposals
from distune.tuning.search.samplers import sampler
from distune.tuning.search.stopping import scheduler_of
from distune.tuning.search.suggest import distributions, suggest
from distune.tuning.search.worker import Assignment, WorkerInputs, trial_on_worker
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import Observer, TrialRecord, count_done, open_study, read_records
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.points import params_of
from distune.tuning.study.space import Space
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs

_log = logging.getLogger(__name__)


def run_search(
    study: Study,
    inputs: Mapping[str, Inputs],
    folder: Folder,
    observers: Sequence[Observer],
    earlier: Folder | None = None,
) -> list[TrialRecord]:
    """Run the remaining trials on the connected cluster, and return all records.

    `inputs` are by `inputs_key`; `earlier` is the search that this one starts from, if it has no trial yet.
    A search that was interrupted, by Ctrl-C or a kill, continues where it stopped, its trials after their last epoch. A
    trial that fails is recorded and does not end the search. `search.json` says why it ends before its last trial.
    Raises KeyboardInterrupt when it is interrupted.
    """
    config = study.config
    journal = Journal(folder.journal)
    optuna_study = open_study(config, journal)
    forget_lost_trials(folder, n_known=len(optuna_study.get_trials(deepcopy=False)))
    if earlier and not optuna_study.get_trials(deepcopy=False):
        optuna_study.add_trials(earlier_trials(study, earlier))
    optuna_study.sampler = sampler(config.search, n_known=len(optuna_study.get_trials(deepcopy=False)))
    proposals = Proposals(optuna_study, journal, study, folder, observers)
    if not proposals.is_over():
        with interruptible(), scratch_folder() as scratch, losses_begin_trials_again():
            _tuner(study, inputs, proposals, folder, scratch).fit()
        if proposals.error is not None:
            raise proposals.error
    records = read_records(optuna_study)
    if proposals.ended_early is None and count_done(records) < config.search.trials:
        raise KeyboardInterrupt
    folder.update(ended_early=proposals.ended_early)
    return records


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt at its end where Ray Tune ended its run for a Ctrl-C.

    Ray takes the signal for itself, gives it back when it has come, and keeps it when it has not: a Ctrl-C in a later
    phase would have no effect.
    """
    if threading.current_thread() is not threading.main_thread():  # There Ray leaves signals alone.
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "0"
    try:
        yield
        was_given_back = signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, before)
    if was_given_back:
        raise KeyboardInterrupt


def forget_lost_trials(folder: Folder, n_known: int) -> None:
    """Print the trials that have a log and no entry in the journal, for example after the loss of its last segments.
    The trainings that they kept do not belong to the trials that get their numbers."""
    lost = sorted(int(name) for name in folder.trials.names() if is_whole(name) and int(name) >= n_known)
    if lost:
        _log.info(
            f"the journal of {folder} ends before trial {lost[0]}: of {n_of(len(lost), 'trial')} there is a log and nothing else; others "
            "are run under their numbers"
        )
    for number in lost:
        folder.trial(number).training.delete()
        folder.trial(number).timed_out.delete()
        folder.trial(number).skip.delete()


def earlier_trials(study: Study, folder: Folder) -> list[optuna.trial.FrozenTrial]:
    """The complete trials of the search to start from, whose folder is given, as far as they lie in this study's space."""
    config, space = study.config, study.space
    earlier = optuna.load_study(
        study_name=config.search.warm_start, storage=optuna.storages.JournalStorage(Journal(folder.journal))
    )
    every_distribution = distributions(space)
    found = []
    for record in read_records(earlier):
        values = [getattr(record, objective) for objective in config.search.figures]
        try:
            params = params_of(space, record.config.model_dump(mode="json"), "", whole=True)
            same = TrialConfig.model_validate(suggest(space, optuna.trial.FixedTrial(params))) == record.config
        except (StudyError, ValueError):
            continue
        if same and record.state == "complete" and None not in values:
            kinds = {name: every_distribution[name] for name in params}
            found.append(optuna.create_trial(params=params, distributions=kinds, values=values))
    return found


class _OnError(tune.Stopper):  # type: ignore[misc]
    """Ends all trials once the search cannot be kept any longer."""

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self.stop_all()

    def stop_all(self) -> bool:
        return self._proposals.error is not None


def _tuner(
    study: Study, inputs: Mapping[str, Inputs], proposals: Proposals, folder: Folder, scratch: Path
) -> tune.Tuner:
    """Ray's own files go into `scratch`: nothing is read back from them, as the study holds the search, and the trials'
    folders the trainings."""
    os.environ |= {
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # A trial that failed or is infeasible reports no score.
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    }
    # They print pages of what `Proposals` is told of, or of what Ray could not write into `scratch`.
    for name in ("ray.tune.tune", "ray.tune.execution.tune_controller"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config = study.config
    cluster = config.cluster
    shipped = {key: WorkerInputs.of(one) for key, one in inputs.items()}
    assignment = Assignment(
        folder=folder,
        threads=cluster.threads,
        budget_ms=config.champion.max_latency_ms,
        timeout_s=cluster.trial_timeout_s,
        plugs=study.plugs,
    )
    trainable = tune.with_parameters(trial_on_worker, inputs=shipped, assignment=assignment)
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": cluster.cpus_per_trial, "gpu": cluster.gpus}),
        tune_config=tune.TuneConfig(
            search_alg=proposals,
            scheduler=telling(scheduler_of(config.search, max(_epochs(study.space))), proposals.lost),
            num_samples=proposals.n_left,
            max_concurrent_trials=n_slots(cluster),
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(scratch),
            verbose=0,
            stop=_OnError(proposals),
            failure_config=tune.FailureConfig(max_failures=cluster.max_failures),
        ),
    )


def _epochs(space: Space) -> tuple[int, ...]:
    """The epochs that a trial may have."""
    leaf: Any = space.root.get("epochs", TrialConfig.model_fields["epochs"].default)
    return (leaf,) if isinstance(leaf, int) else tuple(leaf.values)
