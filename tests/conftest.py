"""Small real things that many tests share: a corpus in a file, a teacher of 10,000 parameters, a study over both."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import torch
import yaml
from transformers import BertConfig, BertForSequenceClassification

from distune.cluster import postgres
from distune.cluster.programs import ServicesError
from distune.cluster.services import Services, services
from distune.models.students.config import AnyStudentConfig, Channels, PoolingKind
from distune.models.teacher.tokenizing import character_tokenizer

if TYPE_CHECKING:
    from distune.tuning.search.preparation import Prepared
    from distune.tuning.storage.paths import Folder
    from distune.tuning.study.file import Study
    from distune.tuning.trial.config import TrialConfig


def _why_no_postgresql() -> str:
    try:
        postgres.binaries()
    except ServicesError as error:
        return str(error)
    return ""


needs_postgresql = pytest.mark.skipif(bool(_why_no_postgresql()), reason=_why_no_postgresql())
GOOD = ("好", "喜欢", "满意", "推荐", "很快")
BAD = ("差", "讨厌", "失望", "退货", "很慢")
THINGS = ("这本书", "手机", "酒店", "快递", "水果", "衣服", "电脑", "洗发水", "屏幕", "客服")


@contextmanager
def lines_said() -> Iterator[list[str]]:
    """The lines for people that are logged meanwhile."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("distune")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """The lines for people that are logged while a test runs."""
    with lines_said() as lines:
        yield lines


def prepared_study(document: dict[str, Any] | Study, only: TrialConfig | None = None) -> Prepared:
    """All that the trials of a study read, made in this process."""
    from distune.tuning.search.preparation import prepare
    from distune.tuning.search.reading import read_study
    from distune.tuning.study.file import Study

    return prepare(read_study(Study(document) if isinstance(document, dict) else document, only))


def reviews(n: int) -> list[tuple[str, str]]:
    """Distinct little reviews (text, label), as many good as bad."""
    rng = np.random.default_rng(3)
    rows: dict[str, str] = {}
    while len(rows) < n:
        label = len(rows) % 2
        words = rng.choice(GOOD if label else BAD, 2)
        rows[f"{rng.choice(THINGS)}{words[0]}，{rng.choice(THINGS)}{words[1]}{len(rows)}"] = str(label)
    return list(rows.items())


def student_variants(family: type[AnyStudentConfig]) -> list[AnyStudentConfig]:
    """Every kind of channels and of pooling, with and without what may be left out, and deeper than one layer."""
    kind = get_args(family.model_fields["kind"].annotation)[0]
    small = {"hidden_size": 3, "filters": 3, "heads": 2, "head_size": 4, "feedforward": 6, "layers": 1}
    fitting = {name: value for name, value in small.items() if name in family.model_fields}
    base = {"kind": kind, "hidden_layer": 0, **fitting}
    chosen = [{**base, "channels": channels} for channels in get_args(Channels)]
    chosen += [{**base, "pooling": pooling, "layer_norm": True} for pooling in get_args(PoolingKind)]
    chosen += [{**base, "hidden_layer": 16}, {**base, "hidden_layer": 16, "hidden_layers": 2}]
    if "layers" in fitting:
        chosen.append({**base, "layers": 2})
    return [family.model_validate(settings) for settings in chosen]


def student_name(config: AnyStudentConfig) -> str:
    return "-".join(str(value) for value in config.model_dump(exclude_unset=True).values())


STUDENTS = [config for family in get_args(AnyStudentConfig) for config in student_variants(family)]
"""What the contracts of students, checkpoints and compressions are tested on."""


def same_answers(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether two lists of answers say the same, but for the rounding of sums in another order."""
    return len(found) == len(expected) and all(
        a["label"] == b["label"]
        and a["has_known_token"] == b["has_known_token"]
        and a["probabilities"] == pytest.approx(b["probabilities"], abs=1e-5)
        for a, b in zip(found, expected, strict=True)
    )


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    """A folder that the user postgres can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="session")
def shared_places(services_folder: Path) -> Iterator[Services]:
    """An MLflow server on PostgreSQL, and S3: what a cluster's nodes share."""
    with services(services_folder / "shared") as there:
        yield there


