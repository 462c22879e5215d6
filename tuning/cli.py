"""The command `distune`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from distune.tuning.commands import students as commands
from distune.tuning.commands.ending import guarded, leave
from distune.tuning.commands.options import Command, Run, add_uri
from distune.tuning.commands.search_parser import add_schema, add_search_commands
from distune.tuning.commands.student_parser import add_student_commands

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
  3    watch found that the answers have moved
  130  Ctrl-C or SIGTERM interrupted it; what was found is kept
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits with 2 for bad input, 1 for a search without a champion, 130 after Ctrl-C."""
    options = _parsed(arguments)
    # torch warns from C++ of the export of packed sequences, which the contract tests cover.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    run: Run = options.run
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


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command. Its files may come after its flags too, where argparse no longer looks for any."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    files = getattr(options, "texts", None)
    if not isinstance(files, list) or any(one.startswith("-") for one in rest):
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
    else:
        files.extend(rest)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="distune",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Distil the answers of a large text classifier into a small one that a CPU serves for almost nothing.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the installed version")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        sub.set_defaults(run=run)
        return sub

    add_search_commands(command)
    add_student_commands(command)
    _add_ui(command)
    add_schema(command)
    _add_completion(command, parser)
    return parser


class _Version(argparse.Action):
    """Prints the installed version. The code that travels with a submitted search has no metadata, so it is read only here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        try:
            print(f"{parser.prog} {version(parser.prog)}")
        except PackageNotFoundError:
            parser.exit(1, f"{parser.prog}: the package is not installed, so that its version is not known\n")
        parser.exit()


def _add_ui(command: Command) -> None:
    ui = command("ui", commands.ui, "open the MLflow UI at the right store, on this machine's loopback address")
    ui.add_argument("--port", type=int, help="the port (5000, or 8080 with --optuna)")
    ui.add_argument(
        "--optuna", metavar="STUDY|FOLDER", help="optuna-dashboard instead, over the trials of a search as they are now"
    )
    add_uri(ui)


def _add_completion(command: Command, parser: argparse.ArgumentParser) -> None:
    completion = command(
        "completion",
        partial(commands.completion, parser),
        "print the lines by which a shell completes the commands of distune",
    )
    completion.add_argument(
        "shell", choices=("bash", "zsh", "tcsh"), help="the shell; it must `eval` or source the lines"
    )


if __name__ == "__main__":
    main()
