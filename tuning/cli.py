"""The command `distune`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from tuning.study import Study

# Each command imports what it needs when it runs: `distune --help` answers at once, and `distune predict` works where
# only onnxruntime, numpy and jieba are installed.

DEFAULT_URI = "sqlite:///mlflow.db"
EXAMPLES = """\
examples:
  distune check STUDY.yaml                  every fault of a study at once; writes nothing
  distune search STUDY.yaml                 the whole search, ending in a table and a registered champion
  distune search STUDY.yaml --resume        go on after Ctrl-C or a kill, losing and repeating nothing
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
        sys.exit(_guarded(run, options))
    except BrokenPipeError:
        # The reader has gone (`distune predict ... | head`); that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _guarded(run: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a command and turn what users can cause into one line on stderr and an exit code."""
    try:
        run(options)
    except KeyboardInterrupt:
        print("distune: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        for line in str(error).splitlines():
            print(f"distune: {line}", file=sys.stderr)
        return code
    return 0


def _exit_code(error: Exception) -> int | None:
    """2 for bad input, told by its type's name so that nothing heavy is imported for it; None for a fault of ours."""
    codes = {
        "StudyError": 2, "CorpusError": 2, "ModelError": 2, "ClusterError": 2, "CheckpointError": 2,
        "MissingPackageError": 2,
        "NoChampionError": 1, "InterruptedSearchError": 130,
    }  # fmt: skip
    return next((codes[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in codes), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="distune", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Find the small text classifier that a CPU serves for almost nothing, by distilling a teacher.",
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], help_text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        sub.set_defaults(run=run)
        return sub

    def study_command(name: str, run: Callable[[argparse.Namespace], None], help_text: str) -> argparse.ArgumentParser:
        sub = command(name, run, help_text)
        sub.add_argument("study", type=Path, metavar="STUDY", help="the study file (YAML)")
        sub.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides",
                         help="override one setting, such as search.trials=8; may be given several times")  # fmt: skip
        return sub

    study_command("check", _check, "list every fault of a study at once; writes nothing")
    cache = study_command(
        "cache", _cache, "train the teacher if it is to be trained, and fill the teacher-logits cache"
    )
    cache.add_argument("--rebuild", action="store_true", help="train and fill again, even if it is there")
    cache.add_argument("--export", type=Path, metavar="FILE.parquet", help="write the logits as one small file as well")
    search = study_command("search", _search, "search, time the finalists, print the table and register the champion")
    search.add_argument("--resume", action="store_true", help="go on with the last search of this study")
    study_command(
        "trial", _trial, "run one trial in this process, without Ray; ranges take their middle, --set fixes them"
    )
    study_command("results", _results, "show the table of the last search, its trials and what mattered")
    pull = command("pull", _pull, "copy a registered student to a folder")
    pull.add_argument("name", metavar="NAME[@ALIAS|/VERSION]", help="a registered model; alias champion by default")
    pull.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")
    predict = command("predict", _predict, "answer texts, one a line, with one JSON object a line")
    predict.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    predict.add_argument("texts", type=Path, nargs="?", metavar="FILE", help="one text a line; stdin by default")
    bench = command(
        "bench", _bench, "time a checkpoint folder from raw text to label; the last line is one JSON object"
    )
    bench.add_argument("folder", type=Path, metavar="DIR", help="a checkpoint folder")
    bench.add_argument(
        "--against", metavar="TEACHER", help="a transformers classifier (hub id or folder) to time beside it"
    )
    bench.add_argument("--texts", type=Path, metavar="FILE", help="real texts, one a line; stdin by default")
    _add_compress(command)
    ui = command("ui", _ui, "open the MLflow UI at the right store, on this machine's loopback address")
    ui.add_argument("--port", type=int, default=5000)
    for sub in (pull, ui):
        sub.add_argument("--uri", default=os.environ.get("MLFLOW_TRACKING_URI", DEFAULT_URI), metavar="URI",
                         help=f"the MLflow store (MLFLOW_TRACKING_URI, else {DEFAULT_URI})")  # fmt: skip
    return parser


def _add_compress(command: Callable[..., argparse.ArgumentParser]) -> None:
    compress = command("compress", _compress, "make a checkpoint folder smaller, and show what it costs and brings; "
                       "the last line is one JSON object")  # fmt: skip
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


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


def _study(options: argparse.Namespace) -> Study:
    from tuning.study import load_study

    return load_study(options.study, options.overrides)


def _check(options: argparse.Namespace) -> None:
    from tuning.session import check

    print(f"{options.study}: {check(_study(options))}")


def _cache(options: argparse.Namespace) -> None:
    from tuning.teaching import cache_teacher

    study, console = _study(options), _console()
    command = f"distune cache {options.study}" + "".join(f" --set {one}" for one in options.overrides)
    cache_teacher(
        study,
        options.rebuild,
        options.export,
        command,
        lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
    )


def _search(options: argparse.Namespace) -> None:
    from tuning.session import search

    study, console = _study(options), _console()
    folder = search(study, console, options.resume)
    name, uri = study.config.tracking.register_as, study.config.tracking.uri
    extra = "" if uri == DEFAULT_URI else f" --uri {uri}"
    console.print(f"\nresults: {folder} (table.txt, results.json, champion/)", highlight=False, soft_wrap=True)
    console.print(f"look:    distune ui{extra}", highlight=False, soft_wrap=True)
    if name:
        console.print(f"take:    distune pull {name} my-student{extra}", highlight=False, soft_wrap=True)
        console.print("use:     distune predict my-student < texts.txt", highlight=False)


def _trial(options: argparse.Namespace) -> None:
    from tuning.single import run_single

    run_single(_study(options), _console())


def _results(options: argparse.Namespace) -> None:
    from tuning.results import show_results

    show_results(_study(options), _console())


def _pull(options: argparse.Namespace) -> None:
    from tuning.tracking import pull

    print(f"{options.name} is in {pull(options.uri, options.name, options.folder)}")


def _predict(options: argparse.Namespace) -> None:
    from corpora.encoding import load_encoder
    from models.predictor import Predictor, check_folder

    check_folder(options.folder)
    predictor = Predictor(options.folder, load_encoder(options.folder), threads=0)
    for answer in predictor.answers(_lines(options.texts)):
        print(json.dumps(answer, ensure_ascii=False))
    sys.stdout.flush()


def _lines(path: Path | None) -> Iterator[str]:
    if path is None:
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    if not path.is_file():
        from models.predictor import CheckpointError

        raise CheckpointError(f"no such file: {path}")
    with path.open(encoding="utf-8") as lines:
        yield from (line.rstrip("\n") for line in lines)


def _bench(options: argparse.Namespace) -> None:
    from models.predictor import check_folder
    from tuning.bench import bench

    check_folder(options.folder)
    bench(options.folder, options.against, list(_lines(options.texts)), _console())


def _compress(options: argparse.Namespace) -> None:
    from tuning.compressing import compress_checkpoint, configs_of, figures_line

    flags = {name: getattr(options, name) for name in (
        "trim_vocabulary", "prune_units", "low_rank", "prune_weights", "embedding_int8", "half", "int8", "int8_static",
    )}  # fmt: skip
    configs = configs_of(flags, options.epochs)
    source = _study(options) if options.study else [text for text in _lines(options.texts) if text.strip()]
    print(figures_line(compress_checkpoint(options.folder, options.target, configs, source, _console())))


def _ui(options: argparse.Namespace) -> None:
    place = options.uri.removeprefix("sqlite:///")
    if place != options.uri and not Path(place).is_file():
        from tuning.faults import StudyError

        raise StudyError(f"there is no MLflow store at {options.uri} yet; a search makes it")
    print(f"MLflow UI of {options.uri}: http://127.0.0.1:{options.port} (Ctrl-C ends it)", flush=True)
    program = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", options.uri]
    os.execv(sys.executable, [*program, "--host", "127.0.0.1", "--port", str(options.port)])  # noqa: S606


if __name__ == "__main__":
    main()
