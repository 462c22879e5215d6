"""The kinds of a part of a trial: ours, those of a study's own files, and those of installed packages.

A leaf makes one `OpenKinds` for each of its parts that is open. It needs only pydantic. It looks into installed
packages once, when a study names a kind that is not ours and not in its files.
"""

from __future__ import annotations

import importlib.metadata
import operator
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticKnownError, core_schema

from distune._plug_files import PlugError, PlugFile, files_run, imported

KEPT = {"kept": True}
"""The context for validating the files of a search: a kind that is not plugged in keeps its written settings."""
KIND = re.compile(r"[a-z][a-z0-9_]*")


class Part(BaseModel, frozen=True, extra="forbid"):
    """The settings of one kind of a part. If a study's own file defines its class, a pickle of it contains the file."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        file = files_run().get(type(self).__module__)
        if file is None:
            return super().__reduce_ex__(protocol)
        return _unpickled, (file, type(self).__qualname__, self.model_dump())


def _unpickled(file: PlugFile, name: str, settings: dict[str, Any]) -> Any:
    return operator.attrgetter(name)(imported(file)).model_validate(settings)


def kind_of(model: type[BaseModel]) -> str:
    """The words by which a block says that it is of this model."""
    return str(get_args(model.model_fields["kind"].annotation)[0])


@dataclass(eq=False, kw_only=True)
class OpenKinds:
    """As an annotation of the union of our kinds it lets plugged ones in.

    `part` is its path in a trial, `group` that of entry points, `base` the class that plugs extend, `builder` the method that
    they bring.
    """

    part: str
    group: str
    base: type[Part]
    ours: Any
    builder: str
    _of_files: ContextVar[Mapping[str, type[Part]]] = field(default_factory=lambda: ContextVar("of_files"))
    _of_files_elsewhere: Mapping[str, type[Part]] = field(default_factory=dict)
    _adapters: dict[type[Part], TypeAdapter[Any]] = field(default_factory=dict)

    @property
    def of_files(self) -> Mapping[str, type[Part]]:
        """The plugs in the files of the study that this thread reads or runs now, by their kind. If this thread has
        read none, they are those of the last study that any thread has read."""
        return self._of_files.get(self._of_files_elsewhere)

    def plug_in(self, of_files: Mapping[str, type[Part]]) -> None:
        # By thread: a study that another one reads meanwhile must not change what is searched here.
        self._of_files.set(of_files)
        self._of_files_elsewhere = of_files

    @property
    def names_of_ours(self) -> tuple[str, ...]:
        return tuple(kind_of(model) for model in get_args(self.ours))

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds that a study may name."""
        return tuple(dict.fromkeys((*self.names_of_ours, *self.of_files, *installed(self.group))))

    def find(self, kind: str) -> type[Part] | None:
        """The class of a plugged kind, or None. Raises PlugError for one of an installed package that is no valid plug."""
        if kind in self.names_of_ours:
            return None
        return self.of_files.get(kind) or (_load(self, kind) if kind in installed(self.group) else None)

    def loaded(self) -> tuple[type[Part], ...]:
        """The plugged classes that a study can be validated against without any further import."""
        return (*self.of_files.values(), *(model for (kinds, _), model in _LOADED.items() if kinds is self))

    def fault_of(self, model: type[BaseModel]) -> str:
        """The reason that a class is no plug, or nothing."""
        kinds = get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()
        if len(kinds) != 1 or not isinstance(kinds[0], str):
            return 'it has no kind; write kind: Literal["NAME"] with one name'
        (kind,), is_as_base = kinds, getattr(model, self.builder) is getattr(self.base, self.builder)
        faults = {
            f"its kind must be small letters, digits and _, but is {kind!r}": not KIND.fullmatch(kind),
            "it is not frozen; leave frozen as its base has it": not model.model_config.get("frozen"),
            "it takes unknown settings; leave extra as its base has it": model.model_config.get("extra") != "forbid",
            f"it has no {self.builder}": is_as_base,
            f"its kind {kind!r} is one of Distune's own; choose another name": kind in self.names_of_ours,
        }
        return next((fault for fault, is_there in faults.items() if is_there), "")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.with_info_wrap_validator_function(
            self._validated,
            handler.generate_schema(Annotated[source, Field(discriminator="kind")]),
            serialization=core_schema.simple_ser_schema("any"),  # Each by its own class, also one that the union lacks.
        )

    def _validated(self, value: Any, handler: Any, info: core_schema.ValidationInfo) -> Any:
        kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
        if not isinstance(kind, str) or kind in self.names_of_ours:
            return handler(value)
        model, is_kept = self.find(kind), bool(info.context and info.context.get("kept"))
        if model is None and not is_kept:
            expected = ", ".join(map(repr, self.names))
            raise PydanticKnownError(
                "union_tag_invalid", {"discriminator": "'kind'", "tag": kind, "expected_tags": expected}
            )
        try:
            return self._as(model or _stand_in(self.base, kind), value)
        except ValidationError:
            if not is_kept:
                raise
        return self._as(_stand_in(self.base, kind), value)  # Another version of the plug has written it.

    def _as(self, model: type[Part], value: Any) -> Any:
        """Validates by a union, so that the path of a fault has the kind in it as for ours."""
        if isinstance(value, model):
            return value
        if model not in self._adapters:
            union: Any = Union[(*get_args(self.ours), model)]
            self._adapters[model] = TypeAdapter(Annotated[union, Field(discriminator="kind")])
        raw = value.model_dump() if isinstance(value, BaseModel) else value
        return self._adapters[model].validate_python(raw)


