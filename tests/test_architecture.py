"""The house keeps its plan: leaves do not know each other, and each vendor has one door."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAVES = ("corpora", "models", "losses", "cluster")
DOORS = {
    "jieba": {"corpora/encoding.py", "corpora/augment.py"},
    "rjieba": {"corpora/encoding.py"},
    "tokenizers": {"corpora/encoding.py"},
    "pyarrow": {
        "corpora/decoding.py",
        "corpora/logits_export.py",
        "corpora/matrices.py",
        "corpora/table_file.py",
        "corpora/augment.py",
        "corpora/places.py",
        "tuning/answers.py",
    },
    "transformers": {
        "models/classifier_loading.py",
        "models/heads.py",
        "models/lora.py",
        "models/teacher.py",
        "models/teacher_on_cpu.py",
        "models/teacher_training.py",
        "models/tokenizing.py",
    },
    "peft": {"models/lora.py"},
    "gensim": {"models/word_vectors.py", "models/keyed_vectors.py"},
    "onnxruntime": {"models/predictor.py", "models/compression/int8.py"},
    "optuna": {
        "tuning/points.py",
        "tuning/importance.py",
        "tuning/journal.py",
        "tuning/records.py",
        "tuning/proposals.py",
        "tuning/search.py",
        "tuning/window.py",
        "tuning/pictures_search.py",
    },
    "ray": {
        "cluster/client.py",
        "cluster/connection.py",
        "cluster/jobs.py",
        "cluster/tasks.py",
        "tuning/proposals.py",
        "tuning/search.py",
        "tuning/worker.py",
    },
    "scipy": {"tuning/assignment.py"},
    "starlette": {"tuning/serving.py"},
    "uvicorn": {"tuning/serving.py"},
    "plotly": {
        "tuning/comparing.py",
        "tuning/look.py",
        "tuning/page.py",
        "tuning/pictures.py",
        "tuning/pictures_front.py",
        "tuning/pictures_model.py",
        "tuning/pictures_search.py",
    },
    "kaleido": {"tuning/pictures.py"},
    "jinja2": {"tuning/page.py"},
    "mlflow": {"tuning/registry.py", "tuning/tracking.py", "tuning/pyfunc_model.py"},
}
TRAVELLERS = ("corpora/encoding.py", "models/predictor.py", "tuning/pyfunc_model.py")


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def sources() -> dict[str, Path]:
    return {
        str(path.relative_to(ROOT)): path for folder in (*LEAVES, "tuning") for path in (ROOT / folder).rglob("*.py")
    }


def test_leaves_do_not_import_each_other() -> None:
    wrong = {
        (name, package)
        for name, path in sources().items()
        for package in imports(path) & {*LEAVES, "tuning"}
        if name.split("/")[0] in LEAVES and package != name.split("/")[0]
    }
    assert wrong == set()


def test_each_vendor_comes_in_by_its_door() -> None:
    wrong = {
        (name, vendor)
        for name, path in sources().items()
        for vendor in imports(path)
        if name not in DOORS.get(vendor, {name})
    }
    assert wrong == set()


def test_every_door_is_used() -> None:
    unused = {(vendor, name) for vendor, names in DOORS.items() for name in names if vendor not in imports(ROOT / name)}
    assert unused == set()


def test_files_that_travel_import_nothing_of_the_project() -> None:
    for name in TRAVELLERS:
        assert imports(ROOT / name) & {*LEAVES, "tuning"} == set(), name


def test_losses_know_torch_alone() -> None:
    allowed = {"torch", "pydantic", "losses", *sys.stdlib_module_names}
    for name, path in sources().items():
        if name.startswith("losses/"):
            assert imports(path) <= allowed, name


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent for name in (*LEAVES, "tuning") for path in (ROOT / name).rglob("*.py")}
    assert set(settings["tool"]["setuptools"]["packages"]) == {
        ".".join(folder.relative_to(ROOT).parts) for folder in folders
    }


def test_every_file_that_the_page_is_made_of_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    beside = {path.name for path in (ROOT / "tuning").iterdir() if path.is_file() and path.suffix != ".py"}
    assert set(settings["tool"]["setuptools"]["package-data"]["tuning"]) == beside == {"page.html", "page.js"}
