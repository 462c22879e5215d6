"""What each command of the CLI does, from its parsed options.

Each imports what it needs when it runs: `distune --help` answers at once, and `distune predict` works where only
onnxruntime, numpy and what segments the texts are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from distune.tuning.storage.paths import Folder
    from distune.tuning.study.config import StudyConfig
    from distune.tuning.study.file import Study

DEFAULT_URI = "sqlite:///mlflow.db"


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


@contextmanager
def _lines_and_console() -> Iterator[Console]:
    """A console to draw on, on which lines for people are printed too."""
    from distune.tuning.report.lines import lines_on

    console = _console()
    with lines_on(console):
        yield console


def _study(options: argparse.Namespace) -> Study:
    from distune.tuning.study.file import load_study

    return load_study(options.study, options.overrides)


def _resume_option(options: argparse.Namespace) -> str:
    """As it is passed on to a search elsewhere."""
    if options.resume:
        return " --resume"
    return " --resume-or-begin" if options.resume_or_begin else ""


def check(options: argparse.Namespace) -> None:
    from distune.tuning.checks import check

    print(f"{options.study}: {check(_study(options))}")


def _be_interruptible() -> None:
    """What ends a job or a container ends a command as Ctrl-C does: what is open is closed, and said how to go on."""
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    # A shell lets what it starts in the background ignore this one; another driver that takes over ends this one by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def cache(options: argparse.Namespace) -> None:
    from distune.tuning.session import cache

    _be_interruptible()
    study = _study(options)
    command = f"distune cache {options.study}" + "".join(f" --set {one}" for one in options.overrides)
    with _lines_and_console() as console:
        cache(study, options.rebuild, options.export, command, console)


def search(options: argparse.Namespace) -> None:
    from distune.tuning.session import search
    from distune.tuning.storage.searches import search_folders
    from distune.tuning.submit import search_through_client

    _be_interruptible()
    study = _study(options)
    if study.config.cluster.place.startswith("ray://"):
        sys.exit(search_through_client(study, _resume_option(options)))
    resume = options.resume or (options.resume_or_begin and bool(search_folders(study)))
    with _lines_and_console() as console:
        folder = search(study, console, resume)
    for line in what_to_do_next(study.config, folder):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def what_to_do_next(config: StudyConfig, folder: Folder) -> list[str]:
    """Where a search that has ended has put what it found, and the commands that take it."""
    uri, registered = config.tracking.store, folder.state.get("registered")
    by_default = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    extra = "" if uri == by_default else f" --uri {shlex.quote(uri)}"
    lines = [f"\nresults: {folder} (table.txt, results.json, champion/)"]
    if folder.report.is_file():
        lines.append(f"read:    {folder.report}")
    lines.append(f"look:    {uri if uri.startswith('http') else f'distune ui{extra}'}")
    if registered:
        # By its version: the name alone is its champion, which another may be.
        one = shlex.quote(f"{registered['name']}/{registered['version']}")
        lines += [
            f"take:    distune pull {one} my-student{extra}",
            "use:     distune predict my-student < texts.txt",
        ]
    return lines


def trial(options: argparse.Namespace) -> None:
    from distune.tuning.search.single import run_single

    with _lines_and_console():
        run_single(_study(options))


def results(options: argparse.Namespace) -> None:
    from distune.tuning.report.terminal import show_results, write_csv, write_json

    study = _study(options)
    if options.csv:
        write_csv(study, sys.stdout)
    elif options.json:
        write_json(study, sys.stdout)
    else:
        show_results(study, _console())


def report(options: argparse.Namespace) -> None:
    from distune.tuning.report.findings import find_search
    from distune.tuning.report.write import write_page, write_report

    study, folder = find_search(options.search, options.overrides)
    if options.out:
        write_page(study, folder, options.out)
    else:
        with _lines_and_console():
            write_report(study, folder)
    print(f"report: {options.out or folder.report}")


def compare(options: argparse.Namespace) -> None:
    from distune.tuning.report.compare import show_comparison, write_overlay
    from distune.tuning.report.findings import find_search, read_findings

    pair = (read_findings(*find_search(options.first)), read_findings(*find_search(options.second)))
    show_comparison(pair, _console())
    if options.out:
        write_overlay(pair, options.out)
        print(f"the fronts in one picture: {options.out}")


def pull(options: argparse.Namespace) -> None:
    from distune.tuning.tracking.pulling import pull

    print(f"{options.name} is in {pull(options.uri, options.name, options.folder)}")


def predict(options: argparse.Namespace) -> None:
    from distune.tuning.serve.predict import predict

    predict(options.folder, options.texts)


def serve(options: argparse.Namespace) -> None:
    from distune.corpora.encoding import MissingPackageError

    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"distune serve needs the package {package}, which is not installed: pip install 'distune[serve]'"
            )
    from distune.tuning.serve.access import access_of
    from distune.tuning.serve.limits import Limits
    from distune.tuning.serve.server import serve

    limits = Limits(**{field.name: getattr(options, field.name) for field in fields(Limits)})
    access = access_of(options.host, options.allowed_hosts, options.allowed_origins)
    serve(options.folder, options.port, options.threads, limits, access)


def _texts(path: Path | None) -> list[str]:
    """The texts of a file or of stdin, one a line."""
    from distune.corpora.files import lines_of, read_lines

    return lines_of(sys.stdin.buffer.read(), "stdin") if path is None else read_lines(str(path))


def bench(options: argparse.Namespace) -> None:
    from distune.models.predictor import check_folder
    from distune.tuning.speed.bench import bench

    check_folder(options.folder)
    with _lines_and_console() as console:
        bench(options.folder, options.against, _texts(options.texts), console)


def compress(options: argparse.Namespace) -> None:
    from distune.tuning.compress import compress_checkpoint, configs_of, figures_line

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
    source = _study(options) if options.study else _texts(options.texts)
    with _lines_and_console() as console:
        figures = compress_checkpoint(options.folder, options.target, configs, source, console)
    print(figures_line(figures))


def submit(options: argparse.Namespace) -> None:
    """Send a search to a cluster."""
    from distune.tuning.submit import submit_study

    study = _study(options)
    job_id = submit_study(study, options.address, _resume_option(options), options.install)
    print(f"{study.config.name} is job {job_id} of {options.address}; this terminal may be closed")
    for verb in ("status", "logs -f", "stop"):
        print(f"  distune {verb} {study.config.name} --address {options.address}")


def status(options: argparse.Namespace) -> None:
    """Show the searches of a cluster, or how far the last search of a study file is."""
    if options.job and Path(options.job).is_file():
        from distune.tuning.search.progress import show_progress
        from distune.tuning.storage.searches import last_search
        from distune.tuning.study.file import load_study

        study = load_study(Path(options.job))
        show_progress(study, last_search(study), _console())
        return
    from distune.tuning.submit import show_status

    show_status(options.address, options.job, _console())


def logs(options: argparse.Namespace) -> None:
    """Print what a submitted search has printed."""
    from distune.tuning.submit import show_logs

    show_logs(options.address, options.job, options.follow)


def stop(options: argparse.Namespace) -> None:
    """End a submitted search."""
    from distune.tuning.submit import stop_search

    job = stop_search(options.address, options.job)
    print(f"{job.name} ({job.job_id}) is asked to end; what it found is kept, and submit --resume goes on with it")


def ui(options: argparse.Namespace) -> None:
    from distune.tuning.study.errors import StudyError
    from distune.tuning.tracking.schema import refuse_other_schema, sqlite_file
    from distune.tuning.tracking.store import has_store

    if options.uri.startswith("http"):
        raise StudyError(f"{options.uri} is a server already: open it in a browser")
    if not has_store(options.uri):
        raise StudyError(f"there is no MLflow store at {options.uri} yet; a search makes it")
    if file := sqlite_file(options.uri):
        refuse_other_schema(file, "--uri")
    print(f"MLflow UI of {options.uri}: http://127.0.0.1:{options.port} (Ctrl-C ends it)", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    # One reader: MLflow's four workers and its own jobs would only take longer to start.
    program = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--backend-store-uri", options.uri]
    os.execv(sys.executable, [*program, "--host", "127.0.0.1", "--port", str(options.port)])  # noqa: S606
