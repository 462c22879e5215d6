"""MLflow: one parent run for each search, one child run for each trial. One writer: the driver.

MLflow is known here, in `registry.py`, and in `pyfunc_model.py`, which travels with the model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from distune.corpora.disk import disk_error
from distune.corpora.scratch import scratch_folder
from distune.tuning.search.importance import Importance
from distune.tuning.speed.timing import versions
from distune.tuning.storage.records import TrialRecord
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.points import flatten
from distune.tuning.study.rule import teacher_ratio
from distune.tuning.tracking.entries import DataSource, SearchEnd, SearchStart, trial_note
from distune.tuning.tracking.schema import sqlite_file
from distune.tuning.tracking.store import make_store, quiet_mlflow
from distune.tuning.tracking.view import NOTE, source_tags, trial_name, view_tags

PARENT = "mlflow.parentRunId"
NUMBER = "distune.trial"
STATE = "distune.state"
STATUS = {
    "complete": "FINISHED",
    "pruned": "FINISHED",
    "infeasible": "FINISHED",
    "failed": "FAILED",
    "skipped": "KILLED",
}


class Tracker:
    """The runs of one search; an observer of it. A resumed search goes on in the runs that it has."""

    def __init__(self, config: StudyConfig, teacher_score: float, run_id: str | None = None) -> None:
        quiet_mlflow()
        make_store(config.tracking.store)
        self._client = MlflowClient(config.tracking.store)
        self._teacher_score = teacher_score
        self._study, self._metric = config.name, config.metric.kind
        self._source = source_tags()
        self._experiment_id = _experiment(self._client, config)
        self._children: dict[int, str] = {}
        self._begun: set[int] = set()
        self._known_epochs: dict[int, int] = {}
        if run_id is None:
            tags = {"distune.study": config.name, **self._source}
            run = self._client.create_run(self._experiment_id, run_name=config.name, tags=tags)
            run_id = run.info.run_id
        self.run_id: str = run_id
        for name, value in view_tags(int(time.time() * 1000), self._metric).items():
            self._client.set_experiment_tag(self._experiment_id, name, value)
        for child in self._child_runs():
            self._children[int(child.data.tags[NUMBER])] = child.info.run_id
        self._client.update_run(run_id, status="RUNNING")

    def _child_runs(self) -> Sequence[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], f"tags.`{PARENT}` = '{self.run_id}'", max_results=1000, page_token=token
            )
            found += page
            token = page.token
            if not token:
                return found

    def describe(self, document: str, opening: SearchStart) -> None:
        """Keep the study file, the versions of the packages, and what is known at the beginning."""
        self._client.log_text(self.run_id, document, "study.yaml")
        self._client.log_dict(self.run_id, versions(), "packages.json")
        self._client.log_inputs(self.run_id, [_dataset(source) for source in opening.sources])
        self._tag(self.run_id, {**opening.tags, NOTE: opening.note})

    def started(self, record: TrialRecord) -> None:
        """Open the child run of a trial, or go on in the one it had before its driver was killed."""
        if record.number in self._begun and record.number not in self._children:
            # The server went away in the middle of this: whether it made the run is for it to say.
            self._children |= {int(run.data.tags[NUMBER]): run.info.run_id for run in self._child_runs()}
        self._begun.add(record.number)
        if record.number in self._children:
            run_id = self._children[record.number]
            self._client.update_run(run_id, status="RUNNING")
            known = self._client.get_metric_history(run_id, f"epoch/{self._metric}")
            self._known_epochs[record.number] = max((point.step for point in known), default=0)
            return
        tags = {PARENT: self.run_id, NUMBER: str(record.number), STATE: "running", **self._source}
        name = trial_name(self._study, replace(record, state="running"))
        run = self._client.create_run(self._experiment_id, run_name=name, tags=tags)
        params = flatten(record.config.model_dump(mode="json"))
        self._client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in params.items()])
        self._children[record.number] = run.info.run_id

    def reported(self, number: int, metrics: dict[str, float], epoch: int) -> None:
        """Keep an epoch's metrics; of the metric `accuracy` the curve is `epoch/accuracy`, and the trial's own score `accuracy`.

        A driver that was killed may have told of an epoch that its trial then went through once more.
        """
        if epoch > self._known_epochs.get(number, 0):
            self._log(
                self._children[number],
                {f"epoch/{name.replace('score', self._metric)}": value for name, value in metrics.items()},
                epoch,
            )

    def ended(self, record: TrialRecord) -> None:
        """Close the child run of a trial, with its state and, if it failed, the traceback."""
        run_id = self._children[record.number]
        known = {
            self._metric: record.score,
            "latency_ms": record.latency_ms,
            "size_mb": record.size_mb,
            "teacher_ratio": None if record.score is None else teacher_ratio(record.score, self._teacher_score),
        }
        metrics = {name: value for name, value in known.items() if value is not None}
        self._log(run_id, metrics, 0, {STATE: record.state, NOTE: trial_note(record)})
        self._client.update_run(run_id, name=trial_name(self._study, record))
        if record.error:
            self._client.log_text(run_id, record.error, "traceback.txt")
        self._client.set_terminated(run_id, STATUS[record.state])

    def reconcile(self, records: Sequence[TrialRecord]) -> None:
        """Complete the child runs of finished trials that a kill left open or unmade; the study is the truth."""
        still_open = {int(run.data.tags[NUMBER]) for run in self._child_runs() if run.info.status == "RUNNING"}
        for record in records:
            is_told = record.number in self._children and record.number not in still_open
            if record.state == "running" or is_told:
                continue
            self.started(record)
            for epoch in record.curve:
                self.reported(record.number, {"score": epoch.score, "loss": epoch.loss}, epoch.number)
            self.ended(record)

    def log_results(self, closing: SearchEnd, folder: Path) -> None:
        """Keep the finalists' figures in their trials' runs, and the table and results of the search in its own, with a note
        for its readers."""
        self._log(self.run_id, closing.metrics, 0, {**closing.tags, NOTE: closing.note})
        self._client.update_run(self.run_id, name=closing.name)
        for number, name in closing.trial_names.items():
            self._client.update_run(self._children[number], name=name)
        for number in closing.trial_metrics.keys() | closing.trial_tags.keys():
            values, tags = closing.trial_metrics.get(number, {}), closing.trial_tags.get(number, {})
            self._log(self._children[number], values, 0, tags)
        for name in ("results.json", "table.txt"):
            self._client.log_artifact(self.run_id, str(folder / name))

    def link_model(self, number: int, model_id: str, metrics: Mapping[str, float]) -> None:
        """Record that a logged model is the result of a trial, and its figures; only once, also in a resumed search."""
        outputs = self._client.get_run(self._children[number]).outputs
        if outputs is not None and any(one.model_id == model_id for one in outputs.model_outputs):
            return
        # Last, as it says that the metrics are there.
        for name, value in metrics.items():
            self._client.log_metric(self._children[number], name, value, model_id=model_id)
        self._client.log_outputs(self._children[number], [LoggedModelOutput(model_id, 0)])

    def note(self, text: str) -> None:
        self._tag(self.run_id, {NOTE: text})

    def log_files(self, files: Mapping[str, bytes]) -> None:
        """Keep files by their names, which may have a folder."""
        with scratch_folder() as scratch:
            for name, content in files.items():
                (scratch / name).parent.mkdir(exist_ok=True)
                (scratch / name).write_bytes(content)
            self._client.log_artifacts(self.run_id, str(scratch))

    def log_importances(self, found: Sequence[Importance]) -> None:
        """Keep what mattered: all of it as a file, and the shares among all trials as metrics of the search."""
        self._client.log_dict(self.run_id, {"importances": [asdict(one) for one in found]}, "importances.json")
        for one in found:
            if not one.group:
                # MLflow takes no @ in the name of a metric.
                shares = {f"importance/{one.objective}/{name.replace('@', '/')}": s for name, s in one.shares.items()}
                self._log(self.run_id, shares, 0)

    def _log(self, run_id: str, metrics: Mapping[str, float], step: int, tags: Mapping[str, str] | None = None) -> None:
        now = int(time.time() * 1000)
        points = [Metric(key, float(value), now, step) for key, value in metrics.items()]
        self._client.log_batch(run_id, points, tags=[RunTag(key, value) for key, value in (tags or {}).items()])

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def close(self, status: str) -> None:
        """End the parent run (`FINISHED`, `FAILED` or `KILLED`); child runs still open were cut off with it."""
        if status != "FINISHED":
            for run in self._child_runs():
                if run.info.status == "RUNNING":
                    self._client.set_terminated(run.info.run_id, "KILLED")
        self._client.set_terminated(self.run_id, status)


def is_away(error: Exception) -> bool:
    """Whether a call may work when it is made again: the server or its database does not answer, for now. A disk of this
    machine that is full takes nothing later either, unless somebody makes room."""
    if disk_error(error, Path()) is not None:
        return False
    if isinstance(error, MlflowException):
        return str(error.error_code) in (
            "INTERNAL_ERROR",
            "TEMPORARILY_UNAVAILABLE",
            "DEADLINE_EXCEEDED",  # 504
            "REQUEST_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",  # 429, where the answer is not MLflow's own
            "ABORTED",
        )
    return isinstance(error, OSError)


def _dataset(source: DataSource) -> DatasetInput:
    columns = [{"name": name, **kind} for name, kind in source.columns.items()]
    scheme = source.uri.split("://", 1)[0] if "://" in source.uri else "local"
    dataset = Dataset(
        source.name,
        source.digest,
        scheme,
        json.dumps({"uri": source.uri}),
        json.dumps({"mlflow_colspec": columns}),
        json.dumps(source.profile, ensure_ascii=False),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", source.context)])


def _experiment(client: MlflowClient, config: StudyConfig) -> str:
    experiment = client.get_experiment_by_name(config.name)
    if experiment is not None:
        return str(experiment.experiment_id)
    place = None
    if database := sqlite_file(config.tracking.store):
        # Beside the database and absolute, so that the UI finds artifacts from wherever it is started.
        place = (database.absolute().parent / "mlartifacts").as_uri()
    try:
        return str(client.create_experiment(config.name, artifact_location=place))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return _experiment(client, config)  # Another search of this study has made it meanwhile.
