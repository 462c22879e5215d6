"""A plugged student as small as can be, and the plugs of the examples."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from distune import _kinds
from distune.tuning.trial.plugs import plug_in

ROOT = Path(__file__).resolve().parents[2]
PLUGS = ROOT / "examples" / "plugs"
STUDENT = """
from typing import Literal
from distune.plugs import StudentShape
from torch import nn

class {name}(StudentShape, frozen=True):
    kind: Literal["{kind}"]
    size: int = 4

    def build_body(self, n_inputs):
        return Same(n_inputs)

class Same(nn.Module):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, vectors, lengths):
        return vectors * 1
"""
TINY = STUDENT.format(name="Tiny", kind="tiny")


@pytest.fixture(autouse=True)
def nothing_stays_plugged() -> Iterator[None]:
    yield
    plug_in(())


def install(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A package `tiny-plugs` with an entry point of `distune.students`."""
    distribution = SimpleNamespace(name="tiny-plugs", version="1.2")
    point = EntryPoint(name, value, "distune.students")
    vars(point)["dist"] = distribution
    found = {"distune.students": {name: (point,)}}
    monkeypatch.setattr(_kinds, "installed", lambda group: found.get(group, {}))
    monkeypatch.setattr("distune.tuning.trial.plugs.installed", lambda group: found.get(group, {}))
    monkeypatch.setattr(_kinds, "_LOADED", {})
