"""Teachers of a study whose texts have several labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.cluster.runner import IN_PROCESS
from distune.corpora.corpus import load_corpus
from distune.corpora.encoding import load_encoder
from distune.corpora.logits_file import read_logits_file
from distune.corpora.texts import CorpusError
from distune.models.decision import sigmoid
from distune.models.predictor import Predictor
from distune.tuning.checks import check
from distune.tuning.cli import main
from distune.tuning.metric.metric import MetricError
from distune.tuning.study.file import Study
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import cache_teacher, unseen
from tests.conftest import prepared_study
from tests.making.several_labels import LABELS, logits_of, study_of, tickets, write_logits, write_tickets

TEXTS = [text for text, _ in tickets()]


def from_file(tmp_path: Path, values: np.ndarray, prefix: str = "logit_") -> Study:
    """The study with a teacher of these values."""
    return Study(study_of(tmp_path, {"logits": str(write_logits(tmp_path / "a.csv", TEXTS, values, prefix))}))


def test_check_says_how_exactly_dev_and_test_tell_whole_answers(tmp_path: Path) -> None:
    told = check(Study(study_of(tmp_path))).splitlines()
    # Each label is answered from its threshold on, and then all texts have all labels right: 48 / (48 + 1.96²) and so on.
    assert told[5] == (
        "  the teacher's dev exact match of 1.000 has the 95 % interval 0.926 to 1.000 on the 48 labelled texts of dev, and 0.893 "
        "to 1.000 on the 32 labelled texts of test"
    )
    by_exact_match = check(Study(study_of(tmp_path) | {"metric": "exact_match"}))
    assert by_exact_match.count("the teacher's dev exact match of") == 1
    without = study_of(tmp_path, {"students": {"trials": 2, "members": 1}})
    assert any(
        line.startswith("  an exact match of 0.900 has the 95 % interval")
        for line in check(Study(without)).splitlines()
    )


def test_probabilities_of_a_softmax_are_refused_if_texts_have_several_labels(tmp_path: Path) -> None:
    shares = np.exp(logits_of(TEXTS))
    shares /= shares.sum(axis=1, keepdims=True)
    message = r"a.csv: its probabilities add up to 1 in every row, as those of a softmax do, .* of 48 dev texts \d+ have several labels"
    for values, prefix in ((shares, "probability_"), (np.log(shares), "logit_")):
        with pytest.raises(CorpusError, match=message) as caught:
            check(from_file(tmp_path, values, prefix))
        assert "\n" not in str(caught.value)


def test_logits_between_0_and_1_are_told(tmp_path: Path) -> None:
    told = check(from_file(tmp_path, sigmoid(logits_of(TEXTS))))
    assert (
        "its logits all lie between 0 and 1, as probabilities do; if they are, call the columns probabilities" in told
    )
    assert "between 0 and 1" not in check(from_file(tmp_path, sigmoid(logits_of(TEXTS)), "probability_"))


def test_probabilities_of_0_and_1_that_mse_would_fit_are_told(tmp_path: Path) -> None:
    values = (logits_of(TEXTS, noise=0.0) > 0).astype(float)
    values[1:] = 0.9 * values[1:] + 0.05
    told = check(from_file(tmp_path, values, "probability_"))
    assert (
        "a.csv: 1 of 160 rows give a label the probability 0 or 1, which counts as 1e-07 or 1 - 1e-07; where the loss is mse, students "
        "learn to answer their logits, -16.1 and 16.1. kl compares probabilities instead"
    ) in told


def test_an_exported_cache_gives_the_same_numbers_again(tmp_path: Path) -> None:
    document = study_of(tmp_path)
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["cache", str(path), "--export", str(tmp_path / "out.parquet")])
    assert ended.value.code == 0
    corpus = load_corpus(Study(document).config.corpus)
    found = read_logits_file(tmp_path / "out.parquet", LABELS, is_multi_label=True)
    theirs = read_logits_file(tmp_path / "logits.csv", LABELS, is_multi_label=True)
    np.testing.assert_allclose(found.of(corpus.texts()).logits, theirs.of(corpus.texts()).logits, atol=4e-3)
    assert found.about["multi_label"] is True
    again = prepared_study({**document, "teacher": {"logits": str(tmp_path / "out.parquet")}})
    assert again.teacher_score == prepared_study(document).teacher_score


def test_check_and_cache_give_whole_answers_by_the_thresholds_of_dev_as_the_table_does(
    tmp_path: Path, said: list[str]
) -> None:
    low = logits_of(TEXTS, noise=0.0) / 10 - 3  # No probability reaches 0.5, and thresholds part them all.
    study = from_file(tmp_path, low)
    assert "the teacher's dev exact match of 1.000 has" in check(study)
    cache_teacher(study, False, None, "", IN_PROCESS, unseen)
    assert any(
        line.startswith(
            "teacher: dev exact match 1.0000, test exact match 1.0000, dev micro-F1 1.0000, test micro-F1 1.0000; "
        )
        for line in said
    )
    even = Study({**study.document, "metric": {"kind": "micro_f1", "threshold": "none"}})
    assert "the teacher's dev exact match of 0.208 has" in check(even)


def test_a_metric_that_cannot_be_computed_is_refused_before_a_cache_is_filled(tmp_path: Path) -> None:
    document = study_of(tmp_path) | {"metric": {"f1": "spam"}}
    study = Study(document)
    with pytest.raises(MetricError, match=r"metric\.label: 'spam' is no label of the corpus"):
        cache_teacher(study, False, None, "", IN_PROCESS, unseen)
    assert not Path(study.config.storage).exists()


def test_students_that_answer_together_are_a_teacher_of_several_labels(tmp_path: Path, said: list[str]) -> None:
    document = study_of(tmp_path, {"students": {"trials": 3, "members": 2}})
    prepared = prepared_study(document)
    (members,) = (line for line in said if line.startswith("teacher: dev micro-F1 of the members"))
    assert members.endswith(f"together {prepared.teacher_score:.4f}")
    (place,) = prepared.teachers.places
    each = []
    with place.trained.to_read() as folder:
        for name in ("member-0", "member-1"):
            settings = json.loads((folder / name / "config.json").read_text())
            assert settings["multi_label"] is True
            assert settings["thresholds"] == dict.fromkeys(LABELS, 0.5)
            each.append(Predictor(folder / name, load_encoder(folder / name)).logits(TEXTS[:40]))
    found = sigmoid(prepared.teachers.of(TEXTS[:40]))
    np.testing.assert_allclose(found, np.mean([sigmoid(one) for one in each], axis=0), atol=1e-5)
    assert found.sum(axis=1).max() > 1.1  # Those of a softmax add up to 1.
    again = prepared_study(document)
    np.testing.assert_array_equal(again.teachers.of(TEXTS), prepared.teachers.of(TEXTS))


def test_several_teachers_are_heard_by_weight_and_temperature(tmp_path: Path) -> None:
    sure = 4 * logits_of(TEXTS, seed=1)
    second = {"logits": str(write_logits(tmp_path / "sure.csv", TEXTS, sure)), "weight": 3, "temperature": 4}
    prepared = prepared_study(study_of(tmp_path, more_teachers=[second]))
    expected = (logits_of(TEXTS) + 3 * logits_of(TEXTS, seed=1)) / 4
    np.testing.assert_allclose(prepared.teachers.of(TEXTS), expected, atol=1e-4)


def test_columns_without_names_in_another_order_are_refused_before_a_search(tmp_path: Path) -> None:
    rows = tickets(600)
    write_tickets(tmp_path / "many.jsonl", rows)
    texts = [text for text, _ in rows]
    values = logits_of(texts)[:, [1, 0, 2, 3]]
    lines = [
        json.dumps({"text": text, "logits": row}, ensure_ascii=False)
        for text, row in zip(texts, values.tolist(), strict=True)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = study_of(tmp_path, {"logits": str(tmp_path / "a.jsonl")})
    document["corpus"]["source"] = str(tmp_path / "many.jsonl")
    with pytest.raises(CorpusError, match=r"set teacher\.labels: \[late, broken, praise, price\]$"):
        check(Study(document))
    document["teacher"]["labels"] = ["late", "broken", "praise", "price"]
    assert "no fault" in check(Study(document))


def test_the_identity_of_what_learns_from_labels_depends_on_them_and_on_the_task(tmp_path: Path) -> None:
    def key(document: dict[str, Any]) -> str:
        study = Study(document)
        return locate(study.config, load_corpus(study.config.corpus))[0].key.teacher

    document = study_of(tmp_path, {"students": {"trials": 2, "members": 1}})
    first = key(document)
    assert key(study_of(tmp_path, {"students": {"trials": 2, "members": 1}})) == first
    rows = tickets()
    other = [
        (text, sorted({*labels, "price"})) if place == 1 else (text, labels)
        for place, (text, labels) in enumerate(rows)
    ]
    assert other != rows
    write_tickets(tmp_path / "tickets.jsonl", other)
    assert key(document) != first


def test_a_label_of_which_a_teacher_says_nothing_is_told(tmp_path: Path) -> None:
    values = logits_of(TEXTS)
    values[:, 3] = -1.5
    told = check(from_file(tmp_path, values))
    dev = load_corpus(Study(study_of(tmp_path)).config.corpus).dev.texts
    n = sum("price" in labels for text, labels in tickets() if text in dev)
    assert (
        f"teacher: it gives all {len(dev)} texts of dev that were looked at the same logit for price ({n}), which some of them have; students learn nothing of this label from it"
    ) in told
    values[:] = [1.0, 2.0, 3.0, 4.0]
    assert (
        f"it gives all {len(dev)} texts of dev that were looked at the same logits, where 4 labels have texts"
        in check(from_file(tmp_path, values))
    )
    values[:] = 1.0
    with pytest.raises(CorpusError, match="all its logits on dev are 1, for every class of every text"):
        check(from_file(tmp_path, values))


def test_probabilities_that_a_text_lacks_a_label_are_refused(tmp_path: Path) -> None:
    values = logits_of(TEXTS)
    with pytest.raises(
        CorpusError, match=r"its numbers are lower for the dev texts of a label .* mean ROC AUC of 0\.0\d\d"
    ):
        check(from_file(tmp_path, sigmoid(-values), "probability_"))
    values[:, 2] *= -1
    told = check(from_file(tmp_path, values))
    assert "by the ROC AUC of praise (0.0" in told
    assert "lacks the label?" not in check(from_file(tmp_path, -values * [-1, -1, 1, -1]))


def test_numbers_that_have_nothing_to_do_with_the_labels_are_not_turned(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).normal(size=(len(TEXTS), 4))
    assert "lacks the label?" not in check(from_file(tmp_path, noise))


def test_logarithms_of_probabilities_as_logits_are_told(tmp_path: Path) -> None:
    told = check(from_file(tmp_path, np.log(sigmoid(logits_of(TEXTS)))))
    assert "its logits are all <= 0, so that it gives no label a probability above 0.5; if they are logarithms" in told
    assert "logarithms of probabilities, write" not in check(from_file(tmp_path, logits_of(TEXTS)))
