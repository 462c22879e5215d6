"""The checker of pages and docstrings: what it reads, what it finds, and where."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def prose() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prose", ROOT / ".ci" / "prose.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["prose"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def found(prose: ModuleType, folder: Path, name: str, text: str) -> list[tuple[int, str]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return [(line, what.split(":")[0]) for line, what in prose.in_file(path, prose.load_style())]


def test_words_are_found_with_their_line(prose: ModuleType, tmp_path: Path) -> None:
    page = "# A page\n\nA teacher is slow. It is\ndear to serve.\n\n- Answers need them not.\n"
    assert found(prose, tmp_path, "page.md", page) == [(3, "'dear'"), (6, "'need them not'")]


def test_code_and_links_are_not_read(prose: ModuleType, tmp_path: Path) -> None:
    page = "Call `nor` and [nor](nor.md).\n\n```\nnor\n```\n\n    nor\n"
    assert found(prose, tmp_path, "page.md", page) == []


def test_cells_of_tables_are_read_for_their_words_alone(prose: ModuleType, tmp_path: Path) -> None:
    words = " ".join(["word"] * 36)
    page = f"| a | b |\n|---|---|\n| {words} | nor |\n\nThe {words}.\n"
    assert found(prose, tmp_path, "page.md", page) == [(3, "'nor'"), (5, "37 words, more than 35")]


def test_a_sentence_ends_at_its_stop_and_not_at_a_citation(prose: ModuleType, tmp_path: Path) -> None:
    block = prose.Block(text="One (Tang et al. 2019).\nTwo `x`. `x` is 0.5 so. Three", line=7, is_prose=True)
    assert list(prose.sentences(block)) == [
        (7, "One (Tang et al. 2019)."),
        (8, "Two `x`."),
        (8, "`x` is 0.5 so."),
        (8, "Three"),
    ]


def test_docstrings_of_functions_and_of_fields_are_read_and_comments_are_not(prose: ModuleType, tmp_path: Path) -> None:
    program = (
        '"""A module."""\n# nor\n\nclass Config:\n    size: int = 1\n    """Nor."""\n\n'
        'def run(one="nor"):\n    """Run it.\n\n    It is to be run.\n    """\n'
    )
    assert found(prose, tmp_path, "program.py", program) == [(6, "'Nor'"), (11, "'is to be'")]


def test_messages_of_errors_are_read_and_other_strings_are_not(prose: ModuleType, tmp_path: Path) -> None:
    program = (
        'ADVICE = "save it anew"\nOTHER = "anew"\n\n'
        'def why(n):\n    return f"no row, nor {n} words"\n\n\n'
        "def run(n, name):\n    if n:\n"
        "        raise ValueError(f\"{name}: a row is to be left{' beside it' if n > 1 else ADVICE}; need not `nor`\")\n"
        '    run("nor")\n    raise ValueError(why(n))\n'
    )
    assert found(prose, tmp_path, "program.py", program) == [
        (1, "'anew'"),
        (5, "'nor'"),
        (10, "'beside'"),
        (10, "'is to be'"),
        (10, "'need not'"),
    ]


def test_what_is_printed_logged_and_noted_is_read_also_by_a_name(prose: ModuleType, tmp_path: Path) -> None:
    program = (
        'def run(n):\n    line = f"{n} rows, nor words"\n    console.print(line)\n'
        '    _log.info("read anew")\n    notes.append(f"{n} need not go")\n    run("nor")\n'
    )
    assert found(prose, tmp_path, "program.py", program) == [(2, "'nor'"), (4, "'anew'"), (5, "'need not'")]


def test_a_semicolon_ends_a_sentence_of_a_message(prose: ModuleType, tmp_path: Path) -> None:
    words = " ".join(["word"] * 20)
    program = f'raise ValueError(f"{{1}}: {words}; {words}")\nraise ValueError(f"{{1}}: {words}, {words}")\n'
    assert found(prose, tmp_path, "program.py", program) == [(2, "41 words, more than 35")]


def test_help_texts_of_commands_within_commands_are_read(prose: ModuleType) -> None:
    parser = argparse.ArgumentParser(description="A tool.")
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    sub = parser.add_subparsers().add_parser("go", description="Go anew.")
    sub.add_argument("-f", "--force", action="store_true", help="go in spite of all")
    sub.add_argument("place", help="where to go")
    texts = dict(prose.helps(parser, "tool"))
    assert {name: text for name, text in texts.items() if "-h" not in name} == {
        "tool": "A tool.",
        "tool go": "Go anew.",
        "tool go --force": "go in spite of all",
        "tool go place": "where to go",
    }
    assert [what for _, what in prose.in_message("Go anew.", 0, prose.load_style())] == [
        "'anew': again, from scratch or newly"
    ]


def test_the_help_texts_of_distune_are_in_the_style(prose: ModuleType) -> None:
    assert prose.in_helps(prose.load_style()) == []


def test_the_checker_fails_with_a_line_for_each_finding(
    prose: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("Fine.\n", encoding="utf-8")
    assert prose.main([str(page)]) == 0
    page.write_text("It is not so, nor is that.\n", encoding="utf-8")
    assert prose.main([str(page)]) == 1
    assert capsys.readouterr().out == f"{page}:1: 'nor': or, or a new sentence\n"


def test_every_page_and_program_is_read_once_unless_it_is_exempt(prose: ModuleType) -> None:
    read = [path.relative_to(ROOT).as_posix() for path in prose.files(prose.load_style())]
    assert {"README.md", "docs/data.md", "distune/_search.py", "tuning/cli.py"} <= set(read)
    assert not {"CHANGELOG.md", "distune/tuning/cli.py"} & set(read)
    assert len(read) == len(set(read))


def test_every_file_that_is_exempt_is_there(prose: ModuleType) -> None:
    assert [name for name in prose.load_style().exempt if not (ROOT / name).is_file()] == []
