"""Options that several commands of `distune` share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

DEFAULT_URI = "sqlite:///mlflow.db"
"""The store of a study that names none. It is written here because --help must answer at once."""
SEARCH = "a study file (its last search), or the folder of a search"
Run = Callable[[argparse.Namespace], int | None]
"""Runs a command from its parsed options, and returns its exit code; None is 0."""
Command = Callable[[str, Run, str], argparse.ArgumentParser]
"""Makes the parser of a command of a name, from what it runs and what it says of itself."""


def study_command(command: Command, name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
    """The parser of a command that takes a study file."""
    sub = command(name, run, help_text)
    sub.add_argument("study", type=Path, metavar="STUDY", help="the study file (YAML)")
    add_set(sub)
    return sub


def add_set(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="overrides",
        help="override one setting of the study file, such as search.trials=8; may be given several times",
    )


def add_json(sub: argparse._ActionsContainer) -> None:
    sub.add_argument("--json", action="store_true", help="print one JSON object on stdout, and nothing else")


def add_search(sub: argparse.ArgumentParser) -> None:
    """The options that name one search."""
    sub.add_argument("search", metavar="STUDY|FOLDER", help=SEARCH)
    sub.add_argument(
        "--search", type=int, metavar="N", dest="number", help="the search of this number, not the last one"
    )
    add_set(sub)


def add_uri(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--uri",
        default=os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI,
        metavar="URI",
        help=f"the MLflow store (MLFLOW_TRACKING_URI, else {DEFAULT_URI})",
    )
