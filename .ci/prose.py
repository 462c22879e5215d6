"""Holds pages, docstrings, messages of errors and help texts to the style of .ci/prose.toml: its words, and sentences that are not
too long.

Run: python .ci/prose.py [FILE ...]
Code, links and headings are not read, and cells of tables only for their words. In a message a semicolon ends a sentence, and values
are one word. The help texts of all commands are read if no file is named. Each finding is a line `FILE:LINE: what was found: what to
write`, with the command in place of a file for a help text; the exit code is 1 if there is one. proselint has no rules of one's own, and the package
`vale` downloads its program when it runs. So this is a script.
"""

from __future__ import annotations

import argparse
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
CLAUSE_END = re.compile(r";\s|\n")
IN_BACKTICKS = re.compile("`[^`]*`")
VALUE = "x"
"""What stands for a value in a message: one word."""
Named = dict[str, ast.AST]
"""The functions and constants of a module by name."""
SAYING = ("info", "warning", "print", "append", "Step", "Tile")
"""Functions of which people read what they are given."""
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


def messages(program: str) -> Iterator[tuple[int, str]]:
    """The messages of the errors that a module raises, and what it prints, logs and notes for people, with the line on which each begins.

    A value in a message is a word. The strings of a choice within a message are messages of their own, and so are the
    names that it has, and those that a function of the module returns for it. What other modules return is not
    read.
    """
    tree = ast.parse(program)
    named: Named = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            named |= {target.id: statement.value for target in targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        said = node.exc if isinstance(node, ast.Raise) else node
        if isinstance(said, ast.Call) and (isinstance(node, ast.Raise) or _name_of(said.func) in SAYING):
            for argument in said.args:
                yield from _strings(argument, named)


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _strings(node: ast.AST, named: Named) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr() | ast.BinOp(op=ast.Add()):
            yield node.lineno, _spelt(node)
            for part in ast.walk(node):
                if isinstance(part, ast.FormattedValue) and not isinstance(part.value, ast.JoinedStr):
                    yield from _strings(part.value, named)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _strings(body, named)
            yield from _strings(orelse, named)
        case ast.BoolOp(values=values) | ast.Dict(values=values):
            for value in values:
                yield from _strings(value, named)
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            meant = named.pop(name, None)  # It is read once.
            if isinstance(meant, ast.FunctionDef):
                for part in ast.walk(meant):
                    if isinstance(part, ast.Return) and part.value is not None:
                        yield from _strings(part.value, named)
            elif meant is not None:
                yield from _strings(meant, named)


def _spelt(node: ast.AST) -> str:
    """The text of a string of a program, with a word in place of each value."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            return "".join(map(_spelt, node.values))
        case ast.BinOp(op=ast.Add()):
            return _spelt(node.left) + _spelt(node.right)
    return VALUE


def in_message(text: str, line: int, style: Style) -> Iterator[tuple[int, str]]:
    """What the style says of a message or of a help text."""
    for part in CLAUSE_END.split(IN_BACKTICKS.sub(CODE, text)):
        for _, what in findings(Block(text=part, line=line, is_prose=True), style):
            yield line, what


def helps(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, str]]:
    """The description of a command and the help text of each of its arguments, with those of its own commands."""
    yield name, parser.description or ""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command, sub in action.choices.items():
                yield from helps(sub, f"{name} {command}")
        elif action.help and action.help != argparse.SUPPRESS:
            yield f"{name} {(action.option_strings or [action.dest])[-1]}", action.help


def in_helps(style: Style) -> list[tuple[str, str]]:
    sys.path.insert(0, str(ROOT))
    from distune.tuning.cli import _parser

    texts = helps(_parser(), "distune")
    return [(name, what) for name, text in texts for _, what in in_message(text, 0, style)]


def in_file(path: Path, style: Style) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    texts = docstrings(text) if path.suffix == ".py" else [(1, text)]
    found = [one for line, markdown in texts for block in blocks(markdown, line) for one in findings(block, style)]
    if path.suffix == ".py":
        found += [one for line, message in messages(text) for one in in_message(message, line, style)]
    return sorted(set(found))


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
    for name, what in [] if arguments else in_helps(style):
        print(f"{name}: {what}")
        n_found += 1
    if n_found:
        print(f"{n_found} sentences to rewrite; the rules and their reasons are in .ci/prose.toml", file=sys.stderr)
    return 1 if n_found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