@pytest.fixture(scope="session")
def reviews_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 reviews with the columns text and label."""
    path = tmp_path_factory.mktemp("corpus") / "reviews.csv"
    lines = ["text,label", *(f'"{text}",{label}' for text, label in reviews(200))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def save_teacher(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a tiny random BERT classifier over the characters of the reviews, as a transformers folder.

    Its answers differ from text to text, and no class is in the mean more likely than another.
    """

    def save(n_classes: int = 2, seed: int = 0) -> Path:
        torch.manual_seed(seed)
        texts = [text for text, _ in reviews(200)]
        tokenizer = character_tokenizer(texts, 1, 32)
        shape = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
            num_labels=n_classes,
            initializer_range=0.5,  # By default so few features answer every text alike, to the fifth digit.
        )
        model = BertForSequenceClassification(shape).eval()
        with torch.no_grad():
            inputs = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
            model.classifier.bias -= model(**inputs).logits.mean(dim=0)
        folder = tmp_path_factory.mktemp("teacher")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(scope="session")
def teacher_folder(save_teacher: Callable[..., Path]) -> Path:
    return save_teacher()


def tiny_document(root: Path, reviews_csv: Path, teacher_folder: Path) -> dict[str, Any]:
    """A study as a document, which keeps all its files under `root`."""
    return {
        "name": "tiny",
        "corpus": {"source": str(reviews_csv), "labelled": 20, "dev_fraction": 0.2, "test_fraction": 0.2},
        "teacher": {"checkpoint": str(teacher_folder), "max_length": 32},
        "storage": str(root / "storage"),
        "search": {"trials": 4, "finalists": 1, "seeds": 2, "scheduler": "none"},
        "champion": {"max_latency_ms": 1000.0},
        "tracking": {"uri": f"sqlite:///{root / 'mlflow.db'}", "register_as": "tiny-student"},
        "trial": {
            "tokens": {"kind": "words", "min_count": 1},
            "vectors": {"kind": "random", "dimension": 8},
            "student": [
                {"kind": "bilstm", "hidden_size": {"choice": [4, 8]}},
                {"kind": "average", "hidden_layer": {"between": [0, 8]}},
            ],
            "loss": {
                "kd_weight": {"between": [0.5, 1]},
                "teacher_term": [{"kind": "kl", "temperature": {"log": [1, 20]}}, {"kind": "mse"}],
            },
            "learning_rate": {"log": [0.001, 0.1]},
            "epochs": 2,
        },
    }


@pytest.fixture
def document(tmp_path: Path, reviews_csv: Path, teacher_folder: Path) -> dict[str, Any]:
    return tiny_document(tmp_path, reviews_csv, teacher_folder)


