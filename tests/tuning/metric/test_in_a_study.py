"""What the metric of a study changes: the rule, the records, the results, the teacher, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import optuna
import pytest

from distune.corpora.corpus import load_corpus
from distune.tuning.champion.columns import quality
from distune.tuning.champion.outcome import outcome
from distune.tuning.champion.results import _column_facts, parse_results
from distune.tuning.champion.table import rows_of_table, table_text
from distune.tuning.checks import check
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.interval import bootstrap_interval
from distune.tuning.metric.metric import Metric, MetricError
from distune.tuning.storage.records import to_record
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.rule import ChampionConfig, least_score, meets, rank, rule_terms, rule_text, teacher_ratio
from distune.tuning.study.space import fill, first_of, leaves
from distune.tuning.teachers.assumed import of_rare_labels
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.sources import _score
from distune.tuning.tracking.promotion import candidate_of
from distune.tuning.tracking.view import view_tags
from distune.tuning.trial.config import TrialConfig
from tests.making.candidates import GOOD
from tests.making.columns import COLUMNS
from tests.making.findings import RECORDS, results

F1 = MetricConfig(kind="macro_f1")
RATIO = ChampionConfig(min_teacher_ratio=0.8)


def test_of_scores_below_zero_a_student_keeps_the_teachers_over_its_own() -> None:
    # A log loss of 0.4 that keeps 80 % of its quality may be 0.4 / 0.8 = 0.5.
    assert least_score(0.8, -0.4) == pytest.approx(-0.5)
    assert meets(-0.5, 1.0, RATIO, -0.4)
    assert not meets(-0.51, 1.0, RATIO, -0.4)
    assert teacher_ratio(-0.5, -0.4) == pytest.approx(0.8)
    assert teacher_ratio(-0.2, -0.4) == pytest.approx(2.0)
    # Of a correlation that is below zero no part is kept.
    assert teacher_ratio(-0.1, 0.4) is None
    assert teacher_ratio(0.1, -0.4) is None
    by_score = ChampionConfig(max_latency_ms=1.0)
    assert sorted([-0.3, -0.1, -0.2], key=lambda score: rank(score, 0.5, by_score, -0.1)) == [-0.1, -0.2, -0.3]


def test_the_rule_names_the_metric_and_that_of_accuracy_is_spelt_as_ever() -> None:
    both = ChampionConfig(min_teacher_ratio=0.97, max_latency_ms=0.5)
    assert rule_text(RATIO, F1) == "the fastest that keeps 80 % of the teacher's dev macro-F1"
    assert rule_text(both, F1).startswith(
        "the best by dev macro-F1 that keeps 97 % of the teacher's dev macro-F1 and answers"
    )
    assert rule_terms(both) != rule_terms(both, F1)
    assert rule_terms(both).startswith("the most accurate that keeps 97.0% of the teacher's dev accuracy and answers")


def journal_trial(**attributes: Any) -> optuna.trial.FrozenTrial:
    attributes |= {"config": RECORDS[1].config.model_dump(mode="json"), "state": "complete", "latency_ms": 0.5}
    return optuna.create_trial(state=optuna.trial.TrialState.COMPLETE, value=0.8, user_attrs=attributes)


def test_a_journal_of_an_earlier_distune_has_accuracies() -> None:
    now, earlier = to_record(journal_trial(score=-0.3)), to_record(journal_trial(accuracy=0.8))
    assert now is not None
    assert earlier is not None
    assert (now.score, earlier.score) == (-0.3, 0.8)


def test_results_are_read_by_the_metric_that_they_name() -> None:
    raw = results()
    assert parse_results(raw).metric == MetricConfig()
    raw["metric"] = {"kind": "macro_f1"}
    for one in raw["finalists"]:
        one["dev_macro_f1"], one["plain_dev_macro_f1"] = [0.6, 0.8], [0.5, 0.5]
    for column in raw["columns"]:
        score = {"mean": 0.7, "sd": 0.0}
        column["quality"] |= {"dev_macro_f1": score, "test_macro_f1": score, "test_interval": [0.65, 0.75]}
    found = parse_results(raw)
    assert found.metric == F1
    assert found.shown.dev_scores == (0.6, 0.8)
    assert (found.columns[0].quality.test_score.mean, found.columns[0].quality.test_accuracy.mean) == (0.7, 0.9)
    assert found.columns[0].quality.test_interval == (0.65, 0.75)
    assert parse_results({**raw, "columns": [_column_facts(one) for one in found.columns]}) == found


def test_the_table_has_the_score_its_interval_and_the_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distune.tuning.metric.interval.bootstrap_interval", partial(bootstrap_interval, n_samples=20))
    labels, logits = np.array([0, 0, 0, 1]), np.array([[1, 0], [1, 0], [1, 0], [1, 0]], np.float32)
    figures = quality(Metric(F1), [0.5], [logits], labels, None)
    # F1 of class 0: 2 * 3 / (4 + 3) = 6/7, of class 1: 0.
    assert figures.test_score.mean == pytest.approx(3 / 7)
    assert figures.test_accuracy.mean == 0.75
    columns = tuple(replace(one, quality=figures) for one in COLUMNS)
    rows = rows_of_table(columns)
    assert [name for name, _ in rows][:4] == ["dev macro-F1", "test macro-F1", "  95 % interval", "test accuracy"]
    assert [name for name, _ in rows][4] == "agrees with the teacher"
    assert rows[2][1][0] == "0.4286 to 0.4286"  # Whichever texts are drawn, all are answered alike.
    assert "test accuracy" in table_text("demo", "rule", columns, "a CPU")  # type: ignore[arg-type]
    assert outcome(columns).startswith("Keeps all of the teacher's macro-F1 (100.0 %)")


def test_a_study_may_call_its_metric_accuracy_only_where_it_is(document: dict[str, Any]) -> None:
    config = Study({**document, "metric": "macro_f1"}).config
    assert config.search.figures == ("score", "latency_ms")
    assert config.objective_names == ("macro_f1", "latency_ms")
    search = {**document["search"], "objectives": ["accuracy"]}
    assert Study({**document, "search": search}).config.search.figures == ("score",)
    with pytest.raises(
        StudyError, match=r"search\.objectives names accuracy, but the study's metric is macro-F1: write metric"
    ):
        Study({**document, "search": search, "metric": "macro_f1"})
    with pytest.raises(StudyError, match="f1 needs the label that it is of, such as"):
        Study({**document, "metric": "f1"})


def test_a_label_that_the_corpus_does_not_have_is_refused_before_a_teacher_is_asked(document: dict[str, Any]) -> None:
    with pytest.raises(
        MetricError, match=r"metric\.label: 'spam' is no label of the corpus, whose labels are '0', '1'"
    ):
        check(Study({**document, "metric": {"f1": "spam"}}))
    assert "no fault" in check(Study({**document, "metric": {"f1": 1}}))


def test_a_teacher_that_is_trained_is_another_one_by_another_metric(document: dict[str, Any]) -> None:
    def key(metric: Any, **teacher: Any) -> str:
        config = Study({**document, "metric": metric, "teacher": {**document["teacher"], **teacher}}).config
        return locate(config, load_corpus(config.corpus))[0].key.teacher

    assert key("accuracy") == key("macro_f1")  # It is asked as it is.
    assert len({key(metric, epochs=1) for metric in ("accuracy", "macro_f1", {"f1": "1"}, {"f1": "0"})}) == 4


def test_a_teachers_columns_are_taken_in_the_order_of_the_labels() -> None:
    # The head has columns other, b, a; the corpus has labels a, b. Each text is answered rightly, but for column other.
    logits = np.array([[9.0, 0.0, 1.0], [9.0, 1.0, 0.0]], np.float32)
    assert _score(Metric(F1), np.array([2, 1]), logits, np.array([2, 1])) == 1.0


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ([97, 3], "metric: accuracy hardly counts 'b', which is 3.0 % of dev."),
        ([95, 5], None),
        (
            [940, 30, 30],
            "metric: accuracy hardly counts 'b', which is 3.0 % of dev, and 1 more of the 3 labels are rare too.",
        ),
        ([1] * 40, None),  # Each is 2.5 %, and none is rarer than another.
    ],
)
def test_a_label_that_accuracy_hardly_counts_is_told(counts: list[int], line: str | None) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    names = "abc"[: len(counts)] if len(counts) < 4 else list(map(str, range(40)))
    told = of_rare_labels(MetricConfig(), labels, names)
    assert [one[: len(line or "")] for one in told] == ([line] if line else [])
    assert of_rare_labels(F1, labels, names) == []


def test_a_version_of_an_earlier_distune_was_chosen_by_accuracy() -> None:
    tags = GOOD.tags()
    tags["distune.dev_accuracy"] = tags.pop("distune.dev_score")
    assert candidate_of(tags) == GOOD


def test_mlflows_page_sorts_by_the_metric() -> None:
    saved = view_tags(5, "macro_f1")["mlflow.sharedViewState.distune"]
    assert "metrics.`macro_f1`" in saved
    assert "final/dev_macro_f1" in saved
    assert "accuracy" not in saved.replace("Accuracy against speed", "")


def test_weights_of_classes_may_be_searched_and_name_labels_of_the_corpus(document: dict[str, Any]) -> None:
    document["trial"]["loss"]["class_weights"] = {1: {"log": [1, 20]}}
    study = Study(document)
    assert [path for path, _, _ in leaves(study.space.root) if "class_weights" in path] == ["loss.class_weights.1"]
    config = TrialConfig.model_validate(fill(study.space.root, first_of, "", ()))
    assert config.loss.class_weights == {"1": 1.0}
    assert TrialConfig.kept(config.model_dump(mode="json")) == config
    assert "no fault" in check(study)
    document["trial"]["loss"]["class_weights"] = {"spam": 2}
    with pytest.raises(
        StudyError, match=r"trial\.loss\.class_weights: 'spam' is no label of the corpus, whose labels are '0'"
    ):
        check(Study(document))
    for faulty, fault in (
        ({"1": 0}, "the weight of '1' must be a number > 0 and <= 1000, but got 0"),
        ({"1": "much"}, "the weight of '1' must be a number > 0 and <= 1000, but got 'much'"),
        ({}, "must name a label with its weight, such as {spam: 5}, but got {}"),
        ("spam", "must be none, balanced, effective, or a weight for each label, such as {spam: 5}, but got 'spam'"),
    ):
        document["trial"]["loss"]["class_weights"] = faulty
        with pytest.raises(StudyError) as error:
            Study(document)
        assert str(error.value) == f"trial.loss.class_weights: {fault}"
