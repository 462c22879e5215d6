"""The command `distune`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distune.tuning.commands import students as commands
from distune.tuning.commands.ending import guarded, leave
from distune.tuning.commands.search_parser import add_schema, add_search_commands
from distune.tuning.serve.limits import Limits

DEFAULT_URI = "sqlite:///mlflow.db"
"""The store of a study that names none. It is written here because --help must answer at once."""
EXAMPLES = """\
examples:
  distune init tickets.csv -o STUDY.yaml    a first study for your file of texts and labels
  distune check STUDY.yaml                  every fault of a study at once; writes nothing
  distune search STUDY.yaml                 the whole search, ending in a table and a registered champion
  distune search STUDY.yaml --resume        go on after Ctrl-C or a kill, losing and repeating nothing
  distune finish STUDY.yaml                 from another terminal: no further trial, then finalists and champion
  distune prompt STUDY.yaml                 the requests to a language model as teacher; answers reads its replies
  distune submit STUDY.yaml --address http://HEAD:8265   the same on a Ray cluster; status, logs -f and stop follow it
  distune pull reviews-student my-student   the champion's folder, usable with onnxruntime, numpy and jieba alone
  echo '很好' | distune predict my-student   one JSON object a line

exit codes:
  0    it did what it was asked to
  1    a search ended well without a champion, a server stayed away, or a disk was full
  2    the input cannot be used; each line on stderr says what is wrong and what to do
  130  Ctrl-C or SIGTERM interrupted it; what was found is kept
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 2 for bad input, 1 for a search without a champion, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    # torch warns from C++ of the export of packed sequences, which the contract tests cover.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    run: Callable[[argparse.Namespace], int | None] = options.run
    try:
        code = guarded(run, options)
    except BrokenPipeError:
        # The reader has gone (`distune predict ... | head`); that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception:
        if arguments is not None:
            raise
        traceback.print_exc()  # As the interpreter does; a process that has used Ray must not end by itself.
        code = 1
    if arguments is None:
        leave(code)
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="distune",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Distil the answers of a large text classifier into a small one that a CPU serves for almost nothing.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the installed version")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int | None], help_text: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        sub.set_defaults(run=run)
        return sub

    add_search_commands(command)
    pull = command("pull", commands.pull, "copy a registered student to a folder")
    pull.add_argument(
        "name",
        metavar="WHAT",
        help="NAME of a registered model (its champion), NAME@ALIAS, NAME/VERSION, "
        "runs:/RUN_ID/student, or the folder of a search's results",
    )
    pull.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    _add_predict(command)
    _add_serve(
        command("serve", commands.serve, "answer over HTTP what a checkpoint folder answers, until Ctrl-C or SIGTERM")
    )
    bench = command(
        "bench", commands.bench, "time a checkpoint folder from raw text to label; the last line is one JSON object"
    )
    bench.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    bench.add_argument(
        "--against", metavar="TEACHER", help="a transformers classifier (hub id or folder) to time together with it"
    )
    bench.add_argument("--texts", type=Path, metavar="FILE", help="real texts, one a line; stdin by default")
    _add_compress(command)
    ui = command("ui", commands.ui, "open the MLflow UI at the right store, on this machine's loopback address")
    ui.add_argument("--port", type=int, help="the port (5000, or 8080 with --optuna)")
    ui.add_argument(
        "--optuna", metavar="STUDY|FOLDER", help="optuna-dashboard instead, over the trials of a search as they are now"
    )
    add_schema(command)
    completion = command(
        "completion",
        partial(commands.completion, parser),
        "print the lines by which a shell completes the commands of distune",
    )
    completion.add_argument(
        "shell", choices=("bash", "zsh", "tcsh"), help="the shell; it must `eval` or source the lines"
    )
    for sub in (pull, ui):
        sub.add_argument(
            "--uri",
            default=os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI,
            metavar="URI",
            help=f"the MLflow store (MLFLOW_TRACKING_URI, else {DEFAULT_URI})",
        )
    return parser


class _Version(argparse.Action):
    """Prints the installed version. The code that travels with a submitted search has no metadata, so it is read only here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        try:
            print(f"{parser.prog} {version(parser.prog)}")
        except PackageNotFoundError:
            parser.exit(1, f"{parser.prog}: the package is not installed, so that its version is not known\n")
        parser.exit()


def _add_predict(command: Callable[..., argparse.ArgumentParser]) -> None:
    predict = command(
        "predict",
        commands.predict,
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
    predict.add_argument("--text", metavar="COLUMN", help="the column with the texts (text)")
    predict.add_argument("--text-b", metavar="COLUMN", help="of pairs, the column with the second texts (text_b)")
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
    predict.add_argument(
        "--quoting", choices=("auto", "none", "csv", "backslash"), help="what quotation marks mean in CSV (auto)"
    )
    predict.add_argument("--columns", metavar="NAMES", help="the names of the columns of CSV without a header: a,b,c")
    predict.add_argument("--encoding", help="the encoding of CSV and JSON (found by their content)")
    _add_abstaining(predict, "mark answers with a probability below P by `abstained`")


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


def _add_serve(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
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


def _add_compress(command: Callable[..., argparse.ArgumentParser]) -> None:
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


if __name__ == "__main__":
    main()
