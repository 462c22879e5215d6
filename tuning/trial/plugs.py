"""The plugs that a trial may name: those of the files of one study at a time, our own, and those of installed
packages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from distune._kinds import OpenKinds, Part, content_of, installed, kind_of
from distune._plug_files import PlugError, PlugFile, imported
from distune.losses.config import HIDDEN, TERMS
from distune.models.students.config import STUDENTS

OPEN: tuple[OpenKinds, ...] = (STUDENTS, TERMS, HIDDEN)
"""The parts of a trial that take plugs."""
BASES = ", ".join(kinds.base.__name__ for kinds in OPEN)


def plug_in(files: Sequence[PlugFile]) -> None:
    """From now on trials may name the plugs of these files, and of no others. Raises PlugError with a line for each fault."""
    faults: list[str] = []
    found: dict[OpenKinds, dict[str, type[Part]]] = {kinds: {} for kinds in OPEN}
    by: dict[tuple[str, str], str] = {}
    for file in files:
        try:
            plugs = list(plugs_of(file))
        except PlugError as error:
            faults += str(error).split("\n")
            continue
        for kinds, model in plugs:
            kind = kind_of(model)
            other = by.get((kinds.part, kind)) or _installed(kinds, kind)
            if other:
                faults.append(
                    f"{file.path}: the kind {kind!r} of {kinds.part} is also plugged in by {other}; rename one"
                )
            by[kinds.part, kind] = file.path
            found[kinds][kind] = model
    if faults:
        raise PlugError("\n".join(faults))
    for kinds in OPEN:
        kinds.plug_in(found[kinds])


def plugs_of(file: PlugFile) -> Iterator[tuple[OpenKinds, type[Part]]]:
    """The plugs that a file defines, each with the part that it is of. Raises PlugError for what is none."""
    defined = [one for one in vars(imported(file)).values() if isinstance(one, type) and one.__module__ == file.module]
    models = [one for one in dict.fromkeys(defined) if issubclass(one, BaseModel)]
    plugs: list[tuple[OpenKinds, type[Part]]] = []
    faults: list[str] = []
    for model in models:
        kinds = next((one for one in OPEN if issubclass(model, one.base)), None)
        if kinds is None:
            if "kind" in model.model_fields:
                faults.append(f"{file.path}: {model.__name__} is no plug: it extends none of distune.plugs: {BASES}")
        elif fault := kinds.fault_of(model):
            # What others in the file extend may leave its kind to them.
            if not any(model in other.__mro__[1:] for other in models):
                faults.append(f"{file.path}: {model.__name__} is no plug: {fault}")
        elif issubclass(model, Part):
            plugs.append((kinds, model))
    if not plugs and not faults:
        faults.append(f"{file.path} has no plug: no class in it extends one of distune.plugs: {BASES}")
    if faults:
        raise PlugError("\n".join(faults))
    yield from plugs


def _installed(kinds: OpenKinds, kind: str) -> str:
    points = installed(kinds.group).get(kind, ())
    return " and ".join(f"the package {point.dist.name if point.dist else '?'}" for point in points)


def refuse_installed_clashes() -> None:
    """Raise PlugError if an installed package calls a plug as one of ours is called."""
    for kinds in OPEN:
        for kind in kinds.names_of_ours:
            if by := _installed(kinds, kind):
                raise PlugError(
                    f"{by} plugs in the kind {kind!r} ({kinds.group}), which is one of Distune's own; uninstall it, or have it "
                    "renamed"
                )


def plug_lines(files: Sequence[PlugFile], used: Sequence[tuple[OpenKinds, str]]) -> list[str]:
    """The foreign code that a study runs: a line for each file, and for each installed package that it uses."""
    lines = []
    for file in files:
        of_part = {kinds: [kind_of(model) for one, model in plugs_of(file) if one is kinds] for kinds in OPEN}
        said = [f"{_plural(kinds)} {', '.join(names)}" for kinds, names in of_part.items() if names]
        lines.append(f"plugins: {file.path} is run: {'; '.join(said)}")
    for kinds, kind in used:
        for point in () if kind in (*kinds.names_of_ours, *kinds.of_files) else installed(kinds.group).get(kind, ()):
            package = f"{point.dist.name} {point.dist.version}" if point.dist else "?"
            lines.append(f"plugins: the package {package} is run: {_plural(kinds)} {kind}")
    return lines


def _plural(kinds: OpenKinds) -> str:
    return kinds.group.removeprefix("distune.").replace("_", " ")


def plug_identity(model: type[Part]) -> str | None:
    """The content of the file that defines a plugged kind; None for one of ours."""
    if any(kind_of(model) in kinds.names_of_ours for kinds in OPEN if issubclass(model, kinds.base)):
        return None
    return content_of(model)


def is_ours(part: Any) -> bool:
    """Whether a part of a trial needs no plug."""
    return plug_identity(type(part)) is None