@cache
def _stand_in(base: type[Part], kind: str) -> type[Part]:
    """A kept part of an unknown kind: it has the written settings, and cannot be built."""
    literal: Any = Literal[kind]
    model: type[Part] = create_model(
        "Kept", __base__=base, __module__="kept", __cls_kwargs__={"extra": "allow"}, kind=(literal, ...)
    )
    return model


@cache
def installed(group: str) -> Mapping[str, tuple[importlib.metadata.EntryPoint, ...]]:
    """The entry points of installed packages, by name, which is their kind; nothing of them is imported."""
    found: dict[str, tuple[importlib.metadata.EntryPoint, ...]] = {}
    for point in importlib.metadata.entry_points(group=group):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def content_of(model: type[Part]) -> str:
    """The content of the file that defines a plugged class, as 16 hex digits; its name if no file does."""
    if model.__module__ in files_run():
        return files_run()[model.__module__].digest
    file = getattr(sys.modules[model.__module__], "__file__", None)
    return PlugFile(file, Path(file).read_text(encoding="utf-8")).digest if file else model.__module__


_LOADED: dict[tuple[OpenKinds, str], type[Part]] = {}


def _load(kinds: OpenKinds, kind: str) -> type[Part]:
    if (kinds, kind) in _LOADED:
        return _LOADED[kinds, kind]
    points = installed(kinds.group)[kind]
    owners = " and ".join(sorted(point.dist.name if point.dist else "?" for point in points))
    if len(points) > 1:
        raise PlugError(
            f"the kind {kind!r} is brought by more than one package: {owners}; keep one of them, and uninstall the others"
        )
    where = f"{points[0].value} of the package {owners} ({kinds.group})"
    try:
        model = points[0].load()
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        raise PlugError(f"{where} cannot be imported: {type(error).__name__}: {said}") from error
    if not (isinstance(model, type) and issubclass(model, kinds.base)):
        raise PlugError(f"{where} is no plug: it does not extend distune.plugs.{kinds.base.__name__}")
    if fault := kinds.fault_of(model):
        raise PlugError(f"{where} is no plug: {fault}")
    if kind_of(model) != kind:
        raise PlugError(f"{where} is called {kind!r}, but its kind is {kind_of(model)!r}; the two must be one")
    _LOADED[kinds, kind] = model
    return model
