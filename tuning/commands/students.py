"""The commands of the CLI, from their parsed options; those about searches are in searches.py.

Each imports what it needs when it runs: `distune --help` answers at once, and `distune predict` needs only onnxruntime,
numpy and the package that segments the texts.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from distune.tuning.storage.paths import Folder
    from distune.tuning.study.config import StudyConfig

STORES = ("sqlite", "postgresql", "mysql", "mssql", "file")
"""The stores that MLflow's own server opens."""


def console_of_stdout() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


@contextmanager
def lines_and_console() -> Iterator[Console]:
    """A console to draw on, on which lines for people are printed too."""
    from distune.tuning.report.lines import lines_on

    console = console_of_stdout()
    with lines_on(console):
        yield console


def what_to_do_next(config: StudyConfig, folder: Folder) -> list[str]:
    """The places of a finished search's results, and the commands that use them."""
    uri, extra, registered = config.tracking.store, config.tracking.option, folder.state.get("registered")
    lines = [f"\nresults: {folder} (table.txt, results.json, champion/)"]
    if folder.report.is_file():
        lines.append(f"read:    {folder.report}")
    lines.append(f"look:    {uri if uri.startswith('http') else f'distune ui{extra}'}")
    if registered:
        # By its version: the name alone is its champion, which another may be.
        one = shlex.quote(f"{registered['name']}/{registered['version']}")
        lines += [
            f"take:    distune pull {one} my-student{extra}",
            f"use:     distune predict my-student < {'pairs.tsv' if config.corpus.text_b else 'texts.txt'}",
        ]
    return lines


def pull(options: argparse.Namespace) -> None:
    from distune.tuning.tracking.pulling import pull

    print(f"{options.name} is in {pull(options.uri, options.name, options.folder)}")


def _texts(path: Path | None) -> list[str]:
    """The texts of a file or of stdin, one a line."""
    from distune.corpora.files import lines_of, read_lines

    return lines_of(sys.stdin.buffer.read(), "stdin") if path is None else read_lines(str(path))


def bench(options: argparse.Namespace) -> None:
    from distune.models.checkpoint_folder import check_folder
    from distune.tuning.speed.bench import bench

    check_folder(options.folder)
    with lines_and_console() as console:
        bench(options.folder, options.against, _texts(options.texts), console)


def compress(options: argparse.Namespace) -> None:
    from distune.tuning.champion.compressed import figures_line
    from distune.tuning.compress import compress_checkpoint, configs_of
    from distune.tuning.study.file import load_study

    flags = {
        name: getattr(options, name)
        for name in (
            "trim_vocabulary",
            "prune_units",
            "low_rank",
            "prune_weights",
            "embedding_int8",
            "half",
            "int8",
            "int8_static",
        )
    }
    configs = configs_of(flags, options.epochs)
    source = load_study(options.study, options.overrides) if options.study else _texts(options.texts)
    with lines_and_console() as console:
        figures = compress_checkpoint(options.folder, options.target, configs, source, console)
    print(figures_line(figures))


def completion(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from distune.corpora.encoding import MissingPackageError

    if importlib.util.find_spec("shtab") is None:
        raise MissingPackageError(
            "distune completion needs the package shtab, which is not installed: pip install 'distune[search]'"
        )
    import shtab

    for sub in _parsers(parser):
        for action in sub._actions:
            if action.type is Path or "FOLDER" in str(action.metavar):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell))


def _parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of all commands."""
    return [
        sub
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for sub in action.choices.values()
    ]


def ui(options: argparse.Namespace) -> None:
    from distune.tuning.study.errors import StudyError
    from distune.tuning.tracking.schema import refuse_other_schema, sqlite_file
    from distune.tuning.tracking.store import has_store, page_of_last_search

    if options.port is not None and not 1 <= options.port <= 65535:
        raise StudyError(f"--port must be from 1 to 65535, but got {options.port}")
    if options.optuna:
        from distune.tuning.report.dashboard import serve_dashboard
        from distune.tuning.storage.searches import find_search

        serve_dashboard(*find_search(options.optuna), options.port or 8080)
        return
    port = options.port or 5000
    if options.uri.startswith("http"):
        raise StudyError(f"{options.uri} is a server already: open it in a browser")
    if "://" in options.uri and options.uri.partition("://")[0].partition("+")[0] not in STORES:
        raise StudyError(f"--uri must be a path or begin with one of {', '.join(STORES)}, but got {options.uri}")
    if not has_store(options.uri):
        raise StudyError(f"there is no MLflow store at {options.uri} yet; a search makes it")
    if file := sqlite_file(options.uri):
        refuse_other_schema(file, "--uri")
    page = page_of_last_search(options.uri)
    print(f"MLflow UI of {options.uri}: http://127.0.0.1:{port}{page} (Ctrl-C ends it)", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    # One reader: MLflow's four workers and its own jobs would only take longer to start.
    program = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--backend-store-uri", options.uri]
    os.execv(sys.executable, [*program, "--host", "127.0.0.1", "--port", str(port)])  # noqa: S606
