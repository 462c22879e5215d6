"""What is wrong with a study, in one line for each fault: its dotted path, the value, and what would be valid."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from distune._kinds import OpenKinds


class StudyError(ValueError):
    """A study, an override or a search that cannot be used; each line of the message is one fault."""

    exit_code: ClassVar[int] = 2


def faults_of(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """One line for each error that pydantic found in a value for `model`, which stands at `prefix` in the study."""
    return [_line(details, model, prefix) for details in error.errors()]


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
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    got = "" if isinstance(value, dict) or "but got" in message else f", but got {value!r}"
    return f"{place or 'study'}: {message}{got}"


def _nearest(key: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} The keys here are {', '.join(names)}"


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
