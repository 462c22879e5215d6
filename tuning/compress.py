"""`distune compress`: a finished checkpoint made smaller, with what that costs and brings, before and after."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from distune._plural import n_of
from distune.corpora import encoding
from distune.corpora.corpus import Corpus
from distune.corpora.encoding import Encoder, is_of_pairs, load_encoder, needed_packages
from distune.corpora.labelling import is_labelled, renumbered
from distune.corpora.tokens import ragged
from distune.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from distune.models.checkpoint_folder import CheckpointError
from distune.models.compression.apply import compress
from distune.models.compression.config import AnyCompressionConfig, CompressionConfig
from distune.models.compression.trained import CalibrationData
from distune.models.decision import EachLabel, same_answers
from distune.models.predictor import Predictor
from distune.models.students.student import count_parameters
from distune.tuning.champion.card import with_present_use
from distune.tuning.champion.compressed import Side, figures_table, what_got_worse
from distune.tuning.champion.decided_again import as_before, decided_again
from distune.tuning.metric.metric import BY_ACCURACY
from distune.tuning.metric.task import AnyMetric, task_of, task_of_metric
from distune.tuning.speed.contenders import onnx_contender
from distune.tuning.speed.figures import Latency, printed_figures
from distune.tuning.speed.latency import cpu_name, time_contenders
from distune.tuning.study.errors import faults_of, in_words
from distune.tuning.study.file import Study
from distune.tuning.teachers.answers import answered_corpus
from distune.tuning.teachers.locating import locate
from distune.tuning.teachers.logits import logits_for
from distune.tuning.teachers.teachers import assumptions
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.inputs import encode_texts
from distune.tuning.trial.run import fine_tuner

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Texts:
    """The texts for learning, and the texts for measuring with their labels, -1 without one, and the metric of their study."""

    train: Sequence[str]
    measured: Sequence[str]
    labels: NDArray[np.integer[Any]]
    metric: AnyMetric = BY_ACCURACY


PARTS = {
    "trim_vocabulary": "keep",
    "prune_units": "keep",
    "low_rank": "energy",
    "prune_weights": "sparsity",
    "half": "dtype",
}
"""The setting that the flag of a compression gives."""


def configs_of(flags: Mapping[str, Any], epochs: int | None) -> list[AnyCompressionConfig]:
    """The compressions that are asked for, in the order of `flags`; raises CheckpointError for a value out of bounds."""
    configs = []
    for kind, value in flags.items():
        if value is None or value is False:
            continue
        settings = {"kind": kind, **({PARTS[kind]: value} if kind in PARTS else {})}
        if epochs is not None and kind in PARTS and kind != "half":
            settings["epochs"] = epochs
        try:
            configs.append(TypeAdapter(CompressionConfig).validate_python(settings))
        except ValidationError as error:
            fault = error.errors()[0]
            raise CheckpointError(f"--{kind.replace('_', '-')}: {in_words(fault)}, but got {fault['input']}") from error
    return configs


def compress_checkpoint(
    folder: Path, target: Path, configs: Sequence[AnyCompressionConfig], source: Study | Sequence[str], console: Console
) -> dict[str, Any]:
    """Compress a checkpoint folder into another one, measure both in one run, and print a table; returns its figures.

    `source` is the study that the student came from, or plain texts, by which nothing can be fine-tuned.
    Raises CheckpointError for a folder that cannot be compressed, and ModelError for compressions that exclude each other.
    """
    checkpoint, encoder = load_checkpoint(folder), load_encoder(folder)
    _refuse(checkpoint, folder, target, configs, source)
    if isinstance(source, Study):
        corpus = answered_corpus(source.config)
        classes = _classes_of(checkpoint, corpus, folder)
        dev_labels = renumbered(corpus.dev.labels, classes, len(classes))
        metric = task_of(corpus.is_multi_label).metric(source.config.metric, checkpoint.labels, {"dev": dev_labels})
        texts = Texts((*corpus.train.texts, *corpus.transfer.texts), corpus.dev.texts, dev_labels, metric)
        material = _material(checkpoint, encoder, source, corpus, classes, metric)
    else:
        texts = Texts(source, source, np.full(len(source), -1))
        material = CalibrationData([np.array(encoder(text)) for text in texts.train])
    compressed = compress(checkpoint.trained, configs, material)
    smaller = replace(
        checkpoint, trained=compressed.trained, quantized=None if compressed.is_exact else compressed.graph
    )
    kinds = ", ".join(config.model_dump_json() for config in configs)
    card = with_present_use(
        (folder / "README.md").read_text(encoding="utf-8"),
        needed_packages(checkpoint.tokens),
        is_of_pairs(checkpoint.tokens),
        isinstance(checkpoint.decision, EachLabel),
    )
    card += f"\nCompressed afterwards by {kinds}.\n"
    is_fitted = isinstance(source, Study) and source.config.champion.calibration == "temperature"
    smaller, lines = (
        decided_again(smaller, texts.metric, texts.measured, texts.labels, is_fitted)
        if isinstance(source, Study)
        else as_before(smaller)
    )
    for line in lines:
        _log.info(line)
    card += "".join(f"{line}\n" for line in lines)
    save_checkpoint(smaller, target, card, Path(encoding.__file__))
    return _report(folder, target, texts, console)


def _classes_of(checkpoint: Checkpoint, corpus: Corpus, folder: Path) -> NDArray[np.int64]:
    """`[labels of the corpus]`: the class of the checkpoint that each one is, in whatever order the two have them."""
    if sorted(checkpoint.labels) != sorted(corpus.labels):
        raise CheckpointError(
            f"{folder} has the labels {', '.join(checkpoint.labels)}, but the study's corpus has {', '.join(corpus.labels)}"
        )
    if isinstance(checkpoint.decision, EachLabel) != corpus.is_multi_label:
        student, study = ("one label", "several") if corpus.is_multi_label else ("several labels", "one")
        raise CheckpointError(
            f"{folder} answers {student} a text, but the study's corpus has {study} (corpus.multi_label)"
        )
    return np.array([list(checkpoint.labels).index(label) for label in corpus.labels])


def _refuse(
    checkpoint: Checkpoint, folder: Path, target: Path, configs: Sequence[AnyCompressionConfig], source: Any
) -> None:
    if not configs:
        raise CheckpointError("nothing to do: name a compression, such as --int8 or --prune-units 0.5")
    if target.exists():
        raise CheckpointError(f"{target} exists already; compress into a new folder")
    if checkpoint.quantized is not None:
        raise CheckpointError(f"{folder} is quantized already; compress the folder that it was made from")
    tuned = [config.kind for config in configs if getattr(config, "epochs", 0)]
    if tuned and not isinstance(source, Study):
        raise CheckpointError(
            f"{tuned[0]} is followed by fine-tuning, which needs the study: give --study STUDY, or "
            "--epochs 0 to leave it out"
        )
    if tuned and checkpoint.trial is None:
        raise CheckpointError(f"{folder} does not say how it was trained, so it cannot be fine-tuned: give --epochs 0")
    if not isinstance(source, Study) and not source:
        raise CheckpointError("there are no texts to measure on: give --study STUDY, or real texts by --texts or stdin")


def _material(
    checkpoint: Checkpoint,
    encoder: Encoder,
    study: Study,
    corpus: Corpus,
    classes: NDArray[np.int64],
    metric: AnyMetric,
) -> CalibrationData:
    """Train rows as this checkpoint reads them, and its own loss against the study's teachers, all in its own classes."""
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    if checkpoint.trial is None:
        return CalibrationData([np.array(encoder(text)) for text in texts])
    config = _trial_of(checkpoint.trial, study)
    places = locate(study.config, corpus)
    for line in assumptions(places):
        _log.info(line)
    teachers = logits_for(study.config, corpus, places)
    labels = renumbered(np.concatenate([corpus.train.labels, corpus.transfer.labels]), classes, len(classes))
    nothing = np.zeros(len(texts), dtype=np.int32)
    vectors = np.zeros((len(checkpoint.vocabulary), checkpoint.dimension), dtype=np.float32)
    logits = teachers.each(texts)[..., np.argsort(classes)]
    data = TrialData(
        train=ragged(encoder(text) for text in texts),
        labels=labels,
        iterations=nothing,
        teacher_logits=logits,
        teacher_weights=teachers.weights,
        teacher_hidden=teachers.hidden_of(texts),
        dev=encode_texts(encoder, corpus.dev.texts),
        dev_labels=renumbered(corpus.dev.labels, classes, len(classes)),
        vectors=vectors,
        metric=metric,
    )
    return CalibrationData(data.train, fine_tuner(config, data))


