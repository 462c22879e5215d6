"""The search: Ray Tune runs trials over the cluster, Optuna proposes them, ASHA stops the hopeless ones."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from cluster.connection import ClusterConfig, n_slots
from models.compressed import compress
from models.compression.trained import Material, Trained
from models.student import build_student
from tuning.faults import StudyError
from tuning.folder import Folder, searches_of
from tuning.latency import network_hint_ms
from tuning.points import distributions, params_of, suggest
from tuning.preparation import Inputs, Prepared, inputs_key
from tuning.proposals import Proposals
from tuning.records import Observer, TrialRecord, open_study, read_records, study_url
from tuning.study import SearchConfig, StudyConfig
from tuning.trial import EpochReport, TrialConfig, rows_of, run_trial

FAR_OVER_BUDGET = 2.0
"""A hint shares its cores with other trials: only one that is over the budget so many times is believed."""


def run_search(prepared: Prepared, folder: Path, observers: Sequence[Observer]) -> list[TrialRecord]:
    """Run the trials that are still to be run, on the connected cluster, and return all records.

    A search that was interrupted, by Ctrl-C or a kill, goes on where it stopped. A trial that fails is recorded and
    does not end the search.
    """
    config = prepared.study.config
    study = open_study(config, folder)
    if config.search.warm_start and not study.get_trials(deepcopy=False):
        study.add_trials(earlier_trials(prepared))
    study.sampler = sampler(config.search, n_known=len(study.get_trials(deepcopy=False)))
    proposals = Proposals(study, prepared.study.space, config.search, observers)
    if proposals.n_left:
        _tuner(prepared, proposals, folder, proposals.n_left).fit()
    return read_records(study)


def sampler(search: SearchConfig, n_known: int) -> optuna.samplers.BaseSampler:
    """Who proposes, of Optuna's samplers."""
    # Seeded by what is known already: a resumed search must not draw its first proposals once more.
    seed = search.seed + n_known
    n_startup = min(10, max(4, search.trials // 4))
    builders: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed, n_startup_trials=n_startup),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=min(50, max(8, search.trials // 4)), seed=seed),
        # It models what all trials share; what belongs to one branch it draws at random, which need not be warned of.
        "gp": lambda: optuna.samplers.GPSampler(seed=seed, n_startup_trials=n_startup, warn_independent_sampling=False),
        "random": lambda: optuna.samplers.RandomSampler(seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return builders[search.sampler]()


def earlier_folder(config: StudyConfig, corpus: str) -> Folder:
    """The last search of the study to start from; raises StudyError when it has none on the corpus of this fingerprint."""
    name = str(config.search.warm_start)
    folders = searches_of(config.storage, name)
    if not folders:
        raise StudyError(f"search.warm_start: {name} has not been searched yet (nothing in {config.storage})")
    if folders[-1].state.get("corpus") != corpus:
        raise StudyError(f"search.warm_start: {name} was searched on another corpus; its accuracies say nothing here")
    return folders[-1]


def earlier_trials(prepared: Prepared) -> list[optuna.trial.FrozenTrial]:
    """The complete trials of the study to start from, as far as they lie in this study's space.

    Raises StudyError when that study has no search on this corpus.
    """
    config, space = prepared.study.config, prepared.study.space
    folder = earlier_folder(config, prepared.corpus.fingerprint)
    earlier = optuna.load_study(study_name=config.search.warm_start, storage=study_url(folder.path))
    every_distribution = distributions(space)
    found = []
    for record in read_records(earlier):
        values = [getattr(record, objective) for objective in config.search.objectives]
        try:
            params = params_of(space, record.config.model_dump(mode="json"), "", whole=True)
            same = TrialConfig.model_validate(suggest(space, optuna.trial.FixedTrial(params))) == record.config
        except (StudyError, ValueError):
            continue
        if same and record.state == "complete" and None not in values:
            kinds = {name: every_distribution[name] for name in params}
            found.append(optuna.create_trial(params=params, distributions=kinds, values=values))
    return found


def _tuner(prepared: Prepared, proposals: Proposals, folder: Path, n_trials: int) -> tune.Tuner:
    # A trial that failed or is infeasible reports no accuracy.
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"
    config = prepared.study.config
    shipped = {key: _Shipped(inputs) for key, inputs in prepared.inputs.items()}
    trainable = tune.with_parameters(
        _trial_on_worker, inputs=shipped, budget_ms=config.champion.max_latency_ms, cluster=config.cluster
    )
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": config.cluster.cpus_per_trial, "gpu": config.cluster.gpus_per_trial}),
        tune_config=tune.TuneConfig(
            search_alg=proposals,
            scheduler=_scheduler(config, prepared),
            num_samples=n_trials,
            max_concurrent_trials=n_slots(config.cluster),
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(name="ray", storage_path=str(folder.resolve()), verbose=0),
    )


def _scheduler(config: StudyConfig, prepared: Prepared) -> TrialScheduler:
    if config.search.scheduler == "none":
        return FIFOScheduler()
    max_epochs = max(_epochs(prepared))
    return ASHAScheduler(
        time_attr="epoch", metric="accuracy", mode="max", max_t=max_epochs,
        grace_period=min(config.search.grace_epochs, max_epochs), reduction_factor=config.search.reduction_factor,
    )  # fmt: skip


def _epochs(prepared: Prepared) -> tuple[int, ...]:
    """The epochs that a trial may have."""
    leaf: Any = prepared.study.space.root.get("epochs", TrialConfig.model_fields["epochs"].default)
    return (leaf,) if isinstance(leaf, int) else tuple(leaf.values)


class _Shipped:
    """What travels to the workers of an `Inputs`: the data, without the encoder."""

    def __init__(self, inputs: Inputs) -> None:
        self.data = inputs.data
        self.encode_ms = inputs.encode_ms


def _trial_on_worker(
    proposal: dict[str, Any], inputs: dict[str, _Shipped], budget_ms: float | None, cluster: ClusterConfig
) -> None:
    """One trial in a Ray worker. A failure is reported and not raised, so that the worker serves the next trial."""
    torch.set_num_threads(max(1, int(cluster.cpus_per_trial)))
    try:
        config = TrialConfig.model_validate(proposal["trial"])
        shipped = inputs[inputs_key(config)]
        latency_ms = proposal["hint_ms"] or shipped.encode_ms + hint_ms(config, shipped.data)
        if budget_ms is not None and latency_ms > FAR_OVER_BUDGET * budget_ms:
            tune.report({"infeasible": True, "latency_ms": latency_ms, "over_budget_ms": latency_ms - budget_ms})
            return

        def report(epoch: EpochReport) -> None:
            metrics = {"epoch": epoch.epoch, "loss": epoch.loss, "accuracy": epoch.accuracy, "latency_ms": latency_ms}
            if epoch.graph is not None:
                metrics["compressed_accuracy"] = float(epoch.compressed_accuracy or 0.0)
                metrics["latency_ms"] = shipped.encode_ms + network_hint_ms(epoch.graph, rows_of(shipped.data.dev))
            tune.report(metrics)

        run_trial(config, shipped.data, report)
    except Exception:  # noqa: BLE001  (whatever it is, it is this trial's failure and no other's)
        tune.report({"failed": traceback.format_exc()})


def hint_ms(config: TrialConfig, data: Any) -> float:
    """Milliseconds of the network that a configuration describes, before it is trained."""
    untrained = Trained(build_student(config.student, data.vectors, data.n_classes).eval(), config.student)
    compressed = compress(untrained, [config.compression], Material(rows_of(data.train)))
    return network_hint_ms(compressed.graph, rows_of(data.dev))
