"""A study of pairs goes the whole way: from two columns to a champion that answers pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

import distune
from distune._pairs import MARK, joined, sides
from distune.cluster.runner import IN_PROCESS
from distune.corpora.encoding import load_encoder
from distune.corpora.places import Place
from distune.models.predictor import Predictor
from distune.tuning.champion.answers import read_texts
from distune.tuning.champion.verdict import judge
from distune.tuning.checks import check
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.answering import _hash_of, _sides
from distune.tuning.teachers.requests import _shown
from distune.tuning.tracking.pulling import pull
from distune.tuning.tracking.registry import log_model
from distune.tuning.tracking.store import quiet_mlflow
from tests.conftest import prepared_study
from tests.making.checkpoints import save_student
from tests.making.finalists import trained_finalist, trial_of
from tests.making.pairs import PAIRS, pair_checkpoint
from tests.making.reviews import reviews


@pytest.fixture
def pairs_document(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    texts = [text for text, _ in reviews(200)]
    rows = zip(texts[::2], texts[1::2], strict=True)
    path = tmp_path / "pairs.jsonl"
    lines = [json.dumps({"a": a, "b": b, "label": str(i % 2)}) for i, (a, b) in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    document["corpus"] |= {"source": str(path), "text": "a", "text_b": "b"}
    document["champion"] = {"max_latency_ms": 1000.0}
    return document


def test_a_champion_of_pairs_answers_pairs(pairs_document: dict[str, Any], tmp_path: Path) -> None:
    prepared = prepared_study(pairs_document)
    finalist = trained_finalist(
        prepared, trial_of(pairs_document, epochs=1, student={"kind": "average", "pair": "siamese"})
    )
    verdict = judge(prepared, [finalist], tmp_path / "search", IN_PROCESS)
    assert verdict.winner == 0

    champion = tmp_path / "search" / "champion"
    test = prepared.corpus.test
    pairs = [tuple(sides(text)) for text in test.texts]
    predictor = Predictor(champion, load_encoder(champion))
    said = np.array([answer["label"] for answer in predictor.answers(pairs)])
    right = (said == np.array(prepared.corpus.labels)[test.labels]).mean()
    assert verdict.columns[-1].quality.test_accuracy.mean == pytest.approx(right)
    card = (champion / "README.md").read_text(encoding="utf-8")
    assert 'student.label(("...", "..."))' in card
    kept = pyarrow.parquet.read_table(tmp_path / "search" / "answers.parquet")
    assert list(zip(kept["text"].to_pylist(), kept["text_b"].to_pylist(), strict=True)) == pairs
    assert read_texts(Place(str(tmp_path / "search" / "answers.parquet"))) == test.texts


def test_a_logged_student_of_pairs_answers_a_table_of_two_columns(
    pairs_document: dict[str, Any], tmp_path: Path
) -> None:
    import mlflow
    import pandas as pd

    folder = save_student(pair_checkpoint(), tmp_path / "student", "# card\n")
    uri = f"sqlite:///{tmp_path / 'store.db'}"
    quiet_mlflow()
    client = mlflow.MlflowClient(uri)
    run = client.create_run(client.create_experiment("pairs", artifact_location=(tmp_path / "artifacts").as_uri()))
    logged = log_model(uri, run.info.run_id, folder, [joined(*pair) for pair in PAIRS[:2]], 3)
    mlflow.set_tracking_uri(uri)
    table = pd.DataFrame(PAIRS[:2], columns=["text", "text_b"], index=[7, 9])
    answers = mlflow.pyfunc.load_model(logged.uri).predict(table)
    expected = [answer["label"] for answer in Predictor(folder, load_encoder(folder)).answers(PAIRS[:2])]
    assert answers["label"].to_dict() == dict(zip((7, 9), expected, strict=True))

    pulled = distune.load(pull(uri, f"runs:/{run.info.run_id}/student", tmp_path / "pulled"))
    by_vectors = pulled.compare(*(pulled.encode(side) for side in zip(*PAIRS[:2], strict=True)))
    np.testing.assert_allclose(by_vectors, pulled.predict_proba(PAIRS[:2]), atol=1e-5)


def test_students_that_read_pairs_need_a_corpus_of_pairs(document: dict[str, Any]) -> None:
    document["trial"]["student"] = {"kind": "average", "pair": {"choice": ["joined", "siamese"]}}
    with pytest.raises(
        StudyError, match=r"trial\.student\.pair: siamese reads two texts, and the corpus has one in a row"
    ):
        check(Study(document))


def test_files_of_a_teacher_are_of_pairs_too(pairs_document: dict[str, Any]) -> None:
    pairs_document["teacher_data"] = {"labelled": [{"path": "more.csv"}]}
    with pytest.raises(StudyError, match=r"teacher_data\.labelled\.0 has none: set text_b for both"):
        Study(pairs_document)


def test_a_language_model_reads_both_texts_and_its_answer_finds_the_pair_again() -> None:
    pair = joined("怎么退款", "如何退钱")
    assert _shown(pair) == "Text 1:\n怎么退款\n\nText 2:\n如何退钱"
    assert _shown("一句") == "一句"
    assert _sides(pair) == {"text": "怎么退款", "text_b": "如何退钱"}
    assert _hash_of(_sides(pair)) != _hash_of({"text": "怎么退款"})
    assert MARK not in json.dumps(_sides(pair), ensure_ascii=False)
