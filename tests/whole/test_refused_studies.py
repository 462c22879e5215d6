"""Bad input: a line for each fault on stderr, exit code 2, and nothing is written or trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.teacher_logits import MANIFEST
from distune.tuning.study.file import Study
from distune.tuning.teachers.locating import locate
from tests.making.reviews import reviews
from tests.whole.conftest import Run

Write = Callable[[dict[str, Any]], Path]


def change(path: str, value: Any) -> Callable[[dict[str, Any], Path], None]:
    def apply(document: dict[str, Any], tmp_path: Path) -> None:
        *parents, last = path.split(".")
        block = document
        for key in parents:
            block = block[key]
        block[last] = value

    return apply


def source(content: str, name: str = "data.csv", **settings: Any) -> Callable[[dict[str, Any], Path], None]:
    def apply(document: dict[str, Any], tmp_path: Path) -> None:
        (tmp_path / name).write_text(content, encoding="utf-8")
        document["corpus"] = {"source": str(tmp_path / name), **settings}

    return apply


def vectors(header: str) -> Callable[[dict[str, Any], Path], None]:
    def apply(document: dict[str, Any], tmp_path: Path) -> None:
        (tmp_path / "vectors.txt").write_text(header, encoding="utf-8")
        document["trial"]["vectors"] = {"kind": "file", "path": str(tmp_path / "vectors.txt"), "dimension": 8}

    return apply


def logits(document: dict[str, Any], tmp_path: Path, columns: str, n_texts: int = 200) -> None:
    rows = [f'"{text}",' + ",".join(["0.5"] * (columns.count(","))) for text, _ in reviews(200)[:n_texts]]
    (tmp_path / "logits.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    document["teacher"] = {"logits": str(tmp_path / "logits.csv")}


FAULTS: dict[str, tuple[Callable[[dict[str, Any], Path], None], str]] = {
    "more CPUs than there are": (
        change("cluster", {"cpus_per_trial": 9999}),
        "a trial asks for cpus_per_trial=9999, gpus_per_trial=0, but the nodes have: ",
    ),
    "missing file": (change("corpus.source", "nowhere.csv"), "no such file: nowhere.csv"),
    "unknown format": (source("x", "data.doc"), "the ending of its name must give the format, one of .csv, .tsv"),
    "missing column": (source("review,label\na,0\n"), "no column 'text'; its columns are review, label"),
    "empty text column": (source("text,label\n,0\n ,1\n"), "the text column 'text' is empty throughout (2 rows)"),
    "one class only": (source("text,label\na,1\nb,1\n"), "has one class only ('1')"),
    "unknown label": (change("corpus.labels", ["0", "2"]), "unknown label '2'"),
    "misspelt key": (change("search.trails", 3), "search.trails: unknown key; did you mean 'trials'?"),
    "range outside its bounds": (
        change("trial.loss.kd_weight", {"between": [0, 2]}),
        "trial.loss.kd_weight: must be <= 1",
    ),
    "wrong number of classes": (
        lambda d, p: logits(d, p, "text,logit_0,logit_1,logit_2"),
        "has logit_0, logit_1, logit_2, but the corpus' labels",
    ),
    "logits that lack texts": (lambda d, p: logits(d, p, "text,logit_0,logit_1", 150), "lacks 50 of 200 texts"),
    "vectors of the wrong dimension": (
        vectors("1 3\n好 1 2 3\n"),
        "vectors of dimension 3, but the study says dimension=8",
    ),
    "unreadable vectors": (vectors("not vectors\n"), "cannot be read as word2vec vectors"),
    "unwritable storage": (change("storage", "/proc/nowhere/storage"), "storage: cannot write to /proc"),
    "unwritable store": (change("tracking.uri", "sqlite:////proc/nowhere/x.db"), "tracking.uri: cannot write to /proc"),
    "too many labelled": (change("corpus.labelled", 10_000), "labelled must be <="),
    "teacher that is not there": (change("teacher.checkpoint", "./no-such-teacher"), "./no-such-teacher"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("command", ["check", "search"])
def test_bad_input_is_one_line_and_exit_code_2_before_anything_starts(
    name: str,
    command: str,
    run: Run,
    document: dict[str, Any],
    write_study: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def started(*arguments: object, **settings: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("distune.tuning.session.connected", started)
    breaks, message = FAULTS[name]
    breaks(document, tmp_path)
    code, _, err = run(command, write_study(document))
    assert code == 2
    assert len(err) == 1
    assert err[0].startswith("distune: ")
    assert message in err[0]
    assert not (tmp_path / "mlflow.db").exists()


def test_a_cache_of_another_corpus_is_refused(
    run: Run, document: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    assert run("cache", write_study(document))[0] == 0
    study = Study(document)
    (place,) = locate(study.config, load_corpus(CorpusConfig.model_validate(document["corpus"])))
    manifest = place.key.folder(place.cache_root) / MANIFEST
    manifest.write_text(manifest.read_text().replace(place.key.corpus, "0" * 16))
    code, _, err = run("search", write_study(document))
    assert (code, len(err)) == (2, 1)
    assert "belongs to another corpus" in err[0]


def test_all_faults_are_listed_a_line_each(run: Run, document: dict[str, Any], write_study: Write) -> None:
    document["serch"] = {}
    document["trial"]["epochs"] = 0
    code, _, err = run("check", write_study(document))
    assert (code, len(err)) == (2, 2)


@pytest.mark.parametrize(
    ("search", "fault"),
    [
        (
            {"trials": 1},
            "search.trials: must be at least 2, as the first trial is the student that learns from labels alone",
        ),
        (
            {"trials": 2, "first": [{"epochs": 2}, {"epochs": 2}]},
            "search.trials: must be at least 3, for the student that learns from labels alone and the 2 points of search.first, but got 2",
        ),
    ],
)
def test_too_few_trials_are_refused_before_anything_is_read(
    run: Run, document: dict[str, Any], write_study: Write, search: dict[str, Any], fault: str
) -> None:
    document["search"] |= search
    path = write_study(document)
    for command in ("check", "search"):
        code, _, err = run(command, path)
        assert code == 2
        assert fault in err[0]
