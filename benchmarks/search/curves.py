"""Learning curves of random configurations of a study: the table that the simulated searches of this folder run on.

    python -m benchmarks.search.curves STUDY FOLDER [--configurations 200] [--seeds 1] [--points 16] [--signal 2000] [--truth 2000]

For examples/wide.yaml, whose teacher needs not run, on one core (10 to 50 core-seconds a configuration, most of them for the looks; some minutes at first for the vectors):

    OMP_WAIT_POLICY=passive taskset -c 1 .venv/bin/python -m benchmarks.search.curves examples/wide.yaml curves-reviews

What differs from a search: transfer has `--signal` + `--truth` = 4,000 texts fewer, so an epoch has 147 steps and not 209. Epochs are as many
as the study has (4). For shorter trainings add `--set trial.epochs=3` or `--set corpus.transfer=8000`; for cheaper looks
`--points 8`. Each of them is another table, in a folder of its own.

The first configurations are the one that learns from labels alone and the points of `search.first`, as a search begins; then
come random proposals of the study's own space, by the sampler of a search with `sampler: random`. A trial is trained by
`run_trial`, to its end, alone, with word vectors that are made once. It is looked at at so many points of each epoch: metric and
cross-entropy on dev, and agreement, KL and cross-entropy against the teacher on `--signal` transfer texts that it does not learn from.
At the ends of epochs `--truth` other texts of transfer are read with the labels that the study hides: what a student is
worth, which no search sees. Core-seconds are those of the process; those of the looks are kept apart from those of the trial.

FOLDER gets `about.json` and a Parquet file for each training, written when it ends: a recording that was stopped goes on. With
`--seeds 2` all configurations are trained once more with the next seed, after the first of all. The test split is not read.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.search.material import Bench
from benchmarks.search.recording import Recording, record, rows_of
from distune.corpora.scratch import scratch_folder
from distune.corpora.texts import CorpusError
from distune.models.errors import ModelError
from distune.tuning.search.reading import read_study
from distune.tuning.search.samplers import sampler
from distune.tuning.search.suggest import suggest
from distune.tuning.speed.latency import cpu_name
from distune.tuning.storage.records import NAMED, PLAIN
from distune.tuning.study.describe import STUDENT_ALONE
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study, load_study
from distune.tuning.study.points import midpoint, params_of
from distune.tuning.trial.config import TrialConfig

METADATA = b"distune.curve"
_log = logging.getLogger("benchmarks.search.curves")


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A configuration to record; `point` names one that a search begins with, "" is a random one."""

    number: int
    point: str
    params: dict[str, Any]
    config: TrialConfig


def proposals_of(study: Study) -> Iterator[Proposal]:
    """What a random search of a study tries, without an end: the first ones are the same however many are taken."""
    space, search = study.space, study.config.search.model_copy(update={"sampler": "random"})
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    asked = optuna.create_study(sampler=sampler(search, 0))
    asked.enqueue_trial({}, user_attrs={PLAIN: True, NAMED: STUDENT_ALONE})
    for number, point in enumerate(search.points):
        asked.enqueue_trial(params_of(space, point.part, f"search.first.{number}"), user_attrs={NAMED: point.name})
    plain_loss = TrialConfig.model_validate(midpoint(space)).plain().loss
    while True:
        trial = asked.ask()
        if trial.user_attrs.get(PLAIN):
            config = TrialConfig.model_validate(suggest(space, trial, {"loss": plain_loss.model_dump()})).plain()
        else:
            config = TrialConfig.model_validate(suggest(space, trial))
        point = trial.user_attrs.get(NAMED, "")
        yield Proposal(number=trial.number, point=point, params=dict(trial.params), config=config)


def write_part(path: Path, proposal: Proposal, seed: int, recording: Recording) -> None:
    """One training as a Parquet file: a row for each look, and all else as JSON in its metadata."""
    facts = {
        "number": proposal.number,
        "point": proposal.point,
        "seed": seed,
        "params": proposal.params,
        "config": proposal.config.model_dump(mode="json"),
        "after_s": recording.after_s,
        "hint_s": recording.hint_s,
        "latency_ms": recording.latency_ms,
        "size_mb": recording.size_mb,
        "error": recording.error,
    }
    table = pa.Table.from_pylist(rows_of(recording), schema=SCHEMA)
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(table.replace_schema_metadata({METADATA: json.dumps(facts)}), unfinished, compression="zstd")
    os.replace(unfinished, path)


FIGURES = (
    "epoch",
    "train_s",
    "dev_s",
    "held_s",
    "loss",
    "score",
    "dev_ce",
    "agreement",
    "kl",
    "hard_ce",
    "truth",
    "truth_ce",
)
SCHEMA = pa.schema([("step", pa.int32()), *((name, pa.float64()) for name in FIGURES), ("is_end", pa.bool_())])


def claim(folder: Path, about: dict[str, Any]) -> None:
    """Write what the recordings of a folder depend on; raises StudyError if it holds recordings of another kind."""
    place = folder / "about.json"
    if place.is_file():
        kept = json.loads(place.read_text(encoding="utf-8"))
        other = sorted(key for key in about.keys() | kept.keys() if about.get(key) != kept.get(key))
        if other:
            raise StudyError(f"{folder} holds recordings with another {', '.join(other)}; take another folder")
    place.write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def record_all(study: Study, bench: Bench, folder: Path, options: argparse.Namespace) -> None:
    """Record every training that the folder lacks."""
    proposals = proposals_of(study)
    wanted = [next(proposals) for _ in range(1 + len(study.config.search.points) + options.configurations)]
    for further in range(options.seeds):
        for proposal in wanted:
            seed = proposal.config.seed + further
            path = folder / f"{proposal.number:04d}-{seed}.parquet"
            if path.is_file():
                continue
            began_s = time.monotonic()
            config = proposal.config.model_copy(update={"seed": seed})
            recording = record(config, *bench.of(config), options.points)
            write_part(path, proposal, seed, recording)
            last = recording.looks[-1] if recording.looks else None
            _log.info(
                f"{path.name}: {config.student.kind}, {config.tokens.kind}, {config.compression.kind}: "
                + (f"failed: {recording.error}" if recording.error else "")
                + (f"dev {last.score:.4f} after {last.train_s:.1f} s of training" if last and recording.end else "")
                + (f", at the end dev {recording.end.score:.4f}" if recording.end else "")
                + f"; {time.monotonic() - began_s:.0f} s in all"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search.curves", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--configurations", type=int, default=200, help="random ones, beside those that a search begins with"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--points", type=int, default=16, help="looks in an epoch")
    parser.add_argument("--signal", type=int, default=2000, help="transfer texts held back with the teacher's logits")
    parser.add_argument("--truth", type=int, default=2000, help="transfer texts held back with their hidden labels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="PATH=VALUE")
    options = parser.parse_args(arguments)
    for name in ("configurations", "seeds", "points", "signal", "truth", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be >= 1, but got {getattr(options, name)}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _log.setLevel(logging.INFO)
    torch.set_num_threads(options.threads)
    try:
        study = load_study(options.study, options.overrides)
        options.folder.mkdir(parents=True, exist_ok=True)
        with scratch_folder() as scratch:
            read = read_study(load_study(options.study, [*options.overrides, f"storage={scratch}"]))
            bench = Bench(read, options.signal, options.truth)
            about = {"document": study.document, **bench.about(), "points": options.points}
            claim(options.folder, about | {"threads": options.threads, "cpu": cpu_name()})
            record_all(study, bench, options.folder, options)
    except (StudyError, CorpusError, ModelError, OSError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