def _trial_of(trial: dict[str, Any], study: Study) -> TrialConfig:
    """The trial that trained a student; raises CheckpointError if it cannot be run with this study."""
    try:
        config = TrialConfig.model_validate(trial)
    except ValidationError as error:
        said = "; ".join(faults_of(error, TrialConfig))
        raise CheckpointError(
            f"what trained the student cannot be built here: {said}; give the --study that did"
        ) from error
    if config.loss.weigh_by_agreement and len(study.config.teachers) == 1:
        raise CheckpointError(
            "the student was trained by the agreement of several teachers (loss.weigh_by_agreement), and the study has one: give the "
            "--study that trained it, or --epochs 0"
        )
    return config


def _report(folder: Path, target: Path, texts: Texts, console: Console) -> dict[str, Any]:
    folders = {"before": folder, "after": target}
    latencies = time_contenders({name: onnx_contender(one) for name, one in folders.items()}, texts.measured, seed=7)
    measured = {name: _measured(one, texts, latencies[name]) for name, one in folders.items()}
    sides = {name: side for name, (side, _) in measured.items()}
    agreement = float(same_answers(measured["before"][1], measured["after"][1]).mean())
    title = f"{target}: measured on {n_of(len(texts.measured), 'text')}, one thread of {cpu_name()}"
    whole = task_of_metric(texts.metric).beside[0]
    console.print(figures_table(sides, agreement, title, (texts.metric.config, whole)))
    for line in what_got_worse(sides["before"], sides["after"], texts.metric.config, whole):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return {
        "agreement": agreement,
        "cpu": cpu_name(),
        "metric": texts.metric.config.kind,
        **{name: {**asdict(side), "latency": printed_figures(side.latency)} for name, side in sides.items()},
    }


def _measured(folder: Path, texts: Texts, latency: Latency) -> tuple[Side, NDArray[np.int64]]:
    """A checkpoint with its figures, and its answers `[texts]`, each text alone, as it is served."""
    predictor = Predictor(folder, load_encoder(folder))
    logits = np.concatenate([predictor.logits([text]) for text in texts.measured])
    answers = predictor.decision.of_logits(logits)
    known = is_labelled(texts.labels)
    has_labels = bool(known.any())
    side = Side(
        size_mb=(folder / "model.onnx").stat().st_size / 1e6,
        n_parameters=count_parameters(load_checkpoint(folder).trained.student),
        accuracy=float(task_of_metric(texts.metric).right(answers[known], texts.labels[known]).mean())
        if has_labels
        else None,
        latency=latency,
        score=texts.metric.score(logits[known], texts.labels[known], predictor.decision) if has_labels else None,
    )
    return side, answers
