"""A pulled student in the hands of those who use it: each program of examples/use in a fresh environment that has what the
page says and nothing else. They are made by pip, from whatever registry it is set up for, at the versions of
requirements.lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from distune.cluster.programs import free_ports
from distune.corpora.encoding import load_encoder
from distune.models.answers import Answer
from distune.models.checkpoint import Checkpoint
from distune.models.compression.trained import Trained
from distune.models.predictor import Predictor
from distune.models.students.config import AverageConfig
from distune.tuning.tracking.registry import log_model, register
from tests.conftest import same_answers
from tests.making.candidates import GOOD
from tests.making.checkpoints import VOCABULARY, save_student, student_of
from tests.making.reviews import reviews

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "examples" / "use"
UNREACHABLE = ("connection broken by", "No matching distribution found")
TEXTS = [
    *(text for text, _ in reviews(20)),
    "好书ＡＢＣ，好酒店",
    "差" * 20,
    "",
    "  ",
    "\u2028好",
    "{}",
    "Ｕ盘 T恤 abc",
]
TOKENS = {"kind": "words", "segmenter": "jieba", "hmm": False, "user_words": [], "max_tokens": 9, "cut": "as_spelt"}
pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Fresh:
    """An environment of its own."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def install(self, *packages: str) -> None:
        """Skips the test where pip reaches no registry."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-compile"]
        done = subprocess.run(
            [*pip, "--retries=1", "--timeout=20", "--constraint", str(ROOT / "requirements.lock"), *packages],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        why = [line for line in done.stderr.splitlines() if any(sign in line for sign in UNREACHABLE)]
        if done.returncode and why:
            pytest.skip(f"pip reaches no registry that has {', '.join(packages)}: {why[0]}")
        assert done.returncode == 0, done.stderr

    def packages(self) -> set[str]:
        listed = [sys.executable, "-m", "pip", "--python", self.python, "list", "--format=json"]
        found = json.loads(subprocess.run(listed, capture_output=True, text=True, check=True).stdout)
        return {one["name"].lower() for one in found}

    def run(self, program: Path, *arguments: object, texts: Sequence[str] = TEXTS, **environment: str) -> str:
        """What a program prints, of this environment alone and from a folder that holds nothing."""
        done = subprocess.run(
            [self.python, str(program), *map(str, arguments)],
            input="".join(f"{text}\n" for text in texts),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder.parent,
            env=clean(**environment),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def clean(**more: str) -> dict[str, str]:
    """This process' environment without what points Python or MLflow to somewhere."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MLFLOW", "VIRTUAL_ENV"))
    }
    return {**kept, "NO_PROXY": "127.0.0.1", **more}


def fresh(folder: Path) -> Fresh:
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "environment")], check=True)
    return Fresh(folder / "environment")


@contextmanager
def listening(program: Sequence[str], path: str, cwd: Path, **environment: str) -> Iterator[str]:
    """A server at a free port, from when it answers at `path`; gives its address. Its log is in `cwd`."""
    (port,) = free_ports([0])
    address, log = f"http://127.0.0.1:{port}", cwd / f"{port}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*program, "--port", str(port)],
            stdout=out,
            stderr=out,
            cwd=cwd,
            env=clean(**environment),
            start_new_session=True,
        ) as process,
    ):
        try:
            for _ in range(3000):
                assert process.poll() is None, log.read_text()
                try:
                    urllib.request.urlopen(address + path).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.1)
            else:
                raise AssertionError(f"it does not answer: {log.read_text()}")
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("use")


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    config = AverageConfig(kind="average", hidden_layer=16)
    checkpoint = Checkpoint(
        trained=Trained(student_of(config), config),
        tokens=TOKENS,
        vocabulary=VOCABULARY,
        dimension=4,
        labels=("bad", "good"),
    )
    return save_student(checkpoint, root / "student", "# card\n")


@pytest.fixture(scope="module")
def answers(folder: Path) -> list[Answer]:
    return list(Predictor(folder, load_encoder(folder)).answers(TEXTS))


@pytest.fixture(scope="module")
def small(root: Path) -> Fresh:
    """What README.md says that a pulled student needs."""
    environment = fresh(root / "small")
    environment.install("onnxruntime", "numpy", "jieba")
    assert not environment.packages() & {"torch", "ray", "mlflow", "transformers", "distune", "pandas"}
    return environment


