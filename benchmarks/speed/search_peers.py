"""The same search as people would run it without Distune: each trains the network of `benchmarks/speed/training_peers.py` with Adam."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.speed.teacher_cache import MAX_LENGTH, fillings
from benchmarks.speed.training_peers import BATCH, OF_TRAINER, WARMUP, Plain, Task, accuracy
from distune.models.teacher.teacher import Teacher, load_teacher
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData

HIDDEN = 64
RATES, WEIGHTS, TEMPERATURES = (1e-3, 1e-2), (0.5, 1.0), (1.0, 8.0)
Ask = Callable[[Sequence[int]], object]


@dataclass(frozen=True)
class Given:
    """What every search is given: the data with its logits, and the teacher that answers the texts of its rows."""

    data: TrialData
    texts: Sequence[str]
    teacher: Teacher
    folder: Path
    """The teacher's folder."""
    epochs: int
    n_trials: int
    n_workers: int


@dataclass(frozen=True)
class Point(Task):
    """A task with the settings that are searched."""

    learning_rate: float
    kd_weight: float
    temperature: float

    @property
    def config(self) -> TrialConfig:
        loss = {"kd_weight": self.kd_weight, "teacher_term": {"kind": "kl", "temperature": self.temperature}}
        student = {"kind": "bilstm", "hidden_size": self.hidden}
        return TrialConfig.model_validate({"student": student, "loss": loss})


def train(point: Point, ask: Ask = lambda rows: None) -> float:
    """A plain loop, in shuffled batches padded to their longest; `ask` is called with the rows of each."""
    torch.manual_seed(point.seed)
    model, rng, n_rows = Plain(point).train(), np.random.default_rng(point.seed), len(point.data.train)
    adam = torch.optim.Adam(model.parameters(), lr=point.learning_rate)
    rates = torch.optim.lr_scheduler.LambdaLR(adam, point.schedule.factor)
    for _ in range(point.epochs):
        order = rng.permutation(n_rows)
        for start in range(0, n_rows, BATCH):
            rows = order[start : start + BATCH]
            ask(rows)
            loss = model(**point.batch(rows))["loss"]
            adam.zero_grad()
            loss.backward()
            adam.step()
            rates.step()
    return accuracy(model, point.data)


