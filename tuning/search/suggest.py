"""The space as Optuna knows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from distune.tuning.study.points import parameter_name
from distune.tuning.study.space import Alternatives, Config, Node, Range, Space, fill, leaves


def suggest(space: Space, trial: optuna.trial.BaseTrial, fixed: Config | None = None) -> Config:
    """A config whose ranges are proposed by Optuna under their dotted paths; top-level blocks in `fixed` are not."""

    def choose(path: str, node: Node, kinds: tuple[str, ...]) -> Any:
        if isinstance(node, Alternatives):
            return trial.suggest_categorical(f"{path}.kind", list(node.blocks))
        name = parameter_name(space, path, kinds)
        if node.kind == "choice":
            return trial.suggest_categorical(name, list(node.values))
        ask = trial.suggest_int if isinstance(node.values[0], int) else trial.suggest_float
        return ask(name, *node.values, log=node.kind == "log")

    free = {key: node for key, node in space.root.items() if key not in (fixed or {})}
    return {**fill(free, choose, "", ()), **(fixed or {})}


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The distribution of each Optuna parameter of the space, by name."""
    found: dict[str, BaseDistribution] = {}
    for path, kinds, leaf in leaves(space.root):
        found[parameter_name(space, path, kinds)] = _distribution(leaf)
    for path, node in _choices(space.root):
        found[f"{path}.kind"] = CategoricalDistribution(list(node.blocks))
    return found


def _distribution(leaf: Range) -> BaseDistribution:
    if leaf.kind == "choice":
        return CategoricalDistribution(list(leaf.values))
    low, high = leaf.values
    kind = IntDistribution if isinstance(low, int) else FloatDistribution
    return kind(low, high, log=leaf.kind == "log")


def _choices(node: Node, path: str = "") -> Iterator[tuple[str, Alternatives]]:
    """Every choice among blocks, with its dotted path."""
    if isinstance(node, Alternatives):
        yield path, node
        for block in node.blocks.values():
            yield from _choices(block, path)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _choices(value, f"{path}.{key}" if path else key)
