"""The champion as an MLflow pyfunc: run by MLflow as code, with the checkpoint folder next to it, without this project.

It needs onnxruntime, numpy and what the folder's own package asks for; pandas comes with MLflow.
"""

import importlib.util
import sys
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pandas as pd


def _module(path: Path) -> ModuleType:
    """A program, or a package by its `__init__.py`, under a name of its own: two models in one process are two versions of it."""
    name = f"distune_student_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no program at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Its parts import each other by it.
    spec.loader.exec_module(module)
    return module


def _student(folder: Path) -> Any:
    package = folder / "distune_student" / "__init__.py"
    if package.is_file():
        return _module(package).load(folder)
    # A folder of an earlier version, registered now.
    return _module(folder / "predict.py").Predictor(folder, _module(folder / "encoding.py").load_encoder(folder))


class StudentModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A table with a column `text` in, and `text_b` if it is of pairs. Out comes a row for each, under its index: `label`, or `labels`, a list, if texts
    have several; one `probability_LABEL` for each label; and `has_known_token`."""

    def load_context(self, context: Any) -> None:
        self.predictor = _student(Path(context.artifacts["checkpoint"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        texts = list(model_input["text"])
        if getattr(self.predictor, "is_of_pairs", False):
            texts = list(zip(texts, model_input["text_b"], strict=True))
        answers = list(self.predictor.answers(texts))
        name = "labels" if getattr(self.predictor, "is_multi_label", False) else "label"
        columns: dict[str, list[Any]] = {name: [answer[name] for answer in answers]}
        for label in self.predictor.labels:
            columns[f"probability_{label}"] = [answer["probabilities"][label] for answer in answers]
        columns["has_known_token"] = [answer["has_known_token"] for answer in answers]
        return pd.DataFrame(columns, index=model_input.index)


mlflow.models.set_model(StudentModel())