def teacher_in_the_loop(given: Given) -> list[float]:
    """Ray Tune: each trial loads the teacher and asks it for every batch; settings are drawn at random."""
    from ray import init, put, shutdown, tune

    init("local", num_cpus=given.n_workers, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    os.environ |= {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}
    data, texts, folder, epochs = put(given.data), list(given.texts), str(given.folder), given.epochs

    def trial(config: dict[str, float]) -> None:
        from ray import get

        torch.set_num_threads(1)
        teacher, rows_of = load_teacher(folder, MAX_LENGTH), texts

        @torch.inference_mode()
        def ask(rows: Sequence[int]) -> object:
            batch = [rows_of[row] for row in rows]
            inputs = teacher.tokenizer(batch, truncation=True, max_length=MAX_LENGTH, padding=True, return_tensors="pt")
            return teacher.models[0](**inputs).logits

        tune.report({"accuracy": train(Point(get(data), HIDDEN, epochs, 1, **config), ask)})

    space = {
        "learning_rate": tune.loguniform(*RATES),
        "kd_weight": tune.uniform(*WEIGHTS),
        "temperature": tune.loguniform(*TEMPERATURES),
    }
    try:
        with tempfile.TemporaryDirectory() as scratch:
            tuner = tune.Tuner(
                tune.with_resources(trial, {"cpu": 1}),
                param_space=space,
                tune_config=tune.TuneConfig(num_samples=given.n_trials, metric="accuracy", mode="max"),
                run_config=tune.RunConfig(storage_path=scratch, verbose=0),
            )
            return [float(one.metrics["accuracy"]) for one in tuner.fit() if one.metrics]
    finally:
        shutdown()


def suggested(trial: Any) -> dict[str, float]:
    """Settings that Optuna proposes."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", *RATES, log=True),
        "kd_weight": trial.suggest_float("kd_weight", *WEIGHTS),
        "temperature": trial.suggest_float("temperature", *TEMPERATURES, log=True),
    }


def _optimize(data: TrialData, epochs: int, path: str, n_trials: int) -> None:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name="plain", storage=optuna.storages.JournalStorage(JournalFileBackend(path)))
    study.optimize(lambda trial: train(Point(data, HIDDEN, epochs, 1, **suggested(trial))), n_trials=n_trials)


def plain_optuna(given: Given) -> list[float]:
    """`optuna.optimize` on logits that a plain loop has cached, in a process for each core by joblib, over one journal."""
    import optuna
    from joblib import Parallel, delayed
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    fillings(given.teacher, given.texts)["plain loop"]()
    shares = [
        len(range(worker, given.n_trials, given.n_workers)) for worker in range(min(given.n_workers, given.n_trials))
    ]
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "journal.log")
        storage = optuna.storages.JournalStorage(JournalFileBackend(path))
        study = optuna.create_study(study_name="plain", storage=storage, direction="maximize")
        Parallel(n_jobs=len(shares))(delayed(_optimize)(given.data, given.epochs, path, share) for share in shares)
        return [float(trial.value) for trial in study.trials if trial.value is not None]


def _compute(answers: Any) -> dict[str, float]:
    logits = answers.predictions[0] if isinstance(answers.predictions, tuple) else answers.predictions
    return {"accuracy": float((logits.argmax(1) == answers.label_ids).mean())}


class _Rows:
    """Batches of train rows, or of dev rows, which lie after them."""

    def __init__(self, task: Task) -> None:
        self.task, self.n_train = task, len(task.data.train)

    def __call__(self, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        if rows[0] < self.n_train:
            return self.task.batch(rows)
        data = self.task.data
        dev = [torch.from_numpy(data.dev[row - self.n_train].astype(np.int64)) for row in rows]
        labels = torch.from_numpy(data.dev_labels[np.array(rows) - self.n_train])
        teacher = torch.zeros(len(rows), data.n_classes)
        ids = torch.nn.utils.rnn.pad_sequence(dev, batch_first=True)
        return {
            "token_ids": ids,
            "lengths": torch.tensor([len(one) for one in dev]),
            "teacher": teacher,
            "labels": labels,
        }


def _model(data: TrialData, epochs: int, trial: Any) -> Plain:
    if trial is None:
        settings = {"learning_rate": RATES[0], "kd_weight": WEIGHTS[1], "temperature": TEMPERATURES[0]}
    elif isinstance(trial, dict):
        settings = {name: trial[name] for name in ("learning_rate", "kd_weight", "temperature")}
    else:
        settings = suggested(trial)
    return Plain(Point(data, HIDDEN, epochs, 1, **settings))


def hf_trainer(given: Given, backend: str) -> list[float]:
    """`Trainer.hyperparameter_search` on logits that a plain loop has cached: by Optuna in this process, or by Ray over the cores."""
    import transformers
    from accelerate.state import GradientState

    fillings(given.teacher, given.texts)["plain loop"]()
    # It is of the process: what an earlier trainer has left there cannot be pickled, and Ray would fail at its next start too.
    GradientState._reset_state()
    task = Task(given.data, HIDDEN, given.epochs, 1)
    n_train, n_dev = len(given.data.train), len(given.data.dev)
    found: list[float] = []
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        settings = transformers.TrainingArguments(
            scratch,
            per_device_eval_batch_size=BATCH,
            num_train_epochs=given.epochs,
            warmup_steps=int(WARMUP * task.schedule.n_steps),
            label_names=["labels"],
            **OF_TRAINER,
        )
        made = transformers.Trainer(
            None,
            settings,
            train_dataset=list(range(n_train)),
            eval_dataset=list(range(n_train, n_train + n_dev)),
            data_collator=_Rows(task),
            model_init=partial(_model, given.data, given.epochs),
            compute_metrics=_compute,
        )

        def objective(metrics: dict[str, float]) -> float:
            found.append(metrics["eval_accuracy"])
            return metrics["eval_accuracy"]

        if backend == "optuna":
            torch.set_num_threads(given.n_workers)
            made.hyperparameter_search(suggested, objective, given.n_trials, "maximize", backend="optuna")
            torch.set_num_threads(1)
            return found
        return _by_ray(made, given, scratch)


def _by_ray(made: Any, given: Given, scratch: str) -> list[float]:
    from ray import init, shutdown, tune

    space = {
        "learning_rate": tune.loguniform(*RATES),
        "kd_weight": tune.uniform(*WEIGHTS),
        "temperature": tune.loguniform(*TEMPERATURES),
    }
    init("local", num_cpus=given.n_workers, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    try:
        best = made.hyperparameter_search(
            lambda trial: space,
            lambda metrics: metrics["eval_accuracy"],
            given.n_trials,
            "maximize",
            backend="ray",
            resources_per_trial={"cpu": 1},
            storage_path=scratch,
            verbose=0,
        )
        results = best.run_summary.results.values()
        return [float(one["objective"]) for one in results if "objective" in one]
    finally:
        shutdown()


Search = Callable[[Given], list[float]]
PEERS: dict[str, Search] = {
    "ray tune, teacher in the loop": teacher_in_the_loop,
    "optuna, cached logits": plain_optuna,
    "trainer, optuna": partial(hf_trainer, backend="optuna"),
    "trainer, ray": partial(hf_trainer, backend="ray"),
}


def missing() -> dict[str, str]:
    """The peers that are left out, each with the package that is not installed."""
    if importlib.util.find_spec("accelerate"):
        return {}
    return {name: "accelerate" for name in PEERS if name.startswith("trainer")}
