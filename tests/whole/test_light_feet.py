"""What only reads a study or a finished search imports nothing that is slow to import: each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.tuning.search.importance import Importance, keep_importances
from distune.tuning.storage.journal import Journal
from distune.tuning.storage.records import open_study
from distune.tuning.storage.searches import new_folder
from distune.tuning.study.file import Study

HEAVY = {"torch", "ray", "scipy", "sklearn", "mlflow", "onnxruntime", "onnx", "gensim", "transformers"}


def imported_by(program: str) -> set[str]:
    """The packages that a program has imported when it ends."""
    program += "\nimport json, sys\nprint('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def searched(study: Study, write_study: Callable[[dict[str, Any]], Path]) -> Path:
    """A study file whose search has one complete trial, and has kept what mattered."""
    folder = new_folder(study)
    journal = Journal(folder.journal)
    optuna_study = open_study(study.config, journal)
    for number in range(10):
        trial = optuna_study.ask()
        trial.set_user_attr("config", {"student": {"kind": "average"}})
        for name, value in {"state": "complete", "accuracy": 0.5 + number / 100, "latency_ms": 1.0}.items():
            trial.set_user_attr(name, value)
        optuna_study.tell(trial, [0.5 + number / 100, 1.0])
    journal.flush()
    mattered = Importance(objective="accuracy", group="", n_trials=10, shares={"epochs": 0.75, "batch_size": 0.25})
    keep_importances([mattered], optuna_study, study.config, folder)
    return write_study(study.document)


def test_a_study_is_read_without_what_trains_and_searches(searched: Path) -> None:
    program = f"import distune\nassert distune.load_study({str(searched)!r}).config.name"
    assert imported_by(program) & (HEAVY | {"optuna", "rich"}) == set()


@pytest.mark.parametrize("arguments", [["results"], ["results", "--json"], ["results", "--csv"], ["status"]])
def test_a_search_is_looked_at_without_what_trains_and_searches(searched: Path, arguments: list[str]) -> None:
    command = [arguments[0], str(searched), *arguments[1:]]
    program = f"from distune.tuning.cli import main\ntry:\n    main({command!r})\nexcept SystemExit as end:\n    assert not end.code"
    assert imported_by(program) & HEAVY == set()


def test_a_study_whose_logits_come_in_a_file_is_checked_without_what_trains_and_searches(
    document: dict[str, Any], write_logits: Callable[..., Path], write_study: Callable[[dict[str, Any]], Path]
) -> None:
    corpus = load_corpus(Study(document).config.corpus)
    labels = dict(
        zip(
            (*corpus.train.texts, *corpus.dev.texts, *corpus.test.texts),
            (*corpus.train.labels, *corpus.dev.labels, *corpus.test.labels),
            strict=True,
        )
    )
    logits = [[-4.0, 4.0] if labels.get(text) else [4.0, -4.0] for text in corpus.texts()]
    study = write_study({**document, "teacher": {"logits": str(write_logits(corpus.texts(), logits))}})
    program = f"from distune.tuning.cli import main\ntry:\n    main(['check', {str(study)!r}])\nexcept SystemExit as end:\n    assert not end.code"
    # scipy.special says how likely an order of columns is by chance.
    assert imported_by(program) & (HEAVY | {"huggingface_hub"}) - {"scipy"} == set()
