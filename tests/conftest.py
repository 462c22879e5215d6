"""Small real things that many tests share: a corpus in a file, a teacher of 10,000 parameters, a study over both."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch
import yaml
from transformers import BertForSequenceClassification

from distune.cluster import postgres
from distune.cluster.programs import ServicesError
from distune.cluster.services import Services, services
from distune.models.students.config import AnyStudentConfig, Channels, PoolingKind
from distune.models.teacher.tokenizing import character_tokenizer
from tests.making.berts import bert_shape
from tests.making.ended import ended, unlucky_document, users_folder
from tests.making.reviews import reviews, tiny_document

if TYPE_CHECKING:
    from distune.tuning.search.preparation import Prepared
    from distune.tuning.study.file import Study
    from distune.tuning.trial.config import TrialConfig

__all__ = ["ended", "unlucky_document", "users_folder"]  # Fixtures.


def _why_no_postgresql() -> str:
    try:
        postgres.binaries()
    except ServicesError as error:
        return str(error)
    return ""


needs_postgresql = pytest.mark.skipif(bool(_why_no_postgresql()), reason=_why_no_postgresql())


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
        shape = bert_shape(
            tokenizer,
            num_hidden_layers=2,
            intermediate_size=32,
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
