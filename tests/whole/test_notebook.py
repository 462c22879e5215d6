"""The notebook of examples/ runs from its first cell to its last, in a folder of its own.

Its cells are run in their order in one process, as a kernel runs them: nbclient and ipykernel are some thirty packages.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "search.ipynb"
DOCUMENT: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
KERNEL = """
import ast, json, sys

if __name__ == "__main__":  # Not in the processes that cells start.
    names = {"__name__": "__main__"}
    for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            *body, last = tree.body
            shown = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
            exec(compile(ast.Module(body if shown else tree.body, []), cell["id"], "exec"), names)
            if shown and (value := eval(compile(shown, cell["id"], "eval"), names)) is not None:
                print(value.to_csv() if hasattr(value, "to_csv") else value)
"""
"""Runs each cell and shows the value of its last expression, a table as CSV."""


def test_the_notebook_is_one_and_holds_no_outputs() -> None:
    assert (DOCUMENT["nbformat"], DOCUMENT["nbformat_minor"]) == (4, 5)
    assert {cell["cell_type"] for cell in DOCUMENT["cells"]} == {"markdown", "code"}
    assert len({cell["id"] for cell in DOCUMENT["cells"]}) == len(DOCUMENT["cells"])
    for cell in DOCUMENT["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.soak
def test_every_cell_runs(tmp_path: Path) -> None:
    for name in ("search.ipynb", "reviews.yaml", "reviews-teacher.parquet"):
        shutil.copyfile(ROOT / "examples" / name, tmp_path / name)
    program = [sys.executable, "-c", KERNEL, "search.ipynb"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout
    assert "search.trails: " in shown
    assert "no fault; 1,000 train" in shown
    assert "distilled champion" in shown
    assert len(re.findall(r"^\d,[0-3],(?:complete|pruned),", shown, re.M)) == 4  # Rows of found.trials.
    assert "['1', '0']" in shown
    assert ",0,1,label\n" in shown
    assert (tmp_path / shown.splitlines()[-1] / "labels.json").is_file()
