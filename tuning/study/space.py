"""The search space: the `trial:` block of a study, in which a leaf is a fixed value or a range.

`{choice: [...]}`, `{between: [low, high]}` and `{log: [low, high]}` are ranges; a list in the place of one block is a
choice among blocks of different `kind:`, whose own ranges are proposed only when it is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from distune.tuning.study.errors import StudyError, validated

RANGES = ("choice", "between", "log")
BROKEN = object()
"""Takes the place of an unreadable range. It is left out, so that the faults of the rest are found too."""
Config = dict[str, Any]


@dataclass(frozen=True)
class Range:
    """The values a leaf may take: one of `values`, or between the two of them."""

    kind: Literal["choice", "between", "log"]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Alternatives:
    """One of several blocks with different `kind`."""

    blocks: dict[str, dict[str, Any]]


Node = Any
"""A Range, Alternatives, a block (a dict of nodes) or a fixed value."""


@dataclass(frozen=True)
class Space:
    """A parsed `trial:` block; `qualified` are the paths whose range depends on the kind of a block around it."""

    root: dict[str, Node]
    qualified: frozenset[str]


def parse_space(raw: Config, model: type[BaseModel], prefix: str = "trial", context: Config | None = None) -> Space:
    """The space of a raw block whose every corner must be a valid `model`, validated in a `context`.

    Raises StudyError listing every fault, each with its dotted path.
    """
    broken: list[str] = []
    root = _parse(raw, prefix, broken)
    faults = list(broken)
    for corner in _corners(root):
        for fault in validated(model, corner, prefix, context)[1]:
            is_left_out = fault.endswith(": is missing") and any(b.startswith(fault[:-12]) for b in broken)
            if fault not in faults and not is_left_out:
                faults.append(fault)
    if faults:
        raise StudyError("\n".join(faults))
    return Space(_typed(root, model, context), frozenset(_clashes(root)))


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
        return _parse_alternatives(raw, path, faults)
    if isinstance(raw, list):
        faults.append(
            f"{path}: a list here is a choice among blocks that each have a `kind:`; "
            f"for a choice among values write {{choice: {raw}}}"
        )
        return BROKEN
    return raw


def _parse_alternatives(blocks: list[Config], path: str, faults: list[str]) -> Node:
    kinds = [block["kind"] for block in blocks]
    unnamed = [kind for kind in kinds if not isinstance(kind, str)]
    if unnamed:
        faults.extend(f"{path}.kind: must be the name of a kind, but got {kind!r:.200}" for kind in unnamed)
        return BROKEN
    if len(set(kinds)) < len(kinds):
        faults.append(f"{path}: each alternative must be of another kind, but got {', '.join(kinds)}")
    return Alternatives({block["kind"]: _parse(block, path, faults) for block in blocks})


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


def leaves(node: Node, path: str = "", kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], Range]]:
    """Every range with its dotted path and the kinds of the blocks around it."""
    if isinstance(node, Range):
        yield path, kinds, node
    elif isinstance(node, Alternatives):
        for kind, block in node.blocks.items():
            yield from leaves(block, path, (*kinds, kind))
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key, kinds)


def _clashes(root: Node) -> Iterator[str]:
    """Paths that several kinds have with different ranges; one Optuna parameter cannot be both."""
    first: dict[str, Range] = {}
    for path, _, leaf in leaves(root):
        if first.setdefault(path, leaf) != leaf:
            yield path


def fill(node: Node, choose: Callable[[str, Node, tuple[str, ...]], Any], path: str, kinds: tuple[str, ...]) -> Any:
    """A config: `choose` is asked for the value of each range and for the kind of each choice among blocks."""
    if isinstance(node, Range):
        return choose(path, node, kinds)
    if isinstance(node, Alternatives):
        kind = choose(path, node, kinds)
        return fill(node.blocks[kind], choose, path, (*kinds, kind))
    if isinstance(node, dict):
        return {key: fill(value, choose, f"{path}.{key}" if path else key, kinds) for key, value in node.items()}
    return node


def first_of(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
    """The first block of a choice, the first value of a range."""
    return next(iter(node.blocks)) if isinstance(node, Alternatives) else node.values[0]


def _corners(root: Node) -> Iterator[Config]:
    """Configs that together visit every end of every range and every block, the rest at its first value."""
    yield fill(root, first_of, "", ())
    for path, kinds, leaf in leaves(root):
        for value in leaf.values:
            yield fill(root, _toward(path, kinds, value), "", ())
    for kinds in sorted(_block_chains(root)):
        yield fill(root, _toward(None, kinds, None), "", ())


def _block_chains(node: Node, kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, Alternatives):
        for kind, block in node.blocks.items():
            yield (*kinds, kind)
            yield from _block_chains(block, (*kinds, kind))
    elif isinstance(node, dict):
        for value in node.values():
            yield from _block_chains(value, kinds)


def _toward(path: str | None, wanted: tuple[str, ...], value: Any) -> Callable[[str, Node, tuple[str, ...]], Any]:
    """Chooses the blocks `wanted` if they are offered, and `value` at `path` inside them."""

    def choose(here: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives):
            depth = len(kinds)
            if kinds == wanted[:depth] and depth < len(wanted) and wanted[depth] in node.blocks:
                return wanted[depth]
        elif here == path and kinds == wanted:
            return value
        return first_of(here, node, kinds)

    return choose


def _typed(root: dict[str, Node], model: type[BaseModel], context: Config | None) -> dict[str, Node]:
    """The tree with each numeric range in the type of its field: `between: [0, 1]` of a float holds 0.0 and 1.0."""

    def convert(node: Node, path: str, kinds: tuple[str, ...]) -> Node:
        if isinstance(node, Range) and node.kind != "choice":
            corner = fill(root, _toward(path, kinds, node.values[0]), "", ())
            valid = model.model_validate(corner, context=context)
            value: Any = valid
            for part in path.split("."):
                value = value[part] if isinstance(value, dict) else getattr(value, part)
            return Range(node.kind, tuple(type(value)(end) for end in node.values))
        if isinstance(node, Alternatives):
            return Alternatives({kind: convert(block, path, (*kinds, kind)) for kind, block in node.blocks.items()})
        if isinstance(node, dict):
            return {key: convert(value, f"{path}.{key}" if path else key, kinds) for key, value in node.items()}
        return node

    converted: dict[str, Node] = convert(root, "", ())
    return converted
