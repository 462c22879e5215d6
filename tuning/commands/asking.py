"""The commands that ask a student: about lines, about tables, over HTTP, and whether later texts are still those it knows.

Each imports what it needs when it runs: `distune predict` needs only onnxruntime, numpy and the package that segments the texts.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distune.tuning.serve.table_input import InputSettings
    from distune.tuning.serve.versions import Versions


def predict(options: argparse.Namespace) -> None:
    if options.out is not None:
        _predict_table(options)
        return
    from distune.models.checkpoint_folder import CheckpointError
    from distune.tuning.serve.predict import predict

    for flag in ("text", "text_b", "proba", "top", "prefix", "workers", "format", "quoting", "columns", "encoding"):
        value = getattr(options, flag)
        if value is not None and value is not False:
            raise CheckpointError(f"--{flag.replace('_', '-')} is for tables: name by --out where the answers go")
    if len(options.texts) > 1:
        raise CheckpointError("several files are answered as tables: name by --out where the answers go")
    predict(options.folder, options.texts[0] if options.texts else None, options.abstain_below)


def _predict_table(options: argparse.Namespace) -> None:
    from distune.models.checkpoint_folder import CheckpointError

    if not options.texts:
        raise CheckpointError("--out is for files: name those with the texts")
    if importlib.util.find_spec("pyarrow") is None:
        raise CheckpointError("tables need packages of the search: pip install 'distune[search]'")
    from distune.tuning.serve.answer_columns import AnswerSettings
    from distune.tuning.serve.table import predict_table
    from distune.tuning.serve.workers import cores

    if options.workers is not None and options.workers < 1:
        raise CheckpointError(f"--workers must be at least 1, but got {options.workers}")
    if options.top is not None and options.top < 1:
        raise CheckpointError(f"--top must be from 1 to the number of labels, but got {options.top}")
    source = _input_of(options, options.texts)
    asked = AnswerSettings(
        proba=options.proba,
        top=options.top or 0,
        prefix=options.prefix or "",
        abstain_below=options.abstain_below,
    )
    predict_table(options.folder, source, asked, options.out, options.workers or cores(), options.format)


def _input_of(options: argparse.Namespace, paths: Sequence[str]) -> InputSettings:
    from distune.tuning.serve.table_input import InputSettings

    return InputSettings(
        paths=tuple(paths),
        text=options.text,
        text_b=options.text_b,
        quoting=options.quoting or "auto",
        columns=tuple(options.columns.split(",")) if options.columns else None,
        encoding=options.encoding,
    )


def watch(options: argparse.Namespace) -> int:
    from distune.models.checkpoint_folder import CheckpointError

    if importlib.util.find_spec("scipy") is None:
        raise CheckpointError("distune watch needs packages of the search: pip install 'distune[search]'")
    from distune.tuning.serve.watch import MOVED, WatchSettings, watch

    if not options.texts and sys.stdin.isatty():
        raise CheckpointError("name the files with the later texts, or send them to stdin")
    settings = WatchSettings(
        now=_input_of(options, options.texts),
        before=_input_of(options, options.against) if options.against else None,
        are_answers=options.answers,
        least=options.at_least,
        false_alarms=options.false_alarms,
    )
    return MOVED if watch(options.folder, settings) else 0


def serve(options: argparse.Namespace) -> None:
    from distune.corpora.encoding import MissingPackageError

    for package in ("starlette", "uvicorn", "prometheus_client"):
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"distune serve needs the package {package}, which is not installed: pip install 'distune[serve]'"
            )
    from distune.tuning.serve.access import access_of
    from distune.tuning.serve.limits import Limits
    from distune.tuning.serve.observing import log_requests
    from distune.tuning.serve.server import serve

    limits = Limits(**{field.name: getattr(options, field.name) for field in fields(Limits)})
    access = access_of(options.host, options.allowed_hosts, options.allowed_origins)
    if options.access_log:
        log_requests()
    serve(_served(options), options.port, options.threads, limits, access, options.abstain_below)


def _served(options: argparse.Namespace) -> Path | Versions:
    """The folder that is served, or the versions of a registered model."""
    from distune.models.checkpoint_folder import CheckpointError

    folder: Path | None = options.folder
    if (folder is None) == (options.follow is None):
        raise CheckpointError("name a checkpoint folder, or a registered model by --follow NAME, and not both")
    if folder is not None:
        return folder
    if importlib.util.find_spec("mlflow") is None:
        raise CheckpointError("--follow needs packages of the search: pip install 'distune[search]'")
    from distune.tuning.commands.follower import Follower

    return Follower(options.uri, options.follow, options.every)
