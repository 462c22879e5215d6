"""What MkDocs is told beyond mkdocs.yml: pages outside docs/, the notebook, and API pages.

Files keep the paths that they have in the repository, so that a link works on the site and on a code host alike.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("*.md", "docs/*.md", "examples/*.ipynb")
ASSETS = ("docs/making/*.css", "docs/making/*.js")
LINK = re.compile(r"\]\(([^)\s#]+)")
API = {
    "api/distune.md": {
        "What you call": ("load_study", "check", "search", "results", "run_trial", "load"),
        "What you get": ("Study", "Found", "Student", "__version__"),
        "What can be wrong": (
            "StudyError",
            "CorpusError",
            "ModelError",
            "CheckpointError",
            "TextError",
            "NoChampionError",
            "InterruptedSearchError",
        ),
    },
    "api/plugs.md": {
        "What a plug extends": ("plugs.StudentShape", "plugs.TeacherTerm", "plugs.HiddenTerm"),
        "What it may use": ("plugs.inside", "plugs.largest_units", "plugs.PrunedBody"),
        "The tests that it must pass": ("testing.check_student", "testing.check_loss"),
    },
}
"""The public names, in the order in which they are needed."""
TITLES = {"api/distune.md": "The API of `distune`", "api/plugs.md": "The API of plugs"}
UNDER_A_NOTEBOOK = (
    "*This page shows a notebook of the folder `examples/`. Outputs are not kept in it: they come when you run it.*"
)
DIALOG = 'data-md-component="search" role="dialog"'
FENCE = re.compile(r"(^```.*?^```[ ]*$)", re.M | re.S)
UNPARTED_LIST = re.compile(r"^(?![ ]|[-*] |\d+\. )(.+)\n(?=[-*] |1\. )", re.M)
PARAGRAPH_OF_AN_ITEM = re.compile(r"(?<=\n\n)((?:    .*\n)+)(?=[-*] |\d+\. )")


class NotebookFile(File):
    """A notebook that is a page."""

    def is_documentation_page(self) -> bool:
        return True


def on_config(config: MkDocsConfig) -> None:
    logging.getLogger("jieba").setLevel(logging.WARNING)  # It tells how it loads its dictionary.


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """All that the site is made of, by its path in the repository: the pages, and what they show and link to."""
    of_theme = [file for file in files if file.src_dir != config.docs_dir]
    pages = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    beside = [path for pattern in ASSETS for path in sorted(ROOT.glob(pattern))]
    beside += sorted({path for page in pages for path in _linked(page)} - {*pages})
    of_api = [File.generated(config, name, content=_api_page(name)) for name in API]
    return Files([*of_theme, *(_file(path, config) for path in (*pages, *beside)), *of_api])


def on_page_read_source(page: Page, config: MkDocsConfig) -> str | None:
    return notebook_as_markdown(page.file.content_string) if isinstance(page.file, NotebookFile) else None


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return as_a_code_host_reads_it(markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The corner of a table is no heading: a screen reader would announce an empty one."""
    return re.sub(r"<th( [^>]*)?></th>", r"<td\1></td>", html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The theme's search is a dialog without a name."""
    return output.replace(DIALOG, f'{DIALOG} aria-label="Search"')


def as_a_code_host_reads_it(markdown: str) -> str:
    """The same page for Python-Markdown, which reads three things in another way than CommonMark.

    It reads Markdown inside HTML only where that asks for it. It sees a list, and an item after an item of several paragraphs,
    only after an empty line. It takes to an item what stands four spaces in, where two are enough elsewhere.
    """
    parts = FENCE.split(markdown.replace("<details>", '<details markdown="1">'))
    parts[::2] = [_lists_parted(part) for part in parts[::2]]
    return "".join(parts)


def _lists_parted(markdown: str) -> str:
    indented = re.sub(r"^  ", "    ", markdown, flags=re.M)
    return PARAGRAPH_OF_AN_ITEM.sub(r"\1\n", UNPARTED_LIST.sub(r"\1\n\n", indented))


def notebook_as_markdown(document: str) -> str:
    """The cells of a notebook, of which nothing is run."""
    cells = json.loads(document)["cells"]
    sources = [("".join(cell["source"]), cell["cell_type"]) for cell in cells]
    shown = [f"```python\n{source}\n```" if kind == "code" else source for source, kind in sources]
    return "\n\n".join([*shown, UNDER_A_NOTEBOOK])


def _linked(page: Path) -> set[Path]:
    """The files of the repository that a page links to."""
    places = {(page.parent / target).resolve() for target in LINK.findall(page.read_text(encoding="utf-8"))}
    return {place for place in places if place.is_relative_to(ROOT) and place.is_file()}


def _file(path: Path, config: MkDocsConfig) -> File:
    name = path.relative_to(ROOT).as_posix()
    kind = NotebookFile if path.suffix == ".ipynb" else File
    file = kind(name, str(ROOT), config.site_dir, config.use_directory_urls)
    file.dest_uri = file.dest_uri.removeprefix("docs/").replace("making/", "assets/")
    return file


def _api_page(name: str) -> str:
    parts = [f"# {TITLES[name]}"]
    for heading, names in API[name].items():
        parts += [f"## {heading}", *(f"::: distune.{one}" for one in names)]
    return "\n\n".join(parts) + "\n"
