"""Points of a search space: those that a sampler proposes, drawn ones, those that a user names, its middle, all of some blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from distune.tuning.study.errors import StudyError
from distune.tuning.study.space import Alternatives, Config, Node, Range, Space, fill, first_of, leaves


def draw(space: Space, rng: np.random.Generator) -> Config:
    """A config drawn at random: of each choice any, of each range any number in it (its logarithm, if the range is
    `log`)."""

    def choose(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives):
            return list(node.blocks)[int(rng.integers(len(node.blocks)))]
        if node.kind == "choice":
            return node.values[int(rng.integers(len(node.values)))]
        low, high = node.values
        if node.kind == "log":
            value = math.exp(rng.uniform(math.log(low), math.log(high)))
            return min(max(round(value), low), high) if isinstance(low, int) else value
        return int(rng.integers(low, high + 1)) if isinstance(low, int) else float(rng.uniform(low, high))

    config: Config = fill(space.root, choose, "", ())
    return config


def params_of(space: Space, point: Config, prefix: str, whole: bool = False) -> Config:
    """The Optuna parameters, by name, of a part of a config, without those that it does not set.

    In a `whole` config, keys that the space does not name are ignored. Raises StudyError listing what is not in the
    space, each with its path under `prefix`.
    """
    params: Config = {}
    faults: list[str] = []

    def walk(node: Node, value: Any, path: str, kinds: tuple[str, ...]) -> None:
        place = f"{prefix}.{path}" if path else prefix
        if isinstance(node, Alternatives):
            kind = value.get("kind") if isinstance(value, dict) else None
            if kind not in node.blocks:
                faults.append(f"{place}.kind: must be one of {', '.join(node.blocks)}, but got {kind!r}")
                return
            params[f"{path}.kind"] = kind
            walk(node.blocks[kind], value, path, (*kinds, kind))
        elif isinstance(node, dict) and isinstance(value, dict):
            for key, inner in value.items():
                if key in node:
                    walk(node[key], inner, f"{path}.{key}" if path else key, kinds)
                elif not whole and key != "kind":
                    faults.append(f"{place}.{key}: is not in the search space, which has {', '.join(node)}")
        elif isinstance(node, Range):
            if _is_in(node, value):
                params[parameter_name(space, path, kinds)] = value
            else:
                faults.append(f"{place}: must be within {node.kind}: {list(node.values)}, but got {value!r}")
        elif node != value:
            faults.append(f"{place}: the search space has {node!r} here, but got {value!r}")

    walk(space.root, point, "", ())
    if faults:
        raise StudyError("\n".join(faults))
    return params


def _is_in(leaf: Range, value: Any) -> bool:
    if leaf.kind == "choice":
        return any(value == known and isinstance(value, bool) == isinstance(known, bool) for known in leaf.values)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(leaf.values[0], float) or isinstance(value, int)
    return is_number and whole and bool(leaf.values[0] <= value <= leaf.values[1])


def parameter_name(space: Space, path: str, kinds: tuple[str, ...]) -> str:
    return f"{path}@{'.'.join(kinds)}" if path in space.qualified else path


def midpoint(space: Space) -> Config:
    """One config: of each choice the first, of each range its (geometric) middle."""

    def choose(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives) or node.kind == "choice":
            return first_of(path, node, kinds)
        low, high = node.values
        value = math.sqrt(low * high) if node.kind == "log" else (low + high) / 2
        return round(value) if isinstance(low, int) else value

    config: Config = fill(space.root, choose, "", ())
    return config


def with_kind(space: Space, path: str, kind: str) -> Config:
    """The config in which the block at a path is of a kind, and every other range and choice at its first value."""

    def choose(at: str, node: Node, kinds: tuple[str, ...]) -> Any:
        return kind if at == path and isinstance(node, Alternatives) else first_of(at, node, kinds)

    config: Config = fill(space.root, choose, "", ())
    return config


def upper_bound(space: Space, path: str) -> float:
    """The largest number that a leaf may be; 0 without the leaf."""
    values = [value for found, _, leaf in leaves(space.root) for value in leaf.values if found == path]
    node: Node = space.root
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return float(max([*values, node if isinstance(node, int | float) else 0]))


def values_at(space: Space, path: str) -> list[Any]:
    """All values that a leaf may take, a `kind` among them; nothing if the space does not name it."""
    found: list[Any] = []

    def walk(node: Node, parts: Sequence[str]) -> None:
        if isinstance(node, Alternatives):
            if parts == ["kind"]:
                found.extend(node.blocks)
            else:
                for block in node.blocks.values():
                    walk(block, parts)
        elif parts and isinstance(node, dict) and parts[0] in node:
            walk(node[parts[0]], parts[1:])
        elif not parts:
            found.extend(node.values if isinstance(node, Range) else [node])

    walk(space.root, path.split("."))
    return found


def largest_students(space: Space) -> list[Config]:
    """The largest config of each kind of student: each number at its highest, each other choice in turn; what is not of
    the student at its first value."""

    def grown(node: Node) -> Node:
        if isinstance(node, Range) and all(isinstance(value, int | float) for value in node.values):
            return max(node.values)
        if isinstance(node, Alternatives):
            return Alternatives({kind: grown(block) for kind, block in node.blocks.items()})
        return {key: grown(value) for key, value in node.items()} if isinstance(node, dict) else node

    base: Config = fill(space.root, first_of, "", ())
    highest_batch = int(upper_bound(space, "batch_size"))
    batch = {"batch_size": highest_batch} if highest_batch else {}
    return [{**base, **batch, "student": student} for student in _expand(grown(space.root["student"]))]


def fixed_at(space: Space, path: str, value: Any) -> Space:
    """The space with one leaf, of blocks without kinds, at one value."""

    def put(node: Node, parts: Sequence[str]) -> Node:
        return {**node, parts[0]: put(node[parts[0]], parts[1:])} if parts else value

    return Space(put(space.root, path.split(".")), space.qualified)


def all_combinations(space: Space, *keys: str) -> list[Config]:
    """Every combination of some top-level blocks, for what is prepared before the search.

    Raises StudyError when one of them holds a `between` or `log`, which has no last value.
    """
    blocks: list[list[Any]] = []
    for key in keys:
        for path, _, leaf in leaves(space.root.get(key, {}), key):
            if leaf.kind != "choice":
                raise StudyError(
                    f"trial.{path}: is prepared once, before the search; list its values by choice, "
                    f"but got {leaf.kind}: {list(leaf.values)}"
                )
        blocks.append(list(_expand(space.root[key])) if key in space.root else [None])
    combinations = itertools.product(*blocks)
    return [{k: block for k, block in zip(keys, chosen, strict=True) if block is not None} for chosen in combinations]


def prepared_blocks(space: Space) -> list[Config]:
    """Every combination of what is made before the search: tokens, vectors and augmentation, with its most iterations.

    Raises StudyError when there is no last one of them.
    """
    if isinstance(space.root.get("augment"), dict) and "n_iter" in space.root["augment"]:
        space = fixed_at(space, "augment.n_iter", int(upper_bound(space, "augment.n_iter")))
    return all_combinations(space, "tokens", "vectors", "augment")


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