@pytest.fixture
def study(document: dict[str, Any]) -> Study:
    from distune.tuning.study.file import Study

    return Study(document)


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a document as `study.yaml`."""

    def write(document: dict[str, Any]) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_logits(tmp_path: Path) -> Callable[..., Path]:
    """Writes a CSV of texts and logits as another team would."""

    def write(texts: Sequence[str], logits: Any, header: str = "text,logit_0,logit_1") -> Path:
        path = tmp_path / "logits.csv"
        rows = [
            f'"{text}",{",".join(f"{value:.4f}" for value in row)}' for text, row in zip(texts, logits, strict=True)
        ]
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write


@dataclass(frozen=True)
class Ended:
    """A search that has ended: its study, its folder, what it printed, and how often the teacher answered and when."""

    study: Study
    folder: Folder
    output: str
    forwards_before_timing: int
    forwards: int
    clusters_while_timing: int


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store, whose tables MLflow takes seconds to make."""
    from distune.tuning.tracking.store import make_store

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    make_store(f"sqlite:///{file}")
    return file


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> str:
    """The URI of an empty MLflow store of a test's own."""
    shutil.copyfile(migrated, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def without_pngs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of this process draws no PNGs, which take seconds: those of `ended` and of tests/tuning/report/ are looked at."""
    monkeypatch.setattr("distune.tuning.report.write.write_pngs", lambda pictures, folder: [])


def tickets(n: int) -> list[tuple[str, str]]:
    """The reviews, with queues as their labels."""
    return [(text, ("complaint", "praise")[int(label)]) for text, label in reviews(n)]


@pytest.fixture(scope="session")
def users_folder(tmp_path_factory: pytest.TempPathFactory, teacher_folder: Path) -> Path:
    """A user's files under the names that the pages give them: tickets.csv, texts.txt, and a teacher that knows the queues."""
    folder = tmp_path_factory.mktemp("walk")
    lines = ["body,queue", *(f'"{text}",{queue}' for text, queue in tickets(200))]
    (folder / "tickets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(text for text, _ in tickets(20)) + "\n", encoding="utf-8")
    shutil.copytree(teacher_folder, folder / "my-finetuned-bert")
    config = folder / "my-finetuned-bert" / "config.json"
    names = {"id2label": {"0": "complaint", "1": "praise"}, "label2id": {"complaint": 0, "praise": 1}}
    config.write_text(json.dumps(json.loads(config.read_text()) | names))
    return folder


@pytest.fixture(scope="session")
def unlucky_document(users_folder: Path) -> dict[str, Any]:
    """A study of which some trials fail."""
    document = tiny_document(users_folder, users_folder / "tickets.csv", users_folder / "my-finetuned-bert")
    document["corpus"] |= {"text": "body", "label": "queue"}
    document["search"] |= {"trials": 5, "finalists": 2}
    # The third value makes any loss overflow: that trial must fail alone.
    document["trial"]["learning_rate"] = {"choice": [0.01, 0.02, 1e30]}
    return document


@pytest.fixture(scope="session")
def ended(unlucky_document: dict[str, Any], users_folder: Path) -> Ended:
    """The search of `distune search study.yaml`, in this process."""
    # Only tests that ask for it pay the seconds that these imports take.
    import ray
    from rich.console import Console

    import distune.tuning.champion.verdict
    import distune.tuning.concluding
    import distune.tuning.session
    from distune.tuning.storage.searches import search_folders
    from distune.tuning.study.file import load_study

    path = users_folder / "study.yaml"
    path.write_text(yaml.safe_dump(unlucky_document), encoding="utf-8")
    study = load_study(path)
    distune.tuning.session.cache(study, False, None, "", Console(file=io.StringIO()))
    counts = {"all": 0, "before timing": -1}
    forward, judge = BertForSequenceClassification.forward, distune.tuning.concluding.judge
    time_here = distune.tuning.champion.verdict.time_here

    def counting(self: Any, *arguments: Any, **settings: Any) -> Any:
        counts["all"] += 1
        return forward(self, *arguments, **settings)

    def noting(*arguments: Any) -> Any:
        counts["before timing"] = counts["all"]
        return judge(*arguments)

    def timing(*arguments: Any) -> Any:
        counts["clusters while timing"] = int(ray.is_initialized())
        return time_here(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        patch.setattr(BertForSequenceClassification, "forward", counting)
        patch.setattr("distune.tuning.concluding.judge", noting)
        patch.setattr("distune.tuning.champion.verdict.time_here", timing)
        output = by_cli(["search", str(path)])
    (folder,) = search_folders(study)
    return Ended(study, folder, output, counts["before timing"], counts["all"], counts["clusters while timing"])


def by_cli(words: list[str], stdin: str | None = None) -> str:
    """What a command prints that must end well, run by the CLI in this process."""
    from distune.tuning.cli import main

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", stack.enter_context(open(stdin or os.devnull, encoding="utf-8")))
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.getsignal(number))
        with redirect_stdout(out), pytest.raises(SystemExit) as caught:
            main(words)
    output = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert caught.value.code in (0, None), output
    return output
