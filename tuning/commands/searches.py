"""The commands of the CLI about searches, from their parsed options; as in students.py, each imports only its own
needs."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from distune.tuning.commands.students import console_of_stdout, lines_and_console, what_to_do_next

if TYPE_CHECKING:
    from distune.tuning.storage.paths import Folder
    from distune.tuning.study.file import Study

DEFAULT_STORAGE = "storage"


def _study(options: argparse.Namespace) -> Study:
    from distune.tuning.study.file import load_study

    return load_study(options.study, options.overrides)


def _resume_option(options: argparse.Namespace) -> str:
    """As it is passed on to a search elsewhere."""
    given = [name for name in ("resume", "resume_or_begin", "force") if getattr(options, name)]
    return "".join(f" --{name.replace('_', '-')}" for name in given)


def _print_json(found: dict[str, Any]) -> None:
    print(json.dumps(found, ensure_ascii=False, indent=1))


def _search(options: argparse.Namespace) -> tuple[Study, Folder]:
    """The search that a command is about."""
    from distune.tuning.storage.searches import find_search

    return find_search(options.search, options.overrides, options.number)


def init(options: argparse.Namespace) -> None:
    from distune.tuning.study.first import write_first_study

    for line in write_first_study(options.data, options.out):
        print(line)


def schema(options: argparse.Namespace) -> None:
    from distune.tuning.study.schema import study_schema

    _print_json(study_schema())


def check(options: argparse.Namespace) -> None:
    from distune.tuning.checks import check

    if not options.json:
        print(f"{options.study}: {check(_study(options))}")
        return
    found: dict[str, Any] = {"study": str(options.study), "ok": False, "faults": [], "summary": None, "notes": []}
    try:
        found["summary"], *notes = check(_study(options)).split("\n")
    except Exception as error:
        if hasattr(error, "exit_code"):  # Whoever reads the object needs no stderr.
            _print_json({**found, "faults": str(error).splitlines()})
        raise
    _print_json({**found, "ok": True, "notes": [note.strip() for note in notes]})


def _be_interruptible() -> None:
    """A signal that ends a job or a container ends a command as Ctrl-C does: open things are closed, and a line says
    how to continue."""
    from distune.cluster.connection import ASKED_TO_END, IS_A_COMMAND

    IS_A_COMMAND.set()

    def end(number: int, frame: object) -> None:
        ASKED_TO_END.set()
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, end)
    # A shell lets what it starts in the background ignore this one; another driver that takes over ends this one by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Ray's workers block it, and so does what they start: the search on the head of `ray://`.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def cache(options: argparse.Namespace) -> None:
    from distune.tuning.session import cache

    _be_interruptible()
    study = _study(options)
    command = f"distune cache {options.study}" + "".join(f" --set {one}" for one in options.overrides)
    with lines_and_console() as console:
        cache(study, options.rebuild, options.export, command, console)


def search(options: argparse.Namespace) -> int:
    """Search; returns the exit code, which at `ray://` is that of the search on the head."""
    from distune.tuning.session import search
    from distune.tuning.storage.searches import search_folders
    from distune.tuning.submit import search_through_client

    _be_interruptible()
    study = _study(options)
    if study.config.cluster.place.startswith("ray://"):
        return search_through_client(study, _resume_option(options))
    resume = options.resume or (options.resume_or_begin and bool(search_folders(study)))
    with lines_and_console() as console:
        folder = search(study, console, resume, options.force)
    for line in what_to_do_next(study.config, folder):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def trial(options: argparse.Namespace) -> None:
    from distune.tuning.search.single import run_single

    with lines_and_console():
        run_single(_study(options))


def results(options: argparse.Namespace) -> None:
    from distune.tuning.report.terminal import show_results, write_csv, write_json

    study, folder = _search(options)
    if options.csv:
        write_csv(study, folder, sys.stdout)
    elif options.json:
        write_json(study, folder, sys.stdout)
    else:
        show_results(study, folder, console_of_stdout())


def searches(options: argparse.Namespace) -> None:
    from distune.corpora.places import Place
    from distune.tuning.report.searches import searches_in, show_searches, write_searches_json
    from distune.tuning.storage.paths import Layout
    from distune.tuning.study.file import load_study

    study = load_study(options.study) if options.study else None
    storage = options.storage or (study.config.storage if study else DEFAULT_STORAGE)
    listed = searches_in(Layout(Place(storage)), study.config.name if study else None)
    if options.json:
        write_searches_json(listed, storage, sys.stdout)
    else:
        show_searches(listed, storage, console_of_stdout())


def finish(options: argparse.Namespace) -> None:
    from distune.tuning.storage.ending import finish_search

    print(finish_search(*_search(options)))


def skip(options: argparse.Namespace) -> None:
    from distune.tuning.storage.ending import skip_trial

    print(skip_trial(*_search(options), options.trial))


def report(options: argparse.Namespace) -> None:
    from distune.tuning.report.write import write_page, write_report

    study, folder = _search(options)
    if options.out:
        write_page(study, folder, options.out)
    else:
        with lines_and_console():
            write_report(study, folder)
    print(f"report: {options.out or folder.report}")


def compare(options: argparse.Namespace) -> None:
    from distune.tuning.report.compare import comparison, show_comparison
    from distune.tuning.report.findings import read_findings
    from distune.tuning.storage.searches import find_search

    first, second = options.numbers
    pair = (
        read_findings(*find_search(options.first, number=first)),
        read_findings(*find_search(options.second, number=second)),
    )
    if options.json:
        _print_json(comparison(pair))
    else:
        show_comparison(pair, console_of_stdout())
    if options.out:
        from distune.tuning.report.pictures_compare import write_overlay

        write_overlay(pair, options.out)
    if options.out and not options.json:
        print(f"the fronts in one picture: {options.out}")


def submit(options: argparse.Namespace) -> None:
    """Send a search to a cluster."""
    from distune.tuning.submit import submit_study

    study = _study(options)
    job_id = submit_study(study, options.address, _resume_option(options), options.install)
    print(f"{study.config.name} is job {job_id} of {options.address}; this terminal may be closed")
    for verb in ("status", "logs -f", "stop"):
        print(f"  distune {verb} {study.config.name} --address {options.address}")


def status(options: argparse.Namespace) -> None:
    """Show the searches of a cluster, or how far a search in a storage is."""
    from distune.tuning.storage.searches import find_search, is_of_storage
    from distune.tuning.study.errors import StudyError

    if options.number is not None or (options.job and is_of_storage(options.job)):
        from distune.tuning.search.progress import show_progress, show_progress_json

        if not options.job:
            raise StudyError("--search goes with a study file: distune status STUDY --search N")
        study, folder = find_search(options.job, options.overrides, options.number)
        if options.json:
            show_progress_json(study, folder, sys.stdout)
        else:
            show_progress(study, folder, console_of_stdout())
        return
    from distune.tuning.submit import show_status, status_facts

    if options.json:
        _print_json(status_facts(options.address, options.job))
        return
    show_status(options.address, options.job, console_of_stdout())


def logs(options: argparse.Namespace) -> None:
    """Print what a submitted search has printed."""
    from distune.tuning.submit import show_logs

    show_logs(options.address, options.job, options.follow)


def stop(options: argparse.Namespace) -> None:
    """End a submitted search."""
    from distune.tuning.submit import stop_search

    job = stop_search(options.address, options.job)
    print(f"{job.name} ({job.job_id}) is asked to end; what it found is kept, and submit --resume goes on with it")
