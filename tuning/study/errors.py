"""The faults of a study, one line for each: its dotted path, the value, and what would be valid."""

from __future__ import annotations

import datetime
import difflib
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from distune._kinds import OpenKinds


class StudyError(ValueError):
    """A study, an override or a search that cannot be used; each line of the message is one fault."""

    exit_code: ClassVar[int] = 2


def faults_of(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """One line for each error that pydantic found in a value for `model`, which is at `prefix` in the study."""
    return [_line(details, model, prefix) for details in _own(error)]


FOLLOWS = "default_factory_not_called"
"""The type of pydantic's error about a default that depends on other parts, if one of these is faulty."""


def _own(error: ValidationError) -> list[Any]:
    """The faults without those that only follow from another."""
    return [one for one in error.errors() if one["type"] != FOLLOWS] or list(error.errors())


Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str, ...]
ROUNDS = 5
"""The faulty parts that one round leaves out show more faults in the next. Each round is shorter, and few studies
need this many."""


def validated(
    model: type[Model], value: Any, prefix: str = "", context: dict[str, Any] | None = None
) -> tuple[Model | None, list[str]]:
    """The model of a value, None if it has faults, and one line for each of them.

    pydantic compares the parts of a block with each other only if each of them is known and valid. Invalid parts are
    left out and the rest is validated again, so that all faults are found at once.
    """
    left_out: dict[Place, bool] = {}
    """Whether it may be what a rule of its block wants: a wrong value, a misspelt key."""
    faults = _numbers_by_name(model, value, prefix)
    for _ in range(ROUNDS):
        try:
            valid = model.model_validate(_without(value, left_out), context=context)
        except ValidationError as error:
            found = [(_place(value, details["loc"]), details) for details in _own(error)]
            lines = [
                _line(details, model, prefix) for place, details in found if not _follows(place, details, left_out)
            ]
            faults += dict.fromkeys(line for line in lines if line not in faults)
            new = {
                place: _is_wanted(place, details, model) for place, details in found if place and place not in left_out
            }
            if not new:
                break
            left_out |= new
        else:
            return (None, faults) if faults else (valid, [])
    return None, faults


def _numbers_by_name(annotation: Any, value: Any, place: str) -> list[str]:
    """`epochs: yes` is the truth value True in YAML, and 1 to pydantic."""
    if isinstance(value, bool):
        kinds = _types_in(annotation)
        is_number = kinds & {int, float} and bool not in kinds
        return [f"{place}: must be a number, but got {value}"] if is_number else []
    if isinstance(value, list | tuple):
        parts = [(annotation, inner, f"{place}.{n}") for n, inner in enumerate(value)]
    elif isinstance(value, dict):
        models = _models_in(annotation)
        tagged = [model for model in models if value.get("kind") in _kinds(model)]
        fields = {key: field for model in tagged or models for key, field in model.model_fields.items()}
        parts = [
            (_annotation_of(fields[key]), inner, f"{place}.{key}" if place else key)
            for key, inner in value.items()
            if key in fields
        ]
    else:
        return []
    return [line for part in parts for line in _numbers_by_name(*part)]


def _types_in(annotation: Any) -> set[Any]:
    """The types that an annotation takes, with `bool` for what is true and false by name."""
    if get_origin(annotation) is Literal:
        return {type(one) for one in get_args(annotation)}
    arguments = get_args(annotation)
    return {found for one in arguments for found in _types_in(one)} if arguments else {annotation}


def _place(value: Any, loc: Sequence[int | str]) -> Place:
    """The keys that lead to what pydantic means, without the tags of unions among them, and to a list as a whole."""
    place: list[str] = []
    for part in loc:
        if isinstance(value, list | tuple):
            break
        if isinstance(value, dict) and part in value:
            place.append(str(part))
            value = value[part]
        elif part == loc[-1]:
            place.append(str(part))  # One that is missing.
    return tuple(place)


def _without(value: Any, left_out: Collection[Place], place: Place = ()) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: inner for key, inner in value.items() if (*place, str(key)) not in left_out}
    return {key: _without(inner, left_out, (*place, str(key))) for key, inner in kept.items()}


