"""What is installed: one name, every package and every file of the page, each licence."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAVES = ("corpora", "models", "losses", "cluster")


def test_one_name_is_installed_and_every_package_is_in_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent for name in (*LEAVES, "tuning") for path in (ROOT / name).rglob("*.py")}
    expected = {".".join(("distune", *folder.relative_to(ROOT).parts)) for folder in folders}
    assert set(settings["tool"]["setuptools"]["packages"]) == {"distune", *expected}


def test_distune_holds_a_link_to_each_folder() -> None:
    links = {path.name: path.readlink() for path in (ROOT / "distune").iterdir() if path.is_symlink()}
    assert links == {name: Path("..") / name for name in (*LEAVES, "tuning")}


def test_every_file_that_the_page_is_made_of_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folder = ROOT / "tuning" / "report"
    beside = {path.relative_to(folder) for path in folder.rglob("*") if path.suffix not in ("", ".py", ".pyc")}
    named = settings["tool"]["setuptools"]["package-data"]["distune.tuning.report"]
    assert sorted(named) == sorted(path.as_posix() for path in beside)
    # The licence of the font goes wherever the font goes.
    assert {"cjk/DistuneHans.otf", "cjk/OFL.txt"} < set(named)


def test_licences_lie_within_the_package_so_that_an_sdist_holds_no_other_folder() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license-files"] == ["LICENSE", "distune/tuning/report/cjk/OFL.txt"]
    assert all((ROOT / file).is_file() for file in project["license-files"])
