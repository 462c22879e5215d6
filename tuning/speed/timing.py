"""The finalists, the teacher and the present champion timed in one run, on whichever machine is kept free for it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distune.corpora.scratch import scratch_folder
from distune.models.checkpoint_folder import FILES
from distune.models.errors import first_line
from distune.models.teacher.teacher import Teacher
from distune.tuning.speed.contenders import is_multi_label, onnx_contender, teacher_contender, torch_contender
from distune.tuning.speed.figures import Latency, Load
from distune.tuning.speed.latency import Contender, cpu_name, time_contenders
from distune.tuning.speed.load import load_between, mark

PACKAGES = ("torch", "ray", "optuna", "mlflow", "transformers", "onnxruntime", "jieba", "gensim", "numpy")
PRESENT = "present champion"


@dataclass(frozen=True, kw_only=True)
class TimingJob:
    """The contenders of a timing: checkpoint folders by name, each as its files, the teachers together, and real
    texts. `present` are the files of the model that a finalist may replace."""

    checkpoints: Mapping[str, Mapping[str, bytes]]
    teachers: Sequence[Teacher]
    texts: Sequence[str]
    seed: int
    present: Mapping[str, bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Timed:
    """The latency of each checkpoint by its name, of `NAME torch`, of `teacher` and of PRESENT; also the CPU, the
    machine, its other work, and the versions of the packages. `fault` says why the present champion does not run."""

    latencies: dict[str, Latency]
    cpu: str
    host: str
    versions: dict[str, str]
    load: Load | None
    fault: str = ""


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of what a checkpoint answers with: its own package is not asked here."""
    return {name: (folder / name).read_bytes() for name in FILES}


def time_here(job: TimingJob) -> Timed:
    """Time everything on this machine, in this process; call it with nothing else running."""
    with scratch_folder() as scratch:
        contenders: dict[str, Contender] = {}
        of_several_labels = False
        for name, files in job.checkpoints.items():
            folder = _written(files, scratch / name)
            of_several_labels = is_multi_label(folder)  # One search has one task.
            contenders |= {name: onnx_contender(folder), f"{name} torch": torch_contender(folder)}
        if job.teachers:
            contenders["teacher"] = teacher_contender(*job.teachers, of_several_labels=of_several_labels)
        fault = ""
        if job.present is not None:
            try:
                contenders[PRESENT] = _that_answers(_written(job.present, scratch / PRESENT), job.texts[0])
            except Exception as error:  # noqa: BLE001  (whatever it is: the finalists are timed without it)
                fault = first_line(error)
        before = mark()
        latencies = time_contenders(contenders, job.texts, job.seed)
        load = load_between(before, mark())
    return Timed(latencies=latencies, cpu=cpu_name(), host=platform.node(), versions=versions(), load=load, fault=fault)


def _written(files: Mapping[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _that_answers(folder: Path, text: str) -> Contender:
    """A checkpoint that was made by another search, maybe by an older version, after it has answered once."""
    contender = onnx_contender(folder)
    contender.batch([text])
    return contender


def versions() -> dict[str, str]:
    """The versions of the packages that a search's results depend on."""
    there = [name for name in PACKAGES if importlib.util.find_spec(name) is not None]
    return {name: importlib.metadata.version(name) for name in there}
