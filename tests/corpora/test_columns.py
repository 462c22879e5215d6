"""Which column of a teacher is which class: by name, by number, in the order of the labels, or as the study says."""

from __future__ import annotations

import pytest

from distune.corpora.columns import class_names, column_order, label_sort_key
from distune.corpora.texts import CorpusError

LABELS = ("neg", "pos")


def test_whole_numbers_sort_by_their_value_and_before_names() -> None:
    labels = ["other", "10", "2", "-1", "0", "1", "-10", "a", "1.5", "+3"]
    assert sorted(labels, key=label_sort_key) == ["-10", "-1", "0", "1", "1.5", "2", "+3", "10", "a", "other"]


def test_names_that_are_the_labels_count_in_any_order_and_are_not_worth_a_word() -> None:
    order = column_order(["pos", "neg"], LABELS, "t")
    assert (order.order, order.assumed, order.by_name) == ((1, 0), "", True)
    assert order.by_column(LABELS) == ["pos", "neg"]
    assert column_order(LABELS, LABELS, "t").order == (0, 1)
    three = column_order(["c", "a", "b"], ["a", "b", "c"], "t")
    assert (three.order, three.by_column(["a", "b", "c"])) == ((1, 2, 0), ["c", "a", "b"])


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["POS", " Neg "], LABELS),
        (["\uff50\uff4f\uff53", "neg"], LABELS),
        ([1, 0], ["0", "1"]),
        (["1.0", "0.0"], ["0", "1"]),
        ([1.0, 0.0], ["0", "1"]),
        (["01", "00"], ["0", "1"]),
        (["-1", "-2"], ["-2", "-1"]),
    ],
)
def test_names_of_another_spelling_are_the_labels_and_it_is_said(names: list[object], labels: list[str]) -> None:
    order = column_order(names, labels, "t")
    assert (order.order, order.by_name) == ((1, 0), True)
    if [str(name) for name in names] != list(reversed(labels)):
        assert order.assumed.startswith("its columns are matched by name: ")


def test_two_labels_that_differ_by_case_alone_are_matched_exactly_or_not_at_all() -> None:
    assert column_order(["ok", "OK"], ["OK", "ok"], "t").order == (1, 0)
    with pytest.raises(CorpusError, match="its columns are named Ok, ok, but the labels of the corpus are OK, ok"):
        column_order(["Ok", "ok"], ["OK", "ok"], "t")


def test_columns_without_names_are_taken_in_the_order_of_the_labels_and_it_is_said() -> None:
    for names in (["LABEL_0", "LABEL_1"], ["class_0", "class_1"], ["0", "1"], ["LABEL_1", "LABEL_2"], [0, 1]):
        order = column_order(names, LABELS, "t")
        assert (order.order, order.by_name) == ((0, 1), False)
        assert order.assumed.endswith("have no names; taken in the order of the labels: neg, pos")
    order = column_order(None, LABELS, "t")
    assert order.assumed == "its columns have no names; taken in the order of the labels: neg, pos"


def test_numbered_columns_are_named_next_to_the_labels_that_they_are_taken_for() -> None:
    order = column_order(["LABEL_1", "LABEL_0"], LABELS, "t")
    assert order.order == (1, 0)
    assert order.assumed == "its columns LABEL_0, LABEL_1 have no names; taken in the order of the labels: neg, pos"


def test_numbered_columns_are_taken_by_their_numbers_wherever_they_stand() -> None:
    assert column_order(["LABEL_1", "LABEL_0"], LABELS, "t").order == (1, 0)
    assert column_order(["class 3", "class 1", "class 2"], ["a", "b", "c"], "t").order == (1, 2, 0)


def test_numbered_columns_are_the_labels_that_are_these_numbers() -> None:
    for names in (["LABEL_0", "LABEL_1"], ["class 0", "class 1"]):
        order = column_order(names, ["1", "0"], "t")
        assert (order.order, order.by_name) == ((1, 0), True)
        assert "are taken by their numbers as the labels 0, 1" in order.assumed
    assert column_order(["LABEL_0", "LABEL_1"], ["1", "2"], "t").assumed.endswith("order of the labels: 1, 2")


@pytest.mark.parametrize(
    ("names", "labels", "message"),
    [
        (
            ["neg", "positive"],
            LABELS,
            "its columns are named neg, positive, but the labels of the corpus are neg, pos: only 1 of 2",
        ),
        (
            ["bad", "good"],
            LABELS,
            "named bad, good, but the labels of the corpus are neg, pos: none of them is a label",
        ),
        (["0", "1", "2"], ["1", "2", "3"], "only 2 of 3"),
        (["neg", "neg"], LABELS, "two of its columns have the same name: neg, neg"),
        (["a", "b", "c"], LABELS, r"has 3 columns \(a, b, c\), but the corpus has 2 labels \(neg, pos\)"),
    ],
)
def test_names_that_do_not_match_are_refused_with_both_lists(names: list[str], labels: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        column_order(names, labels, "t")
    assert "\n" not in str(caught.value)


def test_what_the_study_says_counts_before_names() -> None:
    order = column_order(["pos", "neg"], LABELS, "t", said=["neg", "pos"])
    assert order.order == (0, 1)
    assert order.assumed == "its columns are taken as teacher.labels says: neg, pos (they are named pos, neg)"
    assert column_order(["a", "b"], LABELS, "t", said=["pos", "neg"]).order == (1, 0)
    for said in (["neg", "positive"], ["neg"], ["neg", "pos", "pos"]):
        with pytest.raises(
            CorpusError, match=r"teacher\.labels must hold each label of the corpus once \(neg, pos\), but got neg"
        ):
            column_order(None, LABELS, "t", said)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, None),
        ({"id2label": None}, None),
        ({"id2label": {"0": "pos", "1": "neg"}}, ["pos", "neg"]),
        ({"id2label": {1: "neg", 0: "pos"}}, ["pos", "neg"]),
        ({"id2label": {"0": 0, "1": 1}}, ["0", "1"]),
        ({"id2label": ["pos", "neg"]}, ["pos", "neg"]),
        ({"label2id": {"neg": 1, "pos": 0}}, ["pos", "neg"]),
        ({"label2id": {"neg": "1", "pos": "0"}}, ["pos", "neg"]),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"neg": 1, "pos": 0}}, ["pos", "neg"]),
        ({"id2label": {"0": "pos", "1": "neg"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}, ["pos", "neg"]),
        ({"id2label": {str(i): str(i) for i in (0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9)}}, [str(i) for i in range(12)]),
    ],
)
def test_the_names_of_a_checkpoint_are_in_its_settings(settings: dict[str, object], names: list[str] | None) -> None:
    assert class_names(settings, "t") == names


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"id2label": {"0": "a", "2": "c"}}, "t: id2label in config.json must name the columns 0 to 1, but names 0, 2"),
        ({"id2label": {"a": "0"}}, "must map the numbers of columns to labels"),
        ({"id2label": "neg"}, "must map each column to its label, but got 'neg'"),
        ({"label2id": {"neg": 0, "pos": 0}}, "label2id in config.json gives two labels the same column"),
        (
            {"id2label": {"0": "pos", "1": "neg"}, "label2id": {"neg": 0, "pos": 1}},
            "contradicts itself: by id2label its columns are pos, neg, by label2id neg, pos",
        ),
    ],
)
def test_settings_that_name_no_order_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        class_names(settings, "t")
    assert "\n" not in str(caught.value)
