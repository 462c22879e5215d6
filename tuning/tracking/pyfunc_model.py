"""The champion as an MLflow pyfunc: run by MLflow as code, with the checkpoint folder beside it, without this project.

It needs onnxruntime, numpy and what the folder's own `encoding.py` asks for; pandas comes with MLflow.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pandas as pd


def _program(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no program at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class StudentModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A table with a column `text` in; `label`, one `probability_LABEL` for each label and `has_known_token` out, a row for each of
    the table and under its index."""

    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["checkpoint"])
        encoder = _program(folder / "encoding.py").load_encoder(folder)
        self.predictor = _program(folder / "predict.py").Predictor(folder, encoder)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        answers = list(self.predictor.answers(list(model_input["text"])))
        columns: dict[str, list[Any]] = {"label": [answer["label"] for answer in answers]}
        for label in self.predictor.labels:
            columns[f"probability_{label}"] = [answer["probabilities"][label] for answer in answers]
        columns["has_known_token"] = [answer["has_known_token"] for answer in answers]
        return pd.DataFrame(columns, index=model_input.index)


mlflow.models.set_model(StudentModel())
