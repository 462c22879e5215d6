"""The model card of a student of several labels a text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from huggingface_hub import ModelCard

from distune.tuning.champion.card import Card, model_card, use_section, with_present_use
from distune.tuning.champion.results import parse_results
from distune.tuning.champion.table import rows_of_table
from distune.tuning.study.config import CardConfig
from tests.making.findings import results
from tests.making.findings_of_sets import columns_of_sets, results_of_sets


def card_of(thresholds: dict[str, float]) -> Card:
    return Card(
        name="tickets-student",
        settings=CardConfig(),
        source="data/tickets.csv",
        about={"Teacher": "a BERT"},
        columns=columns_of_sets(thresholds),
        n_test=100,
        timed="one thread of a CPU",
        teacher_timed="itself",
        limits=(),
        packages=["jieba"],
    )


def section(card: str, title: str) -> str:
    return card.split(f"## {title}\n\n")[1].split("\n\n## ", maxsplit=1)[0]


def test_the_hub_reads_micro_and_macro_f1_and_that_a_text_has_several_labels() -> None:
    data = ModelCard(model_card(card_of({"late": 0.5, "broken": 0.4}))).data
    assert [(one.metric_type, one.metric_name, one.metric_value) for one in data.eval_results] == [
        ("f1", "test micro-F1", 0.85),
        ("f1", "test macro-F1", 0.6),
    ]
    assert data.metrics == ["f1"]
    assert "multi-label-classification" in data.tags


def test_the_threshold_of_each_label_is_a_row() -> None:
    text = model_card(card_of({"late": 0.5, "a|b": 0.41236}))
    assert "distilled by Distune. A text has any number of labels, also none." in text
    found = section(text, "Thresholds")
    assert found.startswith("It answers each label from its own probability on: any number of labels, also none.")
    assert "Dev has chosen the thresholds by micro-F1." in found
    assert found.endswith("| label | from |\n|---|---:|\n| `late` | 0.5000 |\n| `a\\|b` | 0.4124 |")


def test_of_many_labels_it_is_said_where_the_thresholds_lie() -> None:
    found = section(model_card(card_of({f"l{i}": i / 100 for i in range(10, 51)})), "Thresholds")
    # 41 from .10 to .50, a hundredth apart.
    assert found.endswith(
        "Of its 41 thresholds the lowest is 0.1000 (`l10`) and the highest 0.5000 (`l50`). Half of them lie from 0.2000 to 0.4000, "
        "with the median 0.3000."
    )


def test_thresholds_that_nothing_chose_are_one_sentence() -> None:
    found = section(model_card(card_of({"late": 0.5, "broken": 0.5})), "Thresholds")
    assert found.startswith("It answers each label that has a probability of 0.5 or more")
    assert "Dev has chosen" not in found
    assert "|" not in found


def test_it_is_used_by_a_list_of_labels() -> None:
    found = use_section(["jieba"], is_multi_label=True)
    assert 'print(student.labels_of("..."))' in found
    assert '{"labels": ["...", "..."], "probabilities": {"...": 0.9, ...}, "has_known_token": true}' in found
    assert 'print(student.labels_of(("...", "...")))' in use_section([], of_pairs=True, is_multi_label=True)
    one = use_section(["jieba"])
    assert "labels_of" not in one
    assert '"labels"' not in one
    card = f"# x\n\n{one}\nmore\n"
    assert with_present_use(card, ["jieba"], is_multi_label=True) == f"# x\n\n{found}\nmore\n"
    assert with_present_use(f"# x\n\n{found}\nmore\n", ["jieba"]) == card


def test_a_metric_of_its_own_stands_first_in_the_header() -> None:
    card = card_of({"late": 0.5, "broken": 0.4})
    config = card.columns[0].quality.metric.model_copy(update={"kind": "exact_match"})
    columns = [replace(one, quality=replace(one.quality, metric=config)) for one in card.columns]
    data = ModelCard(model_card(replace(card, columns=columns))).data
    assert [one.metric_type for one in data.eval_results] == ["exact_match", "f1", "f1"]


def test_the_results_come_back_with_micro_f1_and_the_thresholds() -> None:
    found = parse_results(results_of_sets())
    student = found.columns[-1]
    assert student.kept is not None
    assert student.kept.thresholds == {"late": 0.5, "broken": 0.4}
    assert student.quality.is_multi_label
    assert [name for name, _ in rows_of_table(found.columns)][:6] == [
        "dev micro-F1",
        "test micro-F1",
        "  95 % interval",
        "test exact match",
        "test macro-F1",
        "agrees with the teacher",
    ]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ({"micro_f1": None}, None, "some of its columns lack micro_f1, and others have it"),
        ({"micro_f1": {"mean": 0.5, "sd": -1.0}}, None, r"micro_f1.*sd: should be greater than or equal to 0"),
        ({}, {"late": 1.5}, "thresholds.late: should be less than or equal to 1"),
        ({}, {"late": np.nan}, "thresholds.late: should be"),
    ],
)
def test_results_of_another_shape_are_refused(column: dict[str, object], value: object, said: str) -> None:
    raw = results_of_sets()
    raw["columns"][0]["quality"] |= column
    if value is not None:
        raw["columns"][2]["kept"]["thresholds"] = value
    with pytest.raises(ValueError, match=said):
        parse_results(raw)


def test_results_of_one_label_say_that_they_have_no_micro_f1() -> None:
    raw = results()
    for one in raw["columns"]:
        one["quality"]["micro_f1"] = None
    assert not parse_results(raw).columns[0].quality.is_multi_label
