"""The files of the house, and what each imports."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAVES = ("corpora", "models", "losses", "cluster")


def modules_imported(path: Path) -> set[str]:
    """The modules and names that a file imports by full dotted name, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports(path: Path) -> set[str]:
    """The packages that a file imports: of our own the folder at the root, as in `corpora`."""
    parts = [name.split(".") for name in modules_imported(path)]
    return {part[1] if part[0] == "distune" and len(part) > 1 else part[0] for part in parts}


def sources() -> dict[str, Path]:
    return {
        str(path.relative_to(ROOT)): path for folder in (*LEAVES, "tuning") for path in (ROOT / folder).rglob("*.py")
    }
