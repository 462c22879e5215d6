"""The pages name what there is: every kind of every part, and examples that are valid studies."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

import tuning.folder
from cluster.connection import ClusterConfig
from corpora.tokens import AnyTokensConfig
from losses.hidden import AnyHiddenConfig
from losses.objective import AnyTeacherTerm
from models.compressed import AnyCompressionConfig
from models.student import AnyStudentConfig
from models.word_vectors import AnyVectorsConfig
from tuning.study import load_study

ROOT = Path(__file__).resolve().parent.parent
PARTS = (ROOT / "docs" / "parts.md").read_text(encoding="utf-8")
UNIONS: list[Any] = [AnyTokensConfig, AnyVectorsConfig, AnyStudentConfig, AnyTeacherTerm, AnyHiddenConfig,
                     AnyCompressionConfig]  # fmt: skip


@pytest.mark.parametrize("config", [config for union in UNIONS for config in get_args(union)])
def test_every_kind_and_each_of_its_settings_is_on_the_page(config: Any) -> None:
    kind = get_args(config.model_fields["kind"].annotation)[0]
    assert f"`{kind}`" in PARTS or f"kind: {kind}" in PARTS
    for name in config.model_fields:
        assert f"`{name}" in PARTS or f"{name}:" in PARTS, name


@pytest.mark.parametrize("name", ["reviews.yaml", "wide.yaml", "teacher.yaml"])
def test_every_example_is_a_valid_study(name: str) -> None:
    assert load_study(ROOT / "examples" / name).config.name


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
    described = textwrap.dedent(str(tuning.folder.__doc__).split("behind a URI:\n\n")[1])
    assert described.strip() in page
