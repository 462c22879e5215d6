"""The search space: the `trial:` block of a study, in which a leaf is a fixed value or a range.

`{choice: [...]}`, `{between: [low, high]}` and `{log: [low, high]}` are ranges; a list where one block is due is a
choice among blocks of different `kind:`, whose own ranges are proposed only when it is chosen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from pydantic import BaseModel, ValidationError

from tuning.faults import StudyError, faults_of

RANGES = ("choice", "between", "log")
BROKEN = object()
"""Stands where a range could not be read; it is left out, so that the faults of the rest are found as well."""
Config = dict[str, Any]


@dataclass(frozen=True)
class Range:
    """The values a leaf may take: one of `values`, or between the two of them."""

    kind: Literal["choice", "between", "log"]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Alternatives:
    """One of several blocks, told apart by `kind`."""

    blocks: dict[str, dict[str, Any]]


Node = Any
"""A Range, Alternatives, a block (a dict of nodes) or a fixed value."""


@dataclass(frozen=True)
class Space:
    """A parsed `trial:` block; `qualified` are the paths whose range depends on the kind of a block around it."""

    root: dict[str, Node]
    qualified: frozenset[str]


def parse_space(raw: Config, model: type[BaseModel], prefix: str = "trial") -> Space:
    """The space of a raw block whose every corner must be a valid `model`.

    Raises StudyError listing every fault, each with its dotted path.
    """
    broken: list[str] = []
    root = _parse(raw, prefix, broken)
    faults = list(broken)
    for corner in _corners(root):
        try:
            model.model_validate(corner)
        except ValidationError as error:
            for fault in faults_of(error, model, prefix):
                is_left_out = fault.endswith(": is missing") and any(b.startswith(fault[:-12]) for b in broken)
                if fault not in faults and not is_left_out:
                    faults.append(fault)
    if faults:
        raise StudyError("\n".join(faults))
    return Space(_typed(root, model), frozenset(_clashes(root)))


def _parse(raw: Any, path: str, faults: list[str]) -> Node:
    if isinstance(raw, dict):
        given = [key for key in raw if key in RANGES]
        if given and len(raw) == 1:
            return _parse_range(given[0], raw[given[0]], path, faults)
        if given:
            faults.append(f"{path}: a range has one key, but got {', '.join(map(str, raw))}")
            return BROKEN
        parsed = {key: _parse(value, f"{path}.{key}", faults) for key, value in raw.items()}
        return {key: node for key, node in parsed.items() if node is not BROKEN}
    if isinstance(raw, list) and raw and all(isinstance(block, dict) and "kind" in block for block in raw):
        kinds = [block["kind"] for block in raw]
        if len(set(kinds)) < len(kinds):
            faults.append(f"{path}: each alternative must be of another kind, but got {', '.join(kinds)}")
        return Alternatives({block["kind"]: _parse(block, path, faults) for block in raw})
    if isinstance(raw, list):
        faults.append(f"{path}: a list here is a choice among blocks that each have a `kind:`; "
                      f"for a choice among values write {{choice: {raw}}}")  # fmt: skip
        return BROKEN
    return raw


def _parse_range(kind: str, values: Any, path: str, faults: list[str]) -> Node:
    if not isinstance(values, list) or not values or not all(_is_scalar(value) for value in values):
        faults.append(f"{path}.{kind}: must be a list of plain values, but got {values!r}")
        return BROKEN
    if kind != "choice":
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(numbers) != 2 or len(values) != 2 or not numbers[0] < numbers[1]:
            faults.append(f"{path}.{kind}: must be two numbers [low, high] with low < high, but got {values!r}")
            return BROKEN
        if kind == "log" and numbers[0] <= 0:
            faults.append(f"{path}.log: low must be > 0, but got {numbers[0]}")
            return BROKEN
    return Range(kind, tuple(values))  # type: ignore[arg-type]


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _leaves(node: Node, path: str = "", kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], Range]]:
    """Every range with its dotted path and the kinds of the blocks around it."""
    if isinstance(node, Range):
        yield path, kinds, node
    elif isinstance(node, Alternatives):
        for kind, block in node.blocks.items():
            yield from _leaves(block, path, (*kinds, kind))
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else key, kinds)


def _clashes(root: Node) -> Iterator[str]:
    """Paths that stand under several kinds with different ranges; one Optuna parameter cannot be both."""
    first: dict[str, Range] = {}
    for path, _, leaf in _leaves(root):
        if first.setdefault(path, leaf) != leaf:
            yield path


def _fill(node: Node, choose: Callable[[str, Node, tuple[str, ...]], Any], path: str, kinds: tuple[str, ...]) -> Any:
    """A config: `choose` is asked for the value of each range and for the kind of each choice among blocks."""
    if isinstance(node, Range):
        return choose(path, node, kinds)
    if isinstance(node, Alternatives):
        kind = choose(path, node, kinds)
        return _fill(node.blocks[kind], choose, path, (*kinds, kind))
    if isinstance(node, dict):
        return {key: _fill(value, choose, f"{path}.{key}" if path else key, kinds) for key, value in node.items()}
    return node


def _first(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
    return next(iter(node.blocks)) if isinstance(node, Alternatives) else node.values[0]


def _corners(root: Node) -> Iterator[Config]:
    """Configs that together visit every end of every range and every block, the rest at its first value."""
    yield _fill(root, _first, "", ())
    for path, kinds, leaf in _leaves(root):
        for value in leaf.values:
            yield _fill(root, _toward(path, kinds, value), "", ())
    for kinds in sorted(_block_chains(root)):
        yield _fill(root, _toward(None, kinds, None), "", ())


def _block_chains(node: Node, kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, Alternatives):
        for kind, block in node.blocks.items():
            yield (*kinds, kind)
            yield from _block_chains(block, (*kinds, kind))
    elif isinstance(node, dict):
        for value in node.values():
            yield from _block_chains(value, kinds)


def _toward(path: str | None, wanted: tuple[str, ...], value: Any) -> Callable[[str, Node, tuple[str, ...]], Any]:
    """Chooses the blocks `wanted` where they are offered, and `value` at `path` inside them."""

    def choose(here: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives):
            depth = len(kinds)
            if kinds == wanted[:depth] and depth < len(wanted) and wanted[depth] in node.blocks:
                return wanted[depth]
        elif here == path and kinds == wanted:
            return value
        return _first(here, node, kinds)

    return choose


def _typed(root: dict[str, Node], model: type[BaseModel]) -> dict[str, Node]:
    """The tree with each numeric range in the type of its field: `between: [0, 1]` of a float holds 0.0 and 1.0."""

    def convert(node: Node, path: str, kinds: tuple[str, ...]) -> Node:
        if isinstance(node, Range) and node.kind != "choice":
            valid = model.model_validate(_fill(root, _toward(path, kinds, node.values[0]), "", ()))
            value: Any = valid
            for part in path.split("."):
                value = getattr(value, part)
            return Range(node.kind, tuple(type(value)(end) for end in node.values))
        if isinstance(node, Alternatives):
            return Alternatives({kind: convert(block, path, (*kinds, kind)) for kind, block in node.blocks.items()})
        if isinstance(node, dict):
            return {key: convert(value, f"{path}.{key}" if path else key, kinds) for key, value in node.items()}
        return node

    converted: dict[str, Node] = convert(root, "", ())
    return converted


def suggest(space: Space, trial: optuna.trial.BaseTrial, fixed: Config | None = None) -> Config:
    """A config whose ranges are proposed by Optuna under their dotted paths; top-level blocks in `fixed` are not."""

    def choose(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives):
            return trial.suggest_categorical(f"{path}.kind", list(node.blocks))
        name = f"{path}@{'.'.join(kinds)}" if path in space.qualified else path
        if node.kind == "choice":
            return trial.suggest_categorical(name, list(node.values))
        ask = trial.suggest_int if isinstance(node.values[0], int) else trial.suggest_float
        return ask(name, *node.values, log=node.kind == "log")

    free = {key: node for key, node in space.root.items() if key not in (fixed or {})}
    return {**_fill(free, choose, "", ()), **(fixed or {})}


def middle(space: Space) -> Config:
    """One config: of each choice the first, of each range its (geometric) middle."""

    def choose(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives) or node.kind == "choice":
            return _first(path, node, kinds)
        low, high = node.values
        value = math.sqrt(low * high) if node.kind == "log" else (low + high) / 2
        return round(value) if isinstance(low, int) else value

    config: Config = _fill(space.root, choose, "", ())
    return config


def highest(space: Space, path: str) -> float:
    """The largest number that a leaf may be; 0 where it is not given."""
    values = [value for found, _, leaf in _leaves(space.root) for value in leaf.values if found == path]
    node: Node = space.root
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return float(max([*values, node if isinstance(node, int | float) else 0]))


def fixed_at(space: Space, path: str, value: Any) -> Space:
    """The space with one leaf, of blocks without kinds, at one value."""

    def put(node: Node, parts: Sequence[str]) -> Node:
        return {**node, parts[0]: put(node[parts[0]], parts[1:])} if parts else value

    return Space(put(space.root, path.split(".")), space.qualified)


def every(space: Space, *keys: str) -> list[Config]:
    """Every combination of some top-level blocks, for what is prepared before the search.

    Raises StudyError when one of them holds a `between` or `log`, which has no last value.
    """
    blocks: list[list[Any]] = []
    for key in keys:
        for path, _, leaf in _leaves(space.root.get(key, {}), key):
            if leaf.kind != "choice":
                raise StudyError(f"trial.{path}: is prepared once, before the search; list its values by choice, "
                                 f"but got {leaf.kind}: {list(leaf.values)}")  # fmt: skip
        blocks.append(list(_expand(space.root[key])) if key in space.root else [None])
    combinations = itertools.product(*blocks)
    return [{k: block for k, block in zip(keys, chosen, strict=True) if block is not None} for chosen in combinations]


def _expand(node: Node) -> Iterator[Any]:
    if isinstance(node, Range):
        yield from node.values
    elif isinstance(node, Alternatives):
        for block in node.blocks.values():
            yield from _expand(block)
    elif isinstance(node, dict):
        for values in itertools.product(*(list(_expand(value)) for value in node.values())):
            yield dict(zip(node, values, strict=True))
    else:
        yield node


def flatten(config: Config, prefix: str = "") -> dict[str, Any]:
    """A config by dotted path."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        path = f"{prefix}.{key}" if prefix else key
        flat |= flatten(value, path) if isinstance(value, dict) else {path: value}
    return flat
