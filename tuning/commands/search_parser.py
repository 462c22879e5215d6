"""The commands of `distune` for those who search: studies, searches, and searches on a cluster."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from distune.tuning.commands import searches as commands
from distune.tuning.commands.answers_parser import add_answer_commands
from distune.tuning.commands.options import SEARCH, Command, add_json, add_search, add_set, study_command

DEFAULT_DASHBOARD = "http://127.0.0.1:8265"


def add_search_commands(command: Command) -> None:
    _add_study_commands(command)
    add_answer_commands(command)
    _add_commands_of_running_searches(command)
    _add_commands_of_results(command)
    _add_cluster_commands(command)


def _add_study_commands(command: Command) -> None:
    init = command(
        "init", commands.init, "write a first study for a file of texts and labels, and say what was assumed"
    )
    init.add_argument("data", metavar="DATA", help="a CSV, TSV, JSON or Parquet file of texts and labels")
    init.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("study.yaml"),
        metavar="STUDY",
        help="the study file to write (study.yaml)",
    )
    check = study_command(command, "check", commands.check, "list every fault of a study at once; writes nothing")
    add_json(check)
    cache = study_command(
        command, "cache", commands.cache, "train the teacher if the study says so, and fill the teacher-logits cache"
    )
    cache.add_argument("--rebuild", action="store_true", help="train and fill again, even if the cache is there")
    cache.add_argument("--export", type=Path, metavar="FILE.parquet", help="also write the logits as one small file")
    search = study_command(
        command, "search", commands.search, "search, time the finalists, print the table and register the champion"
    )
    _add_resume(search)
    study_command(
        command,
        "trial",
        commands.trial,
        "run one trial in this process, without Ray; ranges take their middle, --set fixes them",
    )


def add_schema(command: Command) -> None:
    command(
        "schema", commands.schema, "print the JSON Schema of the study file, for editors that complete and check it"
    )


def _add_resume(command: argparse.ArgumentParser) -> None:
    ways = command.add_mutually_exclusive_group()
    ways.add_argument(
        "--resume",
        action="store_true",
        help="go on with the last search of this study; with --set search.trials=N also with one that has ended",
    )
    ways.add_argument(
        "--resume-or-begin",
        action="store_true",
        help="go on with the last search, or begin the first one; one that has ended is not repeated: for jobs that restart by themselves",
    )
    ways.add_argument("--force", action="store_true", help="begin another search, even if one of this study runs")


def _add_commands_of_running_searches(command: Command) -> None:
    finish = command(
        "finish",
        commands.finish,
        "let a search start no further trial; running trials end, then finalists and champion follow",
    )
    add_search(finish)
    skip = command(
        "skip", commands.skip, "end one trial of a running search after its epoch; its worker goes on with the next"
    )
    add_search(skip)
    skip.add_argument("trial", type=int, metavar="TRIAL", help="the number of the trial, as `distune status` shows it")


def _add_commands_of_results(command: Command) -> None:
    searches = command(
        "searches", commands.searches, "list the searches of a study, or of a whole storage, and their states"
    )
    searches.add_argument("study", type=Path, nargs="?", metavar="STUDY", help="a study file: list only its searches")
    searches.add_argument(
        "--storage", metavar="PATH", help="the storage, a path or URI (that of the study, else storage)"
    )
    add_json(searches)
    results = command("results", commands.results, "show the table of a search, its trials and what mattered")
    add_search(results)
    forms = results.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="a line for each trial instead")
    add_json(forms)
    report = command(
        "report", commands.report, "write the page of a search, report.html, and its pictures into its folder"
    )
    add_search(report)
    report.add_argument("--out", type=Path, metavar="FILE.html", help="write the page there, and nothing else")
    compare = command("compare", commands.compare, "show two searches side by side: champions, fronts, what changed")
    for name in ("first", "second"):
        compare.add_argument(name, metavar="STUDY|FOLDER", help=SEARCH)
    compare.add_argument(
        "--search",
        type=int,
        nargs=2,
        default=(None, None),
        metavar="N",
        dest="numbers",
        help="the searches of these numbers",
    )
    compare.add_argument("--out", type=Path, metavar="FILE.html", help="also draw the two fronts in one picture")
    add_json(compare)


def _add_cluster_commands(command: Command) -> None:
    submit = study_command(
        command, "submit", commands.submit, "send a search to a Ray cluster as a job, with its code and files"
    )
    _add_resume(submit)
    submit.add_argument(
        "--install",
        action="store_true",
        help="install the packages of this machine in the job: for images that lack them",
    )
    status = command("status", commands.status, "show the searches of a cluster, or the progress of one")
    status.add_argument(
        "job",
        nargs="?",
        metavar="STUDY|FOLDER|ID",
        help="the name of a study (its last job), a job's id, or, on a machine that sees the storage, a study file or the folder "
        "of a search",
    )
    status.add_argument(
        "--search",
        type=int,
        metavar="N",
        dest="number",
        help="of a study file: the search of this number, not the last one",
    )
    add_set(status)
    add_json(status)
    log = command("logs", commands.logs, "print what a submitted search has printed")
    log.add_argument("-f", "--follow", action="store_true", help="follow the output until the search ends")
    stop = command("stop", commands.stop, "end a submitted search; submit --resume goes on with it")
    for sub in (log, stop):
        sub.add_argument("job", metavar="STUDY|ID", help="the name of a study (its last job), or a job's id")
    for sub in (submit, status, log, stop):
        sub.add_argument(
            "--address",
            default=_dashboard(),
            metavar="URL",
            help=f"the cluster's dashboard (RAY_API_SERVER_ADDRESS, or RAY_ADDRESS if it is http://, else {DEFAULT_DASHBOARD})",
        )


def _dashboard() -> str:
    """The dashboard that Ray's own commands would ask."""
    address = os.environ.get("RAY_ADDRESS", "")
    there = address if address.startswith(("http://", "https://")) else ""
    return os.environ.get("RAY_API_SERVER_ADDRESS") or there or DEFAULT_DASHBOARD
