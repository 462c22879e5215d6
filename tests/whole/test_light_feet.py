"""What only reads a study or a finished search imports nothing that is slow to import: each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.fixture
def answered(
    document: dict[str, Any], tmp_path: Path, write_study: Callable[[dict[str, Any]], Path]
) -> Callable[[str], Path]:
    """A study whose teacher's logits come in a file with that ending: of JSON with the names of the classes, of Parquet without."""
    corpus = load_corpus(Study(document).config.corpus)
    labels = dict(
        zip(
            (*corpus.train.texts, *corpus.dev.texts, *corpus.test.texts),
            (*corpus.train.labels, *corpus.dev.labels, *corpus.test.labels),
            strict=True,
        )
    )
    texts = corpus.texts()
    logits = [[-4.0, 4.0] if labels.get(text) else [4.0, -4.0] for text in texts]

    def write(ending: str) -> Path:
        file = tmp_path / f"logits{ending}"
        if ending == ".parquet":
            pq.write_table(pa.table({"text": texts, "logits": logits}), file)
        else:
            rows = [
                json.dumps({"text": text, "logits": dict(zip(corpus.labels, row, strict=True))})
                for text, row in zip(texts, logits, strict=True)
            ]
            file.write_text("\n".join(rows), encoding="utf-8")
        return write_study({**document, "teacher": {"logits": str(file)}})

    return write


# Of columns without names it is asked how likely another order is, by scipy.special.
@pytest.mark.parametrize(("ending", "also"), [(".jsonl", set()), (".parquet", {"scipy"})])
def test_a_study_whose_logits_come_in_a_file_is_checked_without_what_trains_and_searches(
    answered: Callable[[str], Path], ending: str, also: set[str]
) -> None:
    assert imported_by(checking(answered(ending))) & (HEAVY | {"huggingface_hub", "pandas"}) == also


def test_a_study_of_many_texts_is_checked_without_the_dictionary_of_its_tokens(answered: Callable[[str], Path]) -> None:
    of_many = "import distune.tuning.search.reading\ndistune.tuning.search.reading.FIRST_TEXTS = 0\n"
    assert imported_by(of_many + checking(answered(".jsonl"))) & {"jieba", "rjieba"} == set()


def checking(study: Path) -> str:
    """A program that checks a study."""
    return f"from distune.tuning.cli import main\ntry:\n    main(['check', {str(study)!r}])\nexcept SystemExit as end:\n    assert not end.code"
