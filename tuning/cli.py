"""The command `distune`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from distune.tuning import commands
from distune.tuning.commands import DEFAULT_URI
from distune.tuning.ending import ENDS_WITHIN_S, end_within, guarded
from distune.tuning.serve.limits import Limits

DEFAULT_DASHBOARD = "http://127.0.0.1:8265"
EXAMPLES = """\
examples:
  distune check STUDY.yaml                  every fault of a study at once; writes nothing
  distune search STUDY.yaml                 the whole search, ending in a table and a registered champion
  distune search STUDY.yaml --resume        go on after Ctrl-C or a kill, losing and repeating nothing
  distune submit STUDY.yaml --address http://HEAD:8265   the same on a Ray cluster; status, logs -f and stop follow it
  distune pull reviews-student my-student   the champion's folder, usable with onnxruntime, numpy and jieba alone
  echo '很好' | distune predict my-student   one JSON object a line
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 2 for bad input, 1 for a search without a champion, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    # torch warns from C++ of the export of packed sequences, which the contract tests cover.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    run: Callable[[argparse.Namespace], None] = options.run
    try:
        code = guarded(run, options)
        if arguments is None:
            end_within(ENDS_WITHIN_S, code)
        sys.exit(code)
    except BrokenPipeError:
        # The reader has gone (`distune predict ... | head`); that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="distune",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Find the small text classifier that a CPU serves for almost nothing, by distilling a teacher.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], help_text: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        sub.set_defaults(run=run)
        return sub

    def study_command(name: str, run: Callable[[argparse.Namespace], None], help_text: str) -> argparse.ArgumentParser:
        sub = command(name, run, help_text)
        sub.add_argument("study", type=Path, metavar="STUDY", help="the study file (YAML)")
        sub.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="PATH=VALUE",
            dest="overrides",
            help="override one setting, such as search.trials=8; may be given several times",
        )
        return sub

    study_command("check", commands.check, "list every fault of a study at once; writes nothing")
    cache = study_command(
        "cache", commands.cache, "train the teacher if it is to be trained, and fill the teacher-logits cache"
    )
    cache.add_argument("--rebuild", action="store_true", help="train and fill again, even if it is there")
    cache.add_argument("--export", type=Path, metavar="FILE.parquet", help="write the logits as one small file as well")
    search = study_command(
        "search", commands.search, "search, time the finalists, print the table and register the champion"
    )
    _add_resume(search)
    study_command(
        "trial",
        commands.trial,
        "run one trial in this process, without Ray; ranges take their middle, --set fixes them",
    )
    results = study_command(
        "results", commands.results, "show the table of the last search, its trials and what mattered"
    )
    forms = results.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="a line for each trial instead")
    forms.add_argument("--json", action="store_true", help="one JSON object instead")
    report = command(
        "report", commands.report, "write the page of a search, report.html, and its pictures into its folder"
    )
    report.add_argument(
        "search", metavar="STUDY|FOLDER", help="a study file (its last search), or the folder of a search"
    )
    report.add_argument("--out", type=Path, metavar="FILE.html", help="write the page there, and nothing else")
    report.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="overrides",
        help="override one setting of a study file, such as storage=PATH",
    )
    compare = command("compare", commands.compare, "show two searches side by side: champions, fronts, what changed")
    for name in ("first", "second"):
        compare.add_argument(
            name, metavar="STUDY|FOLDER", help="a study file (its last search), or the folder of a search"
        )
    compare.add_argument("--out", type=Path, metavar="FILE.html", help="write the two fronts in one picture as well")
    pull = command("pull", commands.pull, "copy a registered student to a folder")
    pull.add_argument(
        "name",
        metavar="WHAT",
        help="NAME of a registered model (its champion), NAME@ALIAS, NAME/VERSION, "
        "runs:/RUN_ID/student, or the folder of a search's results",
    )
    pull.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    predict = command("predict", commands.predict, "answer texts, one a line, with one JSON object a line")
    predict.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    predict.add_argument("texts", type=Path, nargs="?", metavar="FILE", help="one text a line; stdin by default")
    _add_serve(
        command("serve", commands.serve, "answer over HTTP what a checkpoint folder answers, until Ctrl-C or SIGTERM")
    )
    bench = command(
        "bench", commands.bench, "time a checkpoint folder from raw text to label; the last line is one JSON object"
    )
    bench.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    bench.add_argument(
        "--against", metavar="TEACHER", help="a transformers classifier (hub id or folder) to time beside it"
    )
    bench.add_argument("--texts", type=Path, metavar="FILE", help="real texts, one a line; stdin by default")
    _add_compress(command)
    _add_cluster_commands(command, study_command)
    ui = command("ui", commands.ui, "open the MLflow UI at the right store, on this machine's loopback address")
    ui.add_argument("--port", type=int, default=5000)
    for sub in (pull, ui):
        sub.add_argument(
            "--uri",
            default=os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI,
            metavar="URI",
            help=f"the MLflow store (MLFLOW_TRACKING_URI, else {DEFAULT_URI})",
        )
    return parser


