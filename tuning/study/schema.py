"""The JSON Schema of the study file, by which editors complete its keys, show what they mean and mark what they do not take.

It is pydantic's schema of the config classes, except for `trial`, where each leaf may also be a range and each block
that has kinds a list of them. No schema can say that one file has the columns, or that one key needs another; `distune
check` says it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from distune.tuning.metric.config import KINDS
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.reference import meanings
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import OPEN

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
IN_TRIAL = "In"
"""Goes before the name of a class if its leaves may be ranges."""
LABEL = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
"""Labels may be whole numbers, which are taken as they are spelt."""


def study_schema() -> Schema:
    """The schema of a whole study file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Of defaults whose type is one of several.
        study, trial = StudyConfig.model_json_schema(), TrialConfig.model_json_schema()
    definitions = study.pop("$defs")
    classes = {one.__name__: one for one in _classes_in(StudyConfig)} | {
        one.__name__: one for one in _classes_in(TrialConfig)
    }
    spaces = {**trial.pop("$defs"), "TrialConfig": trial}
    for name, schema in [*definitions.items(), *spaces.items(), ("StudyConfig", study)]:
        _explain(schema, classes[name])
    definitions |= {f"{IN_TRIAL}{name}": _as_space(schema) for name, schema in spaces.items()}
    space = {"$ref": f"#/$defs/{IN_TRIAL}TrialConfig"}
    study["properties"]["trial"] = {**space, "description": meanings(StudyConfig)["trial"]}
    students = definitions["StudentsConfig"]["properties"]["trial"]
    definitions["StudentsConfig"]["properties"]["trial"] = {
        "anyOf": [space, {"type": "null"}],
        "description": students["description"],
    }
    answers = definitions["TeacherConfig"]["properties"]["answers"]
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    answers["anyOf"] = [{"type": "string"}, names, *answers["anyOf"]]
    metric = study["properties"]["metric"]
    metric["anyOf"] = [{"$ref": metric.pop("$ref")}, *_short_metrics()]
    labels = definitions["CorpusConfig"]["properties"]["labels"]
    labels["anyOf"] = [{**one, "items": LABEL} if one.get("type") == "array" else one for one in labels["anyOf"]]
    return {"$schema": DIALECT, **study, "title": "a study of Distune", "$defs": definitions}


def _short_metrics() -> list[Schema]:
    """The short forms of a metric: its kind alone, or its kind with its label or settings."""
    settings = {"anyOf": [LABEL, {"type": "object"}]}
    one_kind = {"type": "object", "properties": dict.fromkeys(KINDS, settings), "additionalProperties": False}
    return [{"enum": list(KINDS)}, {**one_kind, "minProperties": 1, "maxProperties": 1}]


def _classes_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for one in _models_of(field.annotation):
            yield from _classes_in(one)


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_of(argument)


def _explain(schema: Schema, model: type[BaseModel]) -> None:
    """Put what the docstrings of fields say to them, and leave out names that only repeat the keys."""
    schema.pop("title", None)
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        field.pop("travels", None)
        if meaning := meanings(model).get(name):
            field["description"] = meaning


def _as_space(schema: Schema) -> Schema:
    """The schema of a block whose leaves may be ranges."""
    fields = {
        name: field if name == "kind" else _leaf_or_blocks(field)
        for name, field in schema.get("properties", {}).items()
    }
    required = [*schema.get("required", []), *(["kind"] if "kind" in fields else [])]
    return {**schema, "properties": fields, "required": list(dict.fromkeys(required))}


def _leaf_or_blocks(field: Schema) -> Schema:
    told: Schema = {name: field[name] for name in ("description", "default") if name in field}
    rest = {name: value for name, value in field.items() if name not in told and name != "discriminator"}
    if "oneOf" in rest:
        block = {"anyOf": [*_in_trial(rest["oneOf"]), *_plugged(rest["oneOf"])]}
        return {"anyOf": [block, {"type": "array", "items": block, "minItems": 1}], **told}
    blocks = [one for one in rest.get("anyOf", [rest]) if "$ref" in one or "oneOf" in one]
    if not blocks:
        return {"anyOf": [rest, *_ranges(rest)], **told}
    if blocks == [rest]:
        return {**_in_trial(blocks)[0], **told}
    kinds = [kind for one in blocks for kind in one.get("oneOf", [one])]
    leaves = [one for one in rest["anyOf"] if one not in blocks]
    block = {"anyOf": [*_in_trial(kinds), *_plugged(kinds)]}
    return {"anyOf": [*leaves, block, {"type": "array", "items": block, "minItems": 1}], **told}


def _in_trial(references: list[Schema]) -> list[Schema]:
    return [{"$ref": one["$ref"].replace("#/$defs/", f"#/$defs/{IN_TRIAL}")} for one in references]


def _plugged(references: list[Schema]) -> list[Schema]:
    """A block of a kind that a plug brings, if the part takes plugs, with any settings."""
    names = {one["$ref"].removeprefix("#/$defs/") for one in references}
    for kinds in OPEN:
        if names == {one.__name__ for one in get_args(kinds.ours)}:
            kind = {"type": "string", "not": {"enum": list(kinds.names_of_ours)}}
            return [{"type": "object", "properties": {"kind": kind}, "required": ["kind"]}]
    return []


def _ranges(leaf: Schema) -> list[Schema]:
    """The ranges of a leaf: a choice among its values, and for numbers an interval."""
    options = leaf.get("anyOf", [leaf])
    for one in options:  # Numbers by name, such as the weights of labels, are leaves of their own.
        if isinstance(inner := one.get("additionalProperties"), dict):
            one["additionalProperties"] = {"anyOf": [inner, *_ranges(inner)]}
    found = [_block("choice", {"type": "array", "items": leaf, "minItems": 1})]
    numbers = [one for one in options if one.get("type") in ("number", "integer")]
    if numbers:
        ends = {"type": "array", "items": numbers[0], "minItems": 2, "maxItems": 2}
        found += [
            _block("between", ends),
            _block("log", {**ends, "items": {"allOf": [numbers[0], {"exclusiveMinimum": 0}]}}),
        ]
    return found


def _block(name: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}
