"""The site: each page in its navigation, the public names on its API pages, and nothing asked of another machine."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import markdown
import pytest
from axe_playwright_python.sync_playwright import Axe
from markdown_it import MarkdownIt
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from playwright.sync_api import Browser

import distune
import distune.plugs
import distune.testing
from tests.browsers import browser, needs_chromium

__all__ = ["browser"]  # A fixture.
ROOT = Path(__file__).resolve().parents[2]
SITE: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "making" / "site.py"))
PAGES = [path for pattern in SITE["PAGES"] for path in sorted(ROOT.glob(pattern))]


@pytest.fixture(scope="module")
def config() -> MkDocsConfig:
    return load_config(str(ROOT / "mkdocs.yml"))


def pages_named(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_named(part)]


def test_the_navigation_names_every_page_once(config: MkDocsConfig) -> None:
    pages = [path.relative_to(ROOT).as_posix() for path in PAGES]
    assert Counter(pages_named(config.nav)) == Counter([*pages, *SITE["API"]])


def test_every_public_name_is_on_an_api_page_once() -> None:
    named = [name for page in SITE["API"].values() for names in page.values() for name in names]
    of_modules = [f"{module.__name__}.{name}" for module in (distune.plugs, distune.testing) for name in module.__all__]
    assert Counter(named) == Counter([*distune.__all__, *(name.removeprefix("distune.") for name in of_modules)])


@pytest.mark.parametrize("page", [path for path in PAGES if path.suffix == ".md"], ids=lambda page: page.name)
def test_a_page_has_the_lists_tables_and_code_that_a_code_host_shows(page: Path, config: MkDocsConfig) -> None:
    text = page.read_text(encoding="utf-8")
    on_a_host = MarkdownIt("commonmark").enable("table").render(text)
    read = SITE["as_a_code_host_reads_it"](text)
    on_the_site = markdown.markdown(
        read, extensions=config.markdown_extensions, extension_configs=config.mdx_configs, output_format="html"
    )
    for tag in ("h2", "h3", "ul", "ol", "li", "table", "tr", "td", "pre", "img", "details"):
        opened = f"<{tag}[ >]"
        assert len(re.findall(opened, on_the_site)) == len(re.findall(opened, on_a_host)), tag


def test_a_list_right_after_its_sentence_is_one_and_code_stays_as_it_is() -> None:
    read = SITE["as_a_code_host_reads_it"]
    assert read("Three:\n- one\n- two\n") == "Three:\n\n- one\n- two\n"
    assert read("```\nThree:\n- one\n```\n") == "```\nThree:\n- one\n```\n"
    assert read("- one:\n\n  ```\n  make\n  ```\n- two\n") == "- one:\n\n    ```\n    make\n    ```\n\n- two\n"


def test_a_notebook_becomes_its_texts_and_its_code() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# 评论\n", "\n", "Good or bad."]},
        {"cell_type": "code", "source": ["import distune\n", "distune.__version__"]},
    ]
    shown = SITE["notebook_as_markdown"](json.dumps({"cells": cells}))
    assert shown.startswith(
        "# 评论\n\nGood or bad.\n\n```python\nimport distune\ndistune.__version__\n```\n\n*This page"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    program = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.long
def test_the_site_is_built_and_asks_nothing_of_another_machine(site: Path) -> None:
    asked = re.compile(
        r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect|icon)")[^>]+(?:src|href)="?(?:https?:)?//"""
    )
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == len(PAGES) + len(SITE["API"]) + 1  # And what a server shows for a page that is not there.
    for page in pages:
        assert asked.findall(page.read_text(encoding="utf-8")) == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?https?:", style.read_text(encoding="utf-8")), style.name


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize("name", ["index.html", "use.html", "api/distune.html"])
def test_axe_finds_nothing_on_a_page_of_the_site(site: Path, browser: Browser, name: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(300_000)
    page.goto((site / name).as_uri())
    page.locator("nav.md-code__nav").first.wait_for(state="attached")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize(
    ("words", "title"),
    [("min_teacher_ratio", "The study file"), ("load_study", "The API of distune"), ("太慢", "From Python")],
)
def test_the_search_finds_english_and_chinese_from_a_folder(
    site: Path, browser: Browser, words: str, title: str
) -> None:
    page = browser.new_page()
    page.set_default_timeout(300_000)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.click(".md-search__input")
    page.fill(".md-search__input", words)
    page.keyboard.press("Shift")  # The search listens to keys.
    page.locator(".md-search-result__article h1").get_by_text(title, exact=True).first.wait_for()
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