def _add_serve(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1: this machine alone)")
    serve.add_argument("--port", type=int, default=8000, help="0 takes a free one (8000)")
    serve.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads of the network; 0 takes all cores (1)"
    )
    serve.add_argument(
        "--allowed-hosts",
        default="",
        metavar="NAMES",
        help="hosts that requests may name beside loopback and --host: 'students.example.com,*.internal'; '*' allows all",
    )
    serve.add_argument(
        "--allowed-origins",
        default="",
        metavar="ORIGINS",
        help="origins whose pages may ask beside those of this machine: 'https://app.example.com'; '*' allows all",
    )
    for name, help_text in (
        ("max_batch", "texts that are answered in one go"),
        ("max_waiting", "texts that may wait; further requests are refused with 503"),
        ("max_texts", "texts of one request"),
        ("max_text_chars", "characters of one text"),
        ("max_body_bytes", "bytes of one request's body"),
        ("max_connections", "connections that may be open"),
        ("header_timeout_s", "seconds for the header of a request to come"),
        ("body_timeout_s", "seconds for its body to come, and for its answer to be taken"),
        ("idle_timeout_s", "seconds that a connection is kept between two requests"),
    ):
        default = getattr(Limits(), name)
        serve.add_argument(
            f"--{name.removesuffix('_s').replace('_', '-')}",
            dest=name,
            type=type(default),
            default=default,
            metavar="S" if name.endswith("_s") else "N",
            help=f"{help_text} ({default:g})" if name.endswith("_s") else f"{help_text} ({default})",
        )


def _add_resume(command: argparse.ArgumentParser) -> None:
    ways = command.add_mutually_exclusive_group()
    ways.add_argument("--resume", action="store_true", help="go on with the last search of this study")
    ways.add_argument(
        "--resume-or-begin",
        action="store_true",
        help="go on with it, or begin the first one: "
        "for what is started again by itself, and so it does not repeat one that has ended",
    )


def _add_cluster_commands(
    command: Callable[..., argparse.ArgumentParser], study_command: Callable[..., argparse.ArgumentParser]
) -> None:
    submit = study_command(
        "submit", commands.submit, "send a search to a Ray cluster as a job, with its code and files"
    )
    _add_resume(submit)
    submit.add_argument(
        "--install",
        action="store_true",
        help="install the packages of this machine in the job: for images that lack them",
    )
    status = command("status", commands.status, "show the searches of a cluster, or how far one is")
    status.add_argument(
        "job",
        nargs="?",
        metavar="STUDY|ID",
        help="the name of a study (its last job), a job's id, or a "
        "study file: what its storage holds of its last search, from any machine that sees it",
    )
    log = command("logs", commands.logs, "print what a submitted search has printed")
    log.add_argument("-f", "--follow", action="store_true", help="until it ends")
    stop = command("stop", commands.stop, "end a submitted search; submit --resume goes on with it")
    for sub in (log, stop):
        sub.add_argument("job", metavar="STUDY|ID", help="the name of a study (its last job), or a job's id")
    for sub in (submit, status, log, stop):
        sub.add_argument(
            "--address",
            default=_dashboard(),
            metavar="URL",
            help=f"the cluster's dashboard (RAY_API_SERVER_ADDRESS, or RAY_ADDRESS where it is http://, else {DEFAULT_DASHBOARD})",
        )


def _dashboard() -> str:
    """The dashboard that Ray's own commands would ask."""
    address = os.environ.get("RAY_ADDRESS", "")
    there = address if address.startswith(("http://", "https://")) else ""
    return os.environ.get("RAY_API_SERVER_ADDRESS") or there or DEFAULT_DASHBOARD


def _add_compress(command: Callable[..., argparse.ArgumentParser]) -> None:
    compress = command(
        "compress",
        commands.compress,
        "make a checkpoint folder smaller, and show what it costs and brings; the last line is one JSON object",
    )
    compress.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    compress.add_argument("target", type=Path, metavar="NEW", help="the folder to make")
    for flag, name, help_text in (
        ("--trim-vocabulary", "KEEP", "keep this part of the words, the most frequent ones"),
        ("--prune-units", "KEEP", "keep this part of the hidden units, those of the largest weights"),
        ("--low-rank", "ENERGY", "factorise matrices, keeping this part of their squared singular values"),
        ("--prune-weights", "SPARSITY", "set this part of the weights to zero"),
    ):
        compress.add_argument(flag, type=float, metavar=name, help=help_text)
    compress.add_argument("--embedding-int8", action="store_true", help="word vectors in 8 bits")
    compress.add_argument("--half", choices=("float16", "bfloat16"), help="weights stored in 16 bits")
    compress.add_argument("--int8", action="store_true", help="dynamic INT8 by ONNX Runtime")
    compress.add_argument("--int8-static", action="store_true", help="static INT8, its ranges learnt from train texts")
    compress.add_argument("--epochs", type=int, metavar="N", help="epochs of fine-tuning after pruning (1 by default)")
    compress.add_argument("--study", type=Path, metavar="STUDY", help="the study that it came from: labels and teacher")
    compress.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides")
    compress.add_argument(
        "--texts", type=Path, metavar="FILE", help="without a study: real texts, one a line, or stdin"
    )


if __name__ == "__main__":
    main()
