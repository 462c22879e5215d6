"""CITATION.cff says of the package what pyproject.toml says of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_is_that_of_the_package() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert (cited["version"], cited["license"], cited["keywords"], cited["abstract"]) == (
        project["version"],
        project["license"].split(" AND ")[0],  # The other one is that of a font.
        project["keywords"],
        f"{project['description']}.",
    )
