"""The finalists and the teacher timed in one run, on whichever machine is kept free for it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distune.corpora.scratch import scratch_folder
from distune.models.predictor import FILES
from distune.models.teacher.teacher import Teacher
from distune.tuning.speed.contenders import onnx_contender, teacher_contender, torch_contender
from distune.tuning.speed.figures import Latency
from distune.tuning.speed.latency import Contender, cpu_name, time_contenders

PACKAGES = ("torch", "ray", "optuna", "mlflow", "transformers", "onnxruntime", "jieba", "gensim", "numpy")


@dataclass(frozen=True)
class TimingJob:
    """What is timed: checkpoint folders by name, each as its files, the teachers together, and real texts."""

    checkpoints: Mapping[str, Mapping[str, bytes]]
    teachers: Sequence[Teacher]
    texts: Sequence[str]
    seed: int


@dataclass(frozen=True)
class Timed:
    """The latency of each checkpoint by its name, of `NAME torch` and of `teacher`; on which CPU of which machine, and with
    which versions of the packages."""

    latencies: dict[str, Latency]
    cpu: str
    host: str
    versions: dict[str, str]


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of what a checkpoint answers with: its own package is not asked here."""
    return {name: (folder / name).read_bytes() for name in FILES}


def time_here(job: TimingJob) -> Timed:
    """Time everything on this machine, in this process; call it with nothing else running."""
    with scratch_folder() as scratch:
        contenders: dict[str, Contender] = {}
        for name, files in job.checkpoints.items():
            folder = scratch / name
            folder.mkdir()
            for file, content in files.items():
                (folder / file).write_bytes(content)
            contenders |= {name: onnx_contender(folder), f"{name} torch": torch_contender(folder)}
        if job.teachers:
            contenders["teacher"] = teacher_contender(*job.teachers)
        return Timed(time_contenders(contenders, job.texts, job.seed), cpu_name(), platform.node(), versions())


def versions() -> dict[str, str]:
    """The versions of the packages that a search's results depend on."""
    there = [name for name in PACKAGES if importlib.util.find_spec(name) is not None]
    return {name: importlib.metadata.version(name) for name in there}
