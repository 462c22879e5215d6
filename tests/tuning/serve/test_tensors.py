from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException

from distune.models.answers import Answer, SetAnswer
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.tensors import describe, tensors_of, texts_of_tensors

ONE: Answer = {"label": "good", "probabilities": {"bad": 0.25, "good": 0.75}, "has_known_token": True}
OTHER: Answer = {"label": "bad", "probabilities": {"bad": 0.9, "good": 0.1}, "has_known_token": False}


def tensor(name: str, data: Any, **others: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": "BYTES", "data": data, **others}


@pytest.mark.parametrize(
    "text",
    [
        tensor("text", ["好", "坏"]),
        tensor("text", [["好"], ["坏"]], shape=[2, 1]),
        tensor("text", ["好", "坏"], shape=[2, 1]),
    ],
)
def test_texts_come_as_a_tensor_of_one_column(text: dict[str, Any]) -> None:
    assert texts_of_tensors({"id": "7", "inputs": [text]}, Limits()) == ["好", "坏"]


def test_pairs_come_as_two_tensors_in_any_order() -> None:
    inputs = [tensor("text_b", ["2", "4"]), tensor("text", ["1", "3"])]
    assert texts_of_tensors({"inputs": inputs}, Limits(), of_pairs=True) == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"texts": ["好"]}, "the body must be "),
        ({"inputs": ["好"]}, "the body must be "),
        ({"inputs": []}, "the inputs must be text, but got none"),
        ({"inputs": [tensor("texts", ["好"])]}, 'the inputs must be text, but got "texts"'),
        ({"inputs": [tensor("text", ["好"]), tensor("text", ["坏"])]}, 'but got "text", "text"'),
        ({"inputs": [tensor("text", ["好"], datatype="FP32")]}, 'the datatype of text must be BYTES, but got "FP32"'),
        ({"inputs": [tensor("text", ["好"], shape=[1, 2])]}, "the shape of text must be"),
        ({"inputs": [tensor("text", ["好"], shape=[True])]}, "the shape of text must be"),
        ({"inputs": [tensor("text", ["好"], shape=[2])]}, r"text has the shape \[2\], but 1 values"),
        ({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"}]}, "binary tensors are not taken"),
        ({"inputs": [tensor("text", [7])]}, "text 1 must be a string, but got 7"),
        ({"inputs": [tensor("text", [])]}, "there are no texts in the body"),
    ],
)
def test_other_tensors_are_refused(value: Any, fault: str) -> None:
    with pytest.raises(HTTPException, match=fault) as refused:
        texts_of_tensors(value, Limits())
    assert refused.value.status_code == 400


def test_sides_of_unequal_length_are_refused() -> None:
    inputs = [tensor("text", ["1", "3"]), tensor("text_b", ["2"])]
    with pytest.raises(HTTPException, match="text has 2 texts, and text_b has 1"):
        texts_of_tensors({"inputs": inputs}, Limits(), of_pairs=True)


def test_answers_are_tensors_whose_columns_have_the_order_of_the_labels() -> None:
    assert tensors_of([ONE, OTHER], ["good", "bad"], None) == [
        {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["good", "bad"]},
        {"name": "probabilities", "datatype": "FP32", "shape": [2, 2], "data": [0.75, 0.25, 0.1, 0.9]},
        {"name": "labels", "datatype": "BYTES", "shape": [2], "data": ["good", "bad"]},
        {"name": "has_known_token", "datatype": "BOOL", "shape": [2], "data": [True, False]},
    ]


def test_of_several_labels_each_is_answered_or_not() -> None:
    answer: SetAnswer = {
        "labels": ["b"],
        "probabilities": {"a": 0.2, "b": 0.6},
        "has_known_token": True,
        "abstained": True,
    }
    found = tensors_of([answer], ["a", "b"], [{"name": "abstained"}, {"name": "answered"}])
    assert found == [
        {"name": "abstained", "datatype": "BOOL", "shape": [1], "data": [True]},
        {"name": "answered", "datatype": "BOOL", "shape": [1, 2], "data": [False, True]},
    ]


@pytest.mark.parametrize("wanted", [[{"name": "logits"}], ["label"], {"name": "label"}, [{}]])
def test_outputs_that_are_not_there_are_refused(wanted: Any) -> None:
    with pytest.raises(HTTPException, match="outputs may name label, probabilities, labels, has_known_token, but got"):
        tensors_of([ONE], ["bad", "good"], wanted)


def test_a_model_says_what_it_takes_and_gives() -> None:
    found = describe("s", of_pairs=True, is_multi_label=True, n_labels=3)
    assert [one["name"] for one in found["inputs"]] == ["text", "text_b"]
    assert found["outputs"][:2] == [
        {"name": "answered", "datatype": "BOOL", "shape": [-1, 3]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
    ]
