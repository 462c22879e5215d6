"""The habits of the code that a linter does not know."""

from __future__ import annotations

import ast

from tests.making.imports import LEAVES, ROOT, modules_imported, sources


def test_nothing_imports_a_bare_name() -> None:
    # A file known by two names has two of each class, and a user's own `models` is not ours.
    files = [
        path for name in (*LEAVES, "tuning", "tests", "benchmarks", "examples") for path in (ROOT / name).rglob("*.py")
    ]
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in modules_imported(path)
        if name.split(".")[0] in (*LEAVES, "tuning")
    }
    assert wrong == set()


def test_no_test_takes_anything_from_another() -> None:
    # What several need is in tests/making: whoever changes a test changes no other.
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "tests").rglob("*.py")
        for name in modules_imported(path)
        if any(part.startswith("test_") for part in name.split("."))
    }
    assert wrong == set()


def test_the_formatter_decides_everywhere() -> None:
    mark = "# fmt: " + "skip"
    folders = (*LEAVES, "tuning", "tests", "benchmarks", "examples", "distune")
    files = [path for name in folders for path in (ROOT / name).rglob("*.py")]
    assert [str(path) for path in files if mark in path.read_text(encoding="utf-8")] == []


def test_what_has_more_than_four_fields_is_built_by_their_names() -> None:
    # Two neighbours of one type, swapped, would pass mypy.
    wrong = []
    for name, path in sources().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                marks = [ast.unparse(mark) for mark in node.decorator_list if "dataclass" in ast.unparse(mark)]
                n_fields = sum(isinstance(part, ast.AnnAssign) for part in node.body)
                wrong += [(name, node.name) for mark in marks if n_fields > 4 and "kw_only=True" not in mark]
    assert wrong == []
