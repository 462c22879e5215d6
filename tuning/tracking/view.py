"""The look of a search in MLflow's pages: the names of its runs, their source, and the columns and pictures next to
them.

The page of an MLflow experiment reads a saved view from a tag `mlflow.sharedViewState.KEY`, and opens it at an address
that ends in `viewStateShareKey=KEY`. The names inside are the page's own: those of its `ExperimentPageUIState` and
`ExperimentPageSearchFacetsState`.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distune.cluster.config import JOB

if TYPE_CHECKING:
    from distune.tuning.storage.records import TrialRecord

NOTE = "mlflow.note.content"
VIEW_KEY = "distune"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
KIND_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""The tag of an MLflow experiment of trained models, and not of traces of language models."""
COLUMNS = (
    "metrics.`teacher_ratio`",
    "metrics.`speedup`",
    "metrics.`size_mb`",
    "tags.`distune.state`",
    "tags.`distune.finalist`",
    "tags.`distune.champion`",
    "params.`student.kind`",
)
WIDTHS_PX = {"attributes.`Run Name`": 330, "runDateAndNestInfo": 135}
"""MLflow's columns of names are too narrow for their figures, and its columns of dates are wider than needed."""
SHOWN_KINDS = {"bilstm": "biLSTM", "bigru": "biGRU", "textcnn": "TextCNN"}
"""The printed names of students, if they differ from their `kind`."""
_SECTION = {"uuid": "distune", "display": True, "isReordered": True, "columns": 2}


def trial_name(study: str, record: TrialRecord) -> str:
    """The name of a trial's run: its study, its number, its student and how it ended."""
    begun = f"{study} {record.number}: {shown_kind(record)}"
    if record.state == "running":
        return begun
    if record.state != "complete" or record.score is None or record.latency_ms is None:
        return f"{begun}, {record.state}"
    return f"{begun} {figures(record.score, record.latency_ms)}"


def shown_kind(record: TrialRecord) -> str:
    kind = record.config.student.kind
    return SHOWN_KINDS.get(kind, kind)


def figures(score: float, latency_ms: float) -> str:
    """A score and a latency, as short as they tell trials apart."""
    return f"{score:.3f}, {latency_ms:.2g} ms" if latency_ms < 10 else f"{score:.3f}, {latency_ms:.0f} ms"


def source_tags() -> dict[str, str]:
    """The tags of the source of a run: the user, and the command, program, notebook or job that searches."""
    program = Path(sys.argv[0])
    name = "python" if sys.argv[0] in ("", "-c") else str(program)
    kind = "LOCAL"
    if program.name == "ipykernel_launcher.py":
        name, kind = os.environ.get("JPY_SESSION_NAME", "notebook"), "NOTEBOOK"
    elif program.stem == "distune" or (program.name == "__main__.py" and program.parent.name == "distune"):
        name = "distune search"
    if JOB in os.environ:
        kind = "JOB"
    tags = {"mlflow.source.name": name, "mlflow.source.type": kind}
    with suppress(OSError, KeyError, ImportError):  # A container's user may have no name.
        tags["mlflow.user"] = getpass.getuser()
    return tags


def view_tags(made_ms: int, metric: str = "accuracy") -> dict[str, str]:
    """The tags of an MLflow experiment that make its page show the important columns of a search, the best by `metric`
    first."""
    # The names of finalists have the exact figures, which stand next to the hints.
    figures = (metric, "latency_ms", f"final/dev_{metric}", "final/p50_ms")
    columns = (*(f"metrics.`{name}`" for name in figures), *COLUMNS)
    state = {
        "searchFilter": "",
        "orderByKey": f"metrics.`{metric}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "columnOrder": (*WIDTHS_PX, *columns),
        "columnWidths": WIDTHS_PX,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [
            _scatter("all", "All trials, hints of speed", "latency_ms", metric),
            _scatter("finalists", "Finalists, timed alone", "final/p50_ms", f"final/dev_{metric}"),
        ],
        "compareRunSections": [
            {**_SECTION, "name": f"{'Accuracy' if metric == 'accuracy' else 'Score'} against speed"}
        ],
        "isAccordionReordered": True,
    }
    made = {"createdAt": made_ms, "updatedAt": made_ms}
    return {**KIND_TAGS, VIEW_TAG: json.dumps({"name": "Distune", **made, "state": json.dumps(state)})}


def _scatter(name: str, title: str, x: str, y: str) -> Mapping[str, Any]:
    return {
        "uuid": f"distune-{name}",
        "type": "SCATTER",
        "displayName": title,
        "xaxis": {"key": x, "type": "METRIC"},
        "yaxis": {"key": y, "type": "METRIC"},
        "runsCountToCompare": 100,
        "metricSectionId": _SECTION["uuid"],
        "deleted": False,
        "isGenerated": False,
    }


def runs_page(experiment_id: str, tags: Mapping[str, str]) -> str:
    """The part of an address, after MLflow's own, of the training runs of an MLflow experiment, with their side bar."""
    view = f"&viewStateShareKey={VIEW_KEY}" if VIEW_TAG in tags else ""
    return f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning{view}"
