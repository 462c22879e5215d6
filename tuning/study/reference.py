"""The page docs/study-file.md: every block and key of a study file, from the config classes and their docstrings.

Run: python -m distune.tuning.study.reference > docs/study-file.md
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from distune._kinds import kind_of
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.reference_text import EXAMPLES, INTRODUCTION, NOTES
from distune.tuning.trial.config import TrialConfig

Models = tuple[type[BaseModel], ...]
YAML_END = "...\n"
"""The end that PyYAML puts after a plain value."""
HEADING = "| key | values | default | meaning |\n|---|---|---|---|"
WORDS: dict[Any, str] = {int: "whole number", float: "number", str: "text", Path: "path", bool: "`true` or `false`"}
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "multiple_of": "a multiple of"}


def reference() -> str:
    """The page, in Markdown."""
    sections = [_section("", (StudyConfig,))]
    shown: set[Models] = set()
    for path, models in _blocks("", StudyConfig):
        if models not in shown:
            shown.add(models)
            sections.append(_section(path, models))
    return "\n\n".join([INTRODUCTION.strip(), *sections]) + "\n"


def _blocks(path: str, model: type[BaseModel]) -> Iterator[tuple[str, Models]]:
    """Every block below a model with its dotted path and its kinds, depth first, as the file has them."""
    for name, models in _blocks_of(model).items():
        place = f"{path}.{name}".lstrip(".")
        yield place, models
        for one in models:
            yield from _blocks(place, one)


def _blocks_of(model: type[BaseModel]) -> dict[str, Models]:
    """The keys of a model that hold blocks; `trial`, which is kept as it is written, has the shape of TrialConfig."""
    found = {name: _models_in(field.annotation) for name, field in model.model_fields.items()}
    if model is StudyConfig:
        found["trial"] = (TrialConfig,)
    return {name: models for name, models in found.items() if models}


def _models_in(annotation: Any) -> Models:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for argument in get_args(annotation) for model in _models_in(argument))


@cache
def _places() -> dict[Models, str]:
    """The place that describes the block of some models: its first place in the file."""
    places: dict[Models, str] = {}
    for path, models in _blocks("", StudyConfig):
        places.setdefault(models, path)
    return places


def _section(path: str, models: Models) -> str:
    title = f"{'#' * (path.count('.') + 2)} {path or 'The file'}"
    parts = [title, _summary(models[0]) if path and len(models) == 1 else "", NOTES.get(path, "")]
    if path in EXAMPLES:
        parts.append(f"```yaml\n{textwrap.dedent(EXAMPLES[path]).strip()}\n```")
    rows = _rows(models[0]) if len(models) == 1 else _rows_by_kind(models)
    return "\n\n".join(part for part in [*parts, "\n".join([HEADING, *rows])] if part)


def _rows(model: type[BaseModel], names: Sequence[str] | None = None) -> list[str]:
    return [_row(model, name) for name in (names if names is not None else model.model_fields)]


def _row(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    blocks = _blocks_of(model).get(name)
    values = _block_link(field.annotation, blocks) if blocks else _values(field.annotation, field.metadata)
    return f"| `{name}` | {values} | {_default(field)} | {meanings(model).get(name, '')} |"


def _rows_by_kind(models: Models) -> list[str]:
    """The keys that several kinds share, then each kind with those of its own, and those with another default there."""
    holders: dict[tuple[str, str], list[type[BaseModel]]] = {}
    for model in models:
        for name in model.model_fields:
            holders.setdefault((name, meanings(model).get(name, "")), []).append(model)
    shared: dict[Models, list[str]] = {}
    for (name, _), those in holders.items():
        if len(those) > 1 and name != "kind":
            shared.setdefault(tuple(those), []).append(name)
    rows: list[str] = []
    for kinds, names in shared.items():
        title = "every kind" if kinds == models else ", ".join(f"`{kind_of(one)}`" for one in kinds)
        rows += [f"| **{title}** | | | |", *_rows(kinds[0], names)]
    for model in models:
        kept = [name for name in model.model_fields if name != "kind" and _row(model, name) not in rows]
        rows += [f"| **`{kind_of(model)}`** | | | {_summary(model)} |", *_rows(model, kept)]
    return rows


def _block_link(annotation: Any, models: Models) -> str:
    path = _places()[models]
    link = f"[`{path}`](#{path.replace('.', '')})"
    return f"list of {link}" if get_origin(annotation) is tuple else f"{link}, by `kind`" if len(models) > 1 else link


def _values(annotation: Any, metadata: Sequence[Any]) -> str:
    """The values of a key, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = [m for one in arguments[1:] for m in (one.metadata if isinstance(one, FieldInfo) else [one])]
        return _values(arguments[0], [*metadata, *inner])
    if origin is Literal:
        return _either([f"`{value}`" for value in arguments])
    if origin in (Union, UnionType):
        return _either([_values(argument, metadata) for argument in arguments if argument is not NoneType])
    if origin is tuple:
        least = next((one.min_length for one in metadata if hasattr(one, "min_length")), None)
        return f"list of {_values(arguments[0], [])}" + (f", {least} or more" if least else "")
    if origin is dict:
        return "block" if arguments[1] is Any else f"block of {_values(arguments[1], [])} by text"
    return WORDS[annotation] + _bounds(metadata)


def _either(options: Sequence[str]) -> str:
    *most, last = dict.fromkeys(options)
    return f"{', '.join(most)} or {last}" if most else last


def _bounds(metadata: Sequence[Any]) -> str:
    given = {name: getattr(one, name) for name in BOUNDS for one in metadata if hasattr(one, name)}
    if {"ge", "le"} <= set(given):
        return f", {given['ge']} to {given['le']}" + (", even" if given.get("multiple_of") == 2 else "")
    found = [f"{sign} {given[name]}" for name, sign in BOUNDS.items() if name in given]
    found += [f"like `{one.pattern}`" for one in metadata if getattr(one, "pattern", None)]
    return f" {' and '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    if field.default_factory is not None:
        return "by the others"
    value = field.default
    if isinstance(value, BaseModel):  # Its kind, and what it sets otherwise than its class does.
        fields = type(value).model_fields
        own = [(name, one) for name, one in value if fields[name].default_factory is None]
        value = {name: one for name, one in own if name == "kind" or one != fields[name].default}
        if not value:
            return "each key's own"
    text = yaml.safe_dump(list(value) if isinstance(value, tuple) else value, default_flow_style=True, width=1000)
    return "–" if value is None else f"`{text.removesuffix(YAML_END).strip()}`"


def _summary(model: type[BaseModel]) -> str:
    """The first paragraph of a class' docstring, in one line."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


@cache
def meanings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring of each field of a class and of those that it extends, in one line."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, BaseModel) or one is BaseModel:
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in itertools.pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[ast.unparse(field.target)] = " ".join(str(text.value.value).split("\n\n")[0].split())
    return found


if __name__ == "__main__":
    print(reference(), end="")
