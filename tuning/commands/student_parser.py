"""The commands of `distune` for those who have a student: copy it, ask it, time it, make it smaller."""

from __future__ import annotations

import argparse
from pathlib import Path

from distune.tuning.commands import asking
from distune.tuning.commands import students as commands
from distune.tuning.commands.options import Command, add_uri
from distune.tuning.serve.limits import Limits


def add_student_commands(command: Command) -> None:
    _add_pull(command)
    _add_predict(command)
    _add_serve(command)
    _add_watch(command)
    _add_bench(command)
    _add_compress(command)


def _add_pull(command: Command) -> None:
    pull = command("pull", commands.pull, "copy a registered student to a folder")
    pull.add_argument(
        "name",
        metavar="WHAT",
        help="NAME of a registered model (its champion), NAME@ALIAS, NAME/VERSION, "
        "runs:/RUN_ID/student, or the folder of a search's results",
    )
    pull.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    add_uri(pull)


def _add_predict(command: Command) -> None:
    predict = command(
        "predict",
        asking.predict,
        "answer texts, one a line, with one JSON object a line; or the rows of tables, by --out",
    )
    predict.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    predict.add_argument(
        "texts",
        nargs="*",
        metavar="FILE",
        help="one text a line, stdin by default; with --out tables, folders of them and patterns, as paths or URIs",
    )
    predict.add_argument(
        "--out",
        metavar="OUT",
        help="the tables with the answers: a file (.parquet, .csv, .tsv, .jsonl), or a folder of parts if OUT ends in /; "
        "the same command then completes the folder of a killed run",
    )
    _add_text_columns(predict)
    predict.add_argument(
        "--proba", action="store_true", help="also write the probability of each label, one column each"
    )
    predict.add_argument(
        "--top", type=int, metavar="N", help="also write the N likeliest labels and their probabilities"
    )
    predict.add_argument("--prefix", metavar="PREFIX", help="the beginning of the names of the columns of answers")
    predict.add_argument(
        "--workers", type=int, metavar="N", help="number of processes (one for each core that the command may use)"
    )
    predict.add_argument(
        "--format", choices=("parquet", "csv", "tsv", "jsonl"), help="the format of parts (that of the input)"
    )
    _add_reading(predict)
    _add_abstaining(predict, "mark answers with a probability below P by `abstained`")


def _add_text_columns(command: argparse.ArgumentParser) -> None:
    command.add_argument("--text", metavar="COLUMN", help="the column with the texts (text)")
    command.add_argument("--text-b", metavar="COLUMN", help="of pairs, the column with the second texts (text_b)")


def _add_reading(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--quoting", choices=("auto", "none", "csv", "backslash"), help="what quotation marks mean in CSV (auto)"
    )
    command.add_argument("--columns", metavar="NAMES", help="the names of the columns of CSV without a header: a,b,c")
    command.add_argument("--encoding", help="the encoding of CSV and JSON (found by their content)")


def _add_watch(command: Command) -> None:
    watch = command(
        "watch",
        asking.watch,
        "say whether the answers to later texts have moved away from those to dev; exits with 3 if they have",
    )
    watch.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    watch.add_argument(
        "texts",
        nargs="*",
        metavar="FILE",
        help="the later texts: one a line, or tables as for predict --out; stdin by default",
    )
    watch.add_argument(
        "--against",
        action="append",
        metavar="FILE",
        help="texts of a time when all was well, in place of dev; may be given several times",
    )
    watch.add_argument(
        "--answers", action="store_true", help="the files have answers, as predict prints them, and no texts"
    )
    watch.add_argument(
        "--at-least",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="the smallest difference in shares of texts that counts (0.05)",
    )
    watch.add_argument(
        "--false-alarms",
        type=_share,
        default=0.01,
        metavar="SHARE",
        help="how many of the runs may say that something has moved if nothing has (0.01)",
    )
    _add_text_columns(watch)
    _add_reading(watch)


def _add_abstaining(command: argparse.ArgumentParser, help_text: str) -> None:
    command.add_argument("--abstain-below", type=_share, metavar="P", help=help_text)


def _share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"needs a number from 0 to 1, but got {text!r:.100}")
    return number


def _add_serve(command: Command) -> None:
    serve = command("serve", asking.serve, "answer over HTTP what a checkpoint folder answers, until Ctrl-C or SIGTERM")
    serve.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="a checkpoint folder")
    serve.add_argument(
        "--follow",
        metavar="NAME",
        help="in place of DIR a registered model, NAME (its champion) or NAME@ALIAS: each new version takes its place while requests go on",
    )
    serve.add_argument(
        "--every",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds between two looks at the registry for --follow (30)",
    )
    add_uri(serve)
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1: this machine alone)")
    serve.add_argument("--port", type=int, default=8000, help="the port; 0 takes a free one (8000)")
    serve.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads of the network; 0 takes one for each core (1)"
    )
    _add_abstaining(serve, "as for predict; a request may name another P by ?abstain_below=P (none)")
    serve.add_argument(
        "--allowed-hosts",
        default="",
        metavar="NAMES",
        help="hosts that requests may name in addition to loopback and --host: 'students.example.com,*.internal'; '*' allows all",
    )
    serve.add_argument(
        "--allowed-origins",
        default="",
        metavar="ORIGINS",
        help="origins whose pages may ask in addition to those of this machine: 'https://app.example.com'; '*' allows all",
    )
    serve.add_argument(
        "--access-log", action="store_true", help="write a line of JSON to stderr for each request, with its id"
    )
    _add_limits(serve)


def _add_limits(serve: argparse.ArgumentParser) -> None:
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


def _add_bench(command: Command) -> None:
    bench = command(
        "bench", commands.bench, "time a checkpoint folder from raw text to label; the last line is one JSON object"
    )
    bench.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    bench.add_argument(
        "--against", metavar="TEACHER", help="a transformers classifier (hub id or folder) to time together with it"
    )
    bench.add_argument("--texts", type=Path, metavar="FILE", help="real texts, one a line; stdin by default")


def _add_compress(command: Command) -> None:
    compress = command(
        "compress",
        commands.compress,
        "make a smaller student, and compare size, speed and answers with the original; the last line is one JSON object",
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
    compress.add_argument("--int8-static", action="store_true", help="static INT8, with ranges from train texts")
    compress.add_argument("--epochs", type=int, metavar="N", help="epochs of fine-tuning after pruning (1)")
    compress.add_argument(
        "--study", type=Path, metavar="STUDY", help="the study of the student, for labels and teacher"
    )
    compress.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="overrides",
        help="override one setting of the study",
    )
    compress.add_argument(
        "--texts", type=Path, metavar="FILE", help="without a study: real texts, one a line, or stdin"
    )
