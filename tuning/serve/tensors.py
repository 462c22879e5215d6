"""Texts and answers as tensors, in the form of the Open Inference Protocol, version 2, which KServe, Triton and MLServer speak."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException

from distune.models.answers import AnyAnswer, Text
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.reading import checked_texts, shown_value

Tensor = dict[str, Any]


def describe(name: str, of_pairs: bool, is_multi_label: bool, n_labels: int) -> dict[str, Any]:
    """The tensors of a model, for `GET /v2/models/NAME`; -1 is the number of texts."""
    answer = ("answered", "BOOL", [-1, n_labels]) if is_multi_label else ("label", "BYTES", [-1])
    outputs = (
        answer,
        ("probabilities", "FP32", [-1, n_labels]),
        ("labels", "BYTES", [n_labels]),
        ("has_known_token", "BOOL", [-1]),
    )
    return {
        "name": name,
        "platform": "distune",
        "inputs": [_spec(side, "BYTES", [-1]) for side in _sides(of_pairs)],
        "outputs": [_spec(*one) for one in outputs],
    }


def texts_of_tensors(value: Any, limits: Limits, of_pairs: bool = False) -> list[Text]:
    """The texts in the tensor `text`, with `text_b` if they are pairs. Raises HTTPException for any other body."""
    match value:
        case {"inputs": [*tensors]} if all(isinstance(one, dict) for one in tensors):
            by_name = {one.get("name"): one for one in tensors if isinstance(one.get("name"), str)}
        case _:
            raise HTTPException(
                400,
                'the body must be {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["..."]}]}',
            )
    sides = _sides(of_pairs)
    if set(by_name) != set(sides) or len(tensors) != len(sides):
        names = ", ".join(shown_value(one.get("name")) for one in tensors) or "none"
        raise HTTPException(400, f"the inputs must be {' and '.join(sides)}, but got {names}")
    columns = [_strings(side, by_name[side]) for side in sides]
    if len({len(column) for column in columns}) > 1:
        raise HTTPException(400, f"text has {len(columns[0])} texts, and text_b has {len(columns[1])}")
    return checked_texts(
        columns[0] if len(columns) == 1 else list(map(list, zip(*columns, strict=True))), limits, of_pairs
    )


def tensors_of(answers: Sequence[AnyAnswer], labels: Sequence[str], wanted: Any) -> list[Tensor]:
    """The answers as tensors: all of them, or those that the `outputs` of a request name. Raises HTTPException for an
    unknown one."""
    n, k = len(answers), len(labels)
    found = [
        _tensor("label", "BYTES", [n], [one["label"] for one in answers if "label" in one])
        if "label" in answers[0]
        else _tensor(
            "answered",
            "BOOL",
            [n, k],
            [label in one["labels"] for one in answers if "labels" in one for label in labels],
        ),
        _tensor("probabilities", "FP32", [n, k], [one["probabilities"][label] for one in answers for label in labels]),
        _tensor("labels", "BYTES", [k], list(labels)),
        _tensor("has_known_token", "BOOL", [n], [one["has_known_token"] for one in answers]),
    ]
    if "abstained" in answers[0]:
        found.append(_tensor("abstained", "BOOL", [n], [one.get("abstained") for one in answers]))
    if wanted is None or wanted == []:
        return found
    by_name = {one["name"]: one for one in found}
    names = (
        [one.get("name") if isinstance(one, dict) else None for one in wanted] if isinstance(wanted, list) else [None]
    )
    unknown = next((name for name in names if not isinstance(name, str) or name not in by_name), "")
    if unknown != "":
        raise HTTPException(400, f"outputs may name {', '.join(by_name)}, but got {shown_value(unknown)}")
    return [by_name[name] for name in names]


def _sides(of_pairs: bool) -> tuple[str, ...]:
    return ("text", "text_b") if of_pairs else ("text",)


def _spec(name: str, datatype: str, shape: Sequence[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def _tensor(name: str, datatype: str, shape: Sequence[int], data: Sequence[Any]) -> Tensor:
    return {**_spec(name, datatype, shape), "data": list(data)}


def _strings(name: str, tensor: Mapping[str, Any]) -> list[Any]:
    """The values of a tensor of strings with one dimension, or with a second one of 1; they may be nested as their shape is."""
    shape: Any = tensor.get("shape")
    data = tensor.get("data")
    if tensor.get("datatype") != "BYTES":
        raise HTTPException(400, f"the datatype of {name} must be BYTES, but got {shown_value(tensor.get('datatype'))}")
    is_shape = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if not is_shape or len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise HTTPException(400, f"the shape of {name} must be [texts] or [texts, 1]")
    if not isinstance(data, list):
        raise HTTPException(400, f"{name} has no data; binary tensors are not taken: send them as JSON")
    flat = [one[0] if len(shape) == 2 and isinstance(one, list) and len(one) == 1 else one for one in data]
    if len(flat) != math.prod(shape):
        raise HTTPException(400, f"{name} has the shape {shape}, but {len(flat)} values")
    return flat