def test_the_folder_answers_by_its_own_program(small: Fresh, folder: Path, answers: list[Answer]) -> None:
    assert same_answers([json.loads(line) for line in small.run(folder).splitlines()], answers)


def test_ten_lines_answer_as_the_folder_does(small: Fresh, folder: Path, answers: list[Answer]) -> None:
    lines = [line.split() for line in small.run(PROGRAMS / "ten_lines.py", folder).splitlines()]
    assert [label for label, _ in lines] == [answer["label"] for answer in answers]
    expected = [answer["probabilities"][answer["label"]] for answer in answers]
    assert [float(probability) for _, probability in lines] == pytest.approx(expected, abs=2e-6)


def rows(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [
        {
            "label": one["label"],
            **{f"probability_{k}": p for k, p in one["probabilities"].items()},
            "has_known_token": one["has_known_token"],
        }
        for one in answers
    ]


def not_of_the_project(folder: str, names: list[str]) -> set[str]:
    """What stands in a clone beside the project: at its root what searches and builds leave, and hidden files everywhere."""
    left = {"data", "storage", "build", "mlruns"} if Path(folder) == ROOT else set()
    return {name for name in names if name in left or name.startswith(".") or name.endswith(".egg-info")}


def test_distune_serve_answers_where_only_its_extra_is_installed(
    small: Fresh, folder: Path, answers: list[Answer], root: Path
) -> None:
    source = root / "distune"
    shutil.copytree(ROOT, source, ignore=not_of_the_project)
    served = fresh(root / "served")
    served.install(f"{source}[serve]")
    assert not served.packages() & {"torch", "ray", "mlflow", "transformers", "rich", "pydantic"}
    program = [str(served.folder / "bin" / "distune"), "serve", str(folder)]
    with listening(program, "/health", root) as address:
        found = served.run(PROGRAMS / "ask_server.py", address)
    assert [json.loads(line) for line in found.splitlines()] == rows(answers)


@pytest.fixture(scope="module")
def registry(root: Path, folder: Path) -> Iterator[str]:
    """An MLflow server that has the student as `tiny-student@champion`."""
    place = root / "mlflow"
    place.mkdir()
    server = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{place / 'mlflow.db'}",
        "--artifacts-destination",
        str(place / "artifacts"),
    ]
    with listening(server, "/health", place) as address:
        run_id = mlflow.MlflowClient(address).create_run("0").info.run_id
        register(address, "tiny-student", log_model(address, run_id, folder, TEXTS[:2], 3), GOOD)
        yield address


@pytest.fixture(scope="module")
def with_mlflow(root: Path, registry: str) -> Fresh:
    """MLflow without its server, and what the model's own requirements name beside it."""
    version = mlflow.MlflowClient(registry).get_model_version_by_alias("tiny-student", "champion")
    mlflow.set_tracking_uri(registry)
    needs = Path(mlflow.pyfunc.get_model_dependencies(version.source, format="pip")).read_text().split()
    environment = fresh(root / "with_mlflow")
    environment.install("mlflow-skinny", *(need for need in needs if not need.startswith("mlflow")))
    assert not environment.packages() & {"torch", "ray", "transformers", "distune"}
    return environment


def test_mlflow_loads_the_champion_where_only_it_and_the_models_requirements_are_installed(
    with_mlflow: Fresh, registry: str, answers: list[Answer]
) -> None:
    found = with_mlflow.run(PROGRAMS / "with_mlflow.py", "tiny-student", MLFLOW_TRACKING_URI=registry)
    assert [json.loads(line) for line in found.splitlines()] == rows(answers)


def test_mlflow_serves_the_champion_to_the_same_client(
    with_mlflow: Fresh, registry: str, answers: list[Answer], root: Path
) -> None:
    program = [
        with_mlflow.python,
        "-m",
        "mlflow",
        "models",
        "serve",
        "--env-manager",
        "local",
        "--model-uri",
        "models:/tiny-student@champion",
    ]
    path = {"PATH": f"{with_mlflow.folder / 'bin'}:{os.environ['PATH']}"}
    with listening(program, "/ping", root, MLFLOW_TRACKING_URI=registry, **path) as address:
        found = with_mlflow.run(PROGRAMS / "ask_server.py", address)
    assert [json.loads(line) for line in found.splitlines()] == rows(answers)
