"""The pages name what there is: every kind of every part, and examples that are valid studies."""

from __future__ import annotations

import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import pytest
import yaml
from starlette.routing import Route

import distune.tuning.storage.paths
from distune.cluster.config import ClusterConfig
from distune.corpora.tokens import AnyTokensConfig
from distune.losses.config import AnyHiddenConfig, AnyTeacherTerm
from distune.models.checkpoint_folder import FILES
from distune.models.compression.config import AnyCompressionConfig
from distune.models.students.config import AnyStudentConfig
from distune.models.vectors.config import AnyVectorsConfig
from distune.tuning.serve.limits import Limits
from distune.tuning.serve.service import application
from distune.tuning.serve.serving import Serving
from distune.tuning.study.file import load_study

ROOT = Path(__file__).resolve().parents[2]
PARTS = (ROOT / "docs" / "parts.md").read_text(encoding="utf-8")
UNIONS: list[Any] = [
    AnyTokensConfig,
    AnyVectorsConfig,
    AnyStudentConfig,
    AnyTeacherTerm,
    AnyHiddenConfig,
    AnyCompressionConfig,
]


@pytest.mark.parametrize("config", [config for union in UNIONS for config in get_args(union)])
def test_every_kind_and_each_of_its_settings_is_on_the_page(config: Any) -> None:
    kind = get_args(config.model_fields["kind"].annotation)[0]
    assert f"`{kind}`" in PARTS or f"kind: {kind}" in PARTS
    for name in config.model_fields:
        assert f"`{name}" in PARTS or f"{name}:" in PARTS, name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_valid_study(path: Path) -> None:
    assert load_study(path).config.name


def test_the_wide_example_has_every_kind_that_its_teacher_allows() -> None:
    raw = load_study(ROOT / "examples" / "wide.yaml").document["trial"]
    expected = {"student": AnyStudentConfig, "compression": AnyCompressionConfig}
    for block, union in expected.items():
        kinds = {get_args(config.model_fields["kind"].annotation)[0] for config in get_args(union)}
        assert {one["kind"] for one in raw[block]} == kinds
    terms = {get_args(config.model_fields["kind"].annotation)[0] for config in get_args(AnyTeacherTerm)}
    assert {one["kind"] for one in raw["loss"]["teacher_term"]} == terms


def test_every_setting_of_the_cluster_block_is_on_its_page() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    block = yaml.safe_load(page.split("## The block `cluster`")[1].split("```yaml\n")[1].split("```")[0])["cluster"]
    assert list(block) == list(ClusterConfig.model_fields)
    assert ClusterConfig.model_validate(block)


def test_the_layout_on_the_page_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    described = textwrap.dedent(str(distune.tuning.storage.paths.__doc__).split("behind a URI:\n\n")[1])
    assert described.strip() in page


@pytest.mark.parametrize("program", sorted((ROOT / "examples" / "use").iterdir()), ids=lambda path: path.name)
def test_the_programs_that_use_a_student_are_on_their_page_in_full(program: Path) -> None:
    page = (ROOT / "docs" / "use.md").read_text(encoding="utf-8")
    assert f"```python\n# examples/use/{program.name}\n{program.read_text(encoding='utf-8')}```" in page


@pytest.mark.parametrize("program", sorted((ROOT / "examples" / "plugs").glob("*.py")), ids=lambda path: path.name)
def test_the_plugs_are_on_their_page_in_full(program: Path) -> None:
    page = (ROOT / "docs" / "plugs.md").read_text(encoding="utf-8")
    assert f"```python\n# examples/plugs/{program.name}\n{program.read_text(encoding='utf-8')}```" in page


def test_what_the_folder_holds_and_what_the_server_answers_is_on_the_page() -> None:
    page = (ROOT / "docs" / "use.md").read_text(encoding="utf-8")
    app = application(Serving("name", mock.Mock(labels=[]), Limits()), Limits())
    routes = [route.path for route in app.routes if isinstance(route, Route)]
    for name in (
        *FILES,
        "distune_student",
        "__main__.py",
        *routes,
        *(f"--{field.name.removesuffix('_s').replace('_', '-')}" for field in fields(Limits)),
        "--threads",
        "--host",
        "--allowed-hosts",
        "--allowed-origins",
    ):
        assert f"{name}`" in page or f"{name} " in page, name
