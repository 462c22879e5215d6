"""Holds pages and docstrings to the style of .ci/prose.toml: its words, and sentences that are not too long.

Run: python .ci/prose.py [FILE ...]
Code, links and headings are not read, and cells of tables only for their words. Each finding is a line
`FILE:LINE: what was found: what to write`; the exit code is 1 if there is one. proselint has no rules of one's own, and the package
`vale` downloads its program when it runs. So this is a script.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / ".ci" / "prose.toml"
SENTENCE_END = re.compile(r"(?<=[.!?])(?<!et al\.)(?<!i\.e\.)(?<!e\.g\.)[\"')*_]*\s+(?=[\"'(*_]*[A-Z0-9`])")
WORD = re.compile(r"[\w`][\w`'’.,/%+-]*")
CODE = "`x`"
"""What stands for inline code and for links in a sentence: one word."""
READ = MarkdownIt().enable("table")


@dataclass(frozen=True, kw_only=True)
class Style:
    """What prose.toml says."""

    longest_sentence: int
    pages: tuple[str, ...]
    docstrings: tuple[str, ...]
    exempt: tuple[str, ...]
    rules: tuple[tuple[re.Pattern[str], str], ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A paragraph, an item of a list or a cell of a table, with its first line in the file."""

    text: str
    line: int
    is_prose: bool


def load_style(path: Path = RULES) -> Style:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    rules = [(re.compile(pattern), rule["use"]) for rule in document.pop("rule") for pattern in rule["patterns"]]
    longest = document.pop("longest_sentence")
    return Style(longest_sentence=longest, rules=tuple(rules), **{key: tuple(value) for key, value in document.items()})


def blocks(markdown: str, first_line: int = 1) -> Iterator[Block]:
    """The text of a page or of a docstring, without code and links."""
    kind = ""
    for token in READ.parse(markdown):
        if token.type in ("paragraph_open", "heading_open", "td_open", "th_open"):
            kind = token.type
        if token.type == "inline" and token.map is not None and kind != "heading_open":
            yield Block(
                text=_plain(token.children or []), line=first_line + token.map[0], is_prose=kind == "paragraph_open"
            )


def _plain(children: Sequence[Token]) -> str:
    found, in_link = "", False
    for child in children:
        if child.type in ("link_open", "image", "code_inline"):
            found += CODE
        in_link = child.type == "link_open" or (in_link and child.type != "link_close")
        if child.type in ("softbreak", "hardbreak"):
            found += "\n"
        elif child.type == "text" and not in_link:
            found += child.content
    return found


def sentences(block: Block) -> Iterator[tuple[int, str]]:
    """Each sentence of a block in one line, with its line in the file."""
    start = 0
    for end in [*SENTENCE_END.finditer(block.text), None]:
        sentence = block.text[start : end.start() if end else None]
        yield block.line + block.text.count("\n", 0, start), " ".join(sentence.split())
        start = end.end() if end else start


def findings(block: Block, style: Style) -> Iterator[tuple[int, str]]:
    """What the style says of a block: lines, and what is wrong there."""
    for line, sentence in sentences(block):
        for pattern, use in style.rules:
            if found := pattern.search(sentence):
                yield line, f"{found[0]!r}: {use}"
        n_words = len(WORD.findall(sentence))
        if block.is_prose and n_words > style.longest_sentence:
            opening = " ".join(sentence.split()[:6])
            yield line, f"{n_words} words, more than {style.longest_sentence}: '{opening} ...'"


def docstrings(program: str) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, its classes, functions, constants and fields, with the line on which each begins."""
    for node in ast.walk(ast.parse(program)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.lineno, cleandoc(value.value)


def in_file(path: Path, style: Style) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    texts = docstrings(text) if path.suffix == ".py" else [(1, text)]
    found = (one for line, markdown in texts for block in blocks(markdown, line) for one in findings(block, style))
    return sorted(found)


def files(style: Style, root: Path = ROOT) -> list[Path]:
    """Every page and program that the style names and does not exempt, each once: distune/ has links to the folders."""
    named = [path for pattern in style.pages for path in root.glob(pattern)]
    named += [path for folder in style.docstrings for path in (root / folder).rglob("*.py")]
    exempt = {(root / one).resolve() for one in style.exempt}
    return sorted({path.resolve() for path in named} - exempt)


def main(arguments: Sequence[str]) -> int:
    style = load_style()
    n_found = 0
    for path in [Path(one).resolve() for one in arguments] or files(style):
        for line, what in in_file(path, style):
            print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{line}: {what}")
            n_found += 1
    if n_found:
        print(f"{n_found} sentences to rewrite; the rules and their reasons are in .ci/prose.toml", file=sys.stderr)
    return 1 if n_found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