def _is_wanted(place: Place, details: ErrorDetails, model: type[BaseModel]) -> bool:
    _, owner = _resolve(model, details["loc"])
    if details["type"] != "extra_forbidden" or owner is None:
        return True
    return bool(difflib.get_close_matches(place[-1], owner.model_fields, n=1))


def _follows(place: Place, details: ErrorDetails, left_out: Mapping[Place, bool]) -> bool:
    """Whether pydantic only misses what was left out, or holds a block together of which something was."""
    if details["type"] == "missing":
        return place in left_out
    if details["type"] == "too_short":  # pydantic counts the valid values alone.
        return bool(len(details["input"]) >= details["ctx"]["min_length"])
    return any(is_wanted and other[:-1] == place for other, is_wanted in left_out.items())


def _line(details: ErrorDetails, model: type[BaseModel], prefix: str) -> str:
    path, owner = _resolve(model, details["loc"])
    place = ".".join([*([prefix] if prefix else []), *path])
    kind, value = details["type"], details.get("input")
    if kind == "extra_forbidden" and owner is not None:
        return f"{place}: unknown key{_nearest(path[-1], owner.model_fields)}"
    if kind == "union_tag_invalid":
        context = details.get("ctx", {})
        return f"{place}.kind: must be one of {context.get('expected_tags')}, but got {context.get('tag')!r}"
    if kind == "union_tag_not_found":
        return f"{place}: needs a `kind:`"
    if kind == "missing":
        return f"{place}: is missing"
    message = in_words(details)
    shown = str(value) if isinstance(value, datetime.date) else repr(value)
    got = "" if isinstance(value, dict) or "but got" in message else f", but got {shown}"
    return f"{place or 'study'}: {message}{got}"


WORDS = {
    "bool": "must be true or false",
    "dict": "must be a block of keys",
    "finite": "must be a finite number",
    "float": "must be a number",
    "frozen": "must be a list",
    "greater_than": "must be > {gt:g}",
    "greater_than_equal": "must be >= {ge:g}",
    "int": "must be a whole number",
    "less_than": "must be < {lt:g}",
    "less_than_equal": "must be <= {le:g}",
    "list": "must be a list",
    "literal": "must be {expected}",
    "model": "must be a block of keys",
    "none": "must be null",
    "path": "must be a path",
    "string": "must be text",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} values",
    "too_short": "must have at least {min_length} values",
    "tuple": "must be a list",
}
"""The faults that pydantic finds, by type or by the beginning of the type, in the words of a study file."""


def in_words(details: ErrorDetails) -> str:
    """The fault of a value, without pydantic's words; a message of our own is unchanged."""
    kind = details["type"]
    words = WORDS.get(kind) or WORDS.get(kind.partition("_")[0])
    if words is None:
        return details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return words.format(**details.get("ctx", {}))


def _nearest(key: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {close[0]!r}? The" if close else "the"
    return f"; {hint} keys here are {', '.join(names)}"


def _resolve(model: type[BaseModel], loc: Sequence[int | str]) -> tuple[list[str], type[BaseModel] | None]:
    """The dotted path of a pydantic location without the union tags in it, and the model that its last key is in."""
    path: list[str] = []
    annotation: Any = model
    owner: type[BaseModel] | None = model
    for part in loc:
        members = _models_in(annotation)
        tagged = [member for member in members if part in _kinds(member)]
        if tagged and not any(part in member.model_fields for member in members):
            annotation = owner = tagged[0]
            continue
        path.append(str(part))
        owner = members[0] if len(members) == 1 else None
        field = next((member.model_fields[part] for member in members if part in member.model_fields), None)
        annotation = _annotation_of(field) if field else (annotation if isinstance(part, int) else None)
    return path, owner


def _annotation_of(field: FieldInfo) -> Any:
    """The type of a field, with the plugs that it takes."""
    plugs = [model for one in field.metadata if isinstance(one, OpenKinds) for model in one.loaded()]
    return Union[(field.annotation, *plugs)] if plugs else field.annotation


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, typing.Annotated):
        return [found for argument in get_args(annotation) for found in _models_in(argument)]
    return []


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()
