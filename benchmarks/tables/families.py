"""Every student family under every loss, and every compression before and after, on real texts; writes docs/families.md.

Run: python -m benchmarks.tables.families [--data DIR]
DIR is a folder with the hotel set of docs/data.md; without it the built-in reviews alone are used. Accuracies are of dev,
mean and sample standard deviation over three seeds; students are then timed alone, in one run, taking turns.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from rich.console import Console

from distune.cluster.config import ClusterConfig
from distune.cluster.connection import connected
from distune.cluster.on_ray import OnRay
from distune.corpora import encoding
from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import Checkpoint, save_checkpoint
from distune.models.compression.apply import compress
from distune.models.compression.config import (
    AnyCompressionConfig,
    EmbeddingInt8Config,
    HalfConfig,
    Int8Config,
    Int8StaticConfig,
    LowRankConfig,
    PruneUnitsConfig,
    PruneWeightsConfig,
    TrimVocabularyConfig,
)
from distune.models.compression.trained import CalibrationData
from distune.models.logits import accuracy_of
from distune.models.predictor import Predictor
from distune.tuning.report.lines import lines_on
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.speed.contenders import onnx_contender
from distune.tuning.speed.figures import Latency
from distune.tuning.speed.latency import cpu_name, time_contenders
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.data import Inputs
from distune.tuning.trial.run import TrialResult, fine_tuner
from distune.tuning.trial.tasks import TrainingData, train_one

SEEDS = (1, 2, 3)
FAMILIES: dict[str, dict[str, Any]] = {
    "average": {"hidden_layer": 128},
    "textcnn": {"filters": 64},
    "bilstm": {"hidden_size": 64},
    "bigru": {"hidden_size": 64},
    "transformer": {"heads": 4, "head_size": 16},
}
LOSSES: dict[str, dict[str, Any]] = {
    "plain": {"kd_weight": 0.0},
    "KL, T = 2": {"kd_weight": 0.9, "teacher_term": {"kind": "kl", "temperature": 2.0}},
    "MSE": {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}},
    "decoupled, T = 2": {"kd_weight": 0.9, "teacher_term": {"kind": "decoupled", "temperature": 2.0}},
    "MSE + hidden": {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}, "hidden_weight": 1.0},
}
COMPRESSED_FAMILIES = ("average", "bilstm")
COMPRESSIONS: list[AnyCompressionConfig] = [
    TrimVocabularyConfig(kind="trim_vocabulary", keep=0.5),
    PruneUnitsConfig(kind="prune_units", keep=0.5, epochs=1),
    PruneWeightsConfig(kind="prune_weights", sparsity=0.8, epochs=1),
    LowRankConfig(kind="low_rank", energy=0.8),
    EmbeddingInt8Config(kind="embedding_int8"),
    HalfConfig(kind="half", dtype="float16"),
    HalfConfig(kind="half", dtype="bfloat16"),
    Int8Config(kind="int8"),
    Int8StaticConfig(kind="int8_static"),
]
Results = dict[tuple[str, str], list[TrialResult]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder that holds hotel/")
    parser.add_argument("--out", type=Path, default=Path("docs/families.md"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        studies = {"reviews": reviews(Path(scratch))}
        if options.data and (options.data / "hotel").is_dir():
            studies["hotel"] = hotel(options.data / "hotel", Path(scratch))
        sections, figures = [], {}
        for name, document in studies.items():
            with lines_on(Console()):
                prepared = prepare(read_study(Study(document)))
            results = train(prepared)
            text, figures[name] = section(name, prepared, results, Path(scratch))
            sections.append(text)
    options.out.write_text(HEAD.format(cpu=cpu_name()) + "".join(sections).rstrip() + "\n", encoding="utf-8")
    print(json.dumps({"cpu": cpu_name(), **figures}, ensure_ascii=False))


def study(name: str, corpus: dict[str, Any], logits: Path, scratch: Path) -> dict[str, Any]:
    return {
        "name": name,
        "corpus": corpus,
        "teacher": {"logits": str(logits)},
        "storage": str(scratch / name),
        "trial": {
            "tokens": {"kind": "words", "segmenter": "rjieba", "max_tokens": 64},
            "vectors": {"kind": "word2vec", "dimension": 100},
            "student": {"kind": "average"},
            "epochs": 4,
        },
    }


def reviews(scratch: Path) -> dict[str, Any]:
    """The built-in reviews: 1,000 labels, the logits and hidden states of the teacher of examples/teacher.yaml."""
    return study("reviews", {"source": "reviews", "labelled": 1000}, Path("examples/reviews-teacher.parquet"), scratch)


def hotel(folder: Path, scratch: Path) -> dict[str, Any]:
    """The hotel reviews with the probabilities of a real fine-tuned BERT-base, which has no hidden states to give.

    All its rows are one corpus, which is split anew by content: 900 labels, dev that no student has seen, and the rest with
    the teacher's answers alone.
    """
    rows, probabilities = [], []
    for split in ("train", "dev"):
        lines = (folder / f"{split}.txt").read_text(encoding="utf-8").split("\n")
        answers = np.load(folder / f"teacher_probs_{split}.npy")
        for line, answer in zip([one for one in lines if one], answers, strict=False):
            label, _, text = line.partition("\t")
            if label in ("0", "1") and text.strip():
                rows.append((text.strip(), label))
                probabilities.append(answer.tolist())
    distinct = {text: (label, p) for (text, label), p in zip(rows, probabilities, strict=True)}
    source, logits = scratch / "hotel.parquet", scratch / "hotel-logits.parquet"
    labels = [label for label, _ in distinct.values()]
    pyarrow.parquet.write_table(pa.table({"text": list(distinct), "label": labels}), source)
    pyarrow.parquet.write_table(
        pa.table({"text": list(distinct), "probabilities": [p for _, p in distinct.values()]}), logits
    )
    return study("hotel", {"source": str(source), "labelled": 900}, logits, scratch)


def train(prepared: Prepared) -> Results:
    """Every family under every loss that the teacher can give, with every seed."""
    has_hidden = prepared.teachers.hidden_of(prepared.corpus.dev.texts[:1]).shape[1] > 0
    losses = {name: loss for name, loss in LOSSES.items() if has_hidden or not loss.get("hidden_weight")}
    trial = prepared.study.document["trial"]
    plan = [
        (
            (family, name),
            TrialConfig.model_validate(
                {**trial, "student": {"kind": family, **shape}, "loss": loss, "seed": seed, "learning_rate": 3e-3}
            ),
        )
        for family, shape in FAMILIES.items()
        for name, loss in losses.items()
        for seed in SEEDS
    ]
    config = ClusterConfig()
    shared = TrainingData({key: inputs.data for key, inputs in prepared.inputs.items()}, threads=1)
    results: Results = {}
    with connected(config):
        runs = OnRay(config).each(train_one, [one for _, one in plan], shared)
        for index, result in runs:
            results.setdefault(plan[index][0], []).append(result)
            print(f"{plan[index][0]}: {result.score:.4f}", flush=True)
    return results


def section(name: str, prepared: Prepared, results: Results, scratch: Path) -> tuple[str, dict[str, Any]]:
    """The two tables of a corpus as Markdown, and their figures."""
    corpus = prepared.corpus
    inputs = next(iter(prepared.inputs.values()))
    teacher = accuracy_of(prepared.teachers.of(corpus.dev.texts), corpus.dev.labels)
    folders = {
        family: save(prepared, inputs, results[family, "MSE"][0], scratch / name / family) for family in FAMILIES
    }
    latencies = time_contenders({family: onnx_contender(one) for family, one in folders.items()}, corpus.dev.texts, 7)
    losses = list(dict.fromkeys(loss for _, loss in results))
    head = f"| | {' | '.join(losses)} | p50 ms | network ms | texts/s | MB |\n|---|{'---:|' * (len(losses) + 4)}\n"
    body = ""
    for family, folder in folders.items():
        cells = [spread([result.score for result in results[family, loss]]) for loss in losses]
        body += f"| {family} | {' | '.join(cells)} | {speed(latencies[family])} | {size_mb(folder):.1f} |\n"
    text = (
        f"## {name}\n\nThe teacher's dev accuracy is {teacher:.4f}; {len(corpus.train)} labelled texts, "
        f"{len(corpus.transfer)} with its logits alone, {len(corpus.dev)} in dev.\n\n{head}{body}\n"
    )
    text += compression_tables(name, prepared, inputs, results, scratch)
    figures = {f"{family} {loss}": [r.score for r in found] for (family, loss), found in results.items()}
    p50 = {family: latency.p50_ms for family, latency in latencies.items()}
    return text, {"teacher": teacher, "accuracy": figures, "p50_ms": p50}


def compression_tables(name: str, prepared: Prepared, inputs: Inputs, results: Results, scratch: Path) -> str:
    """A table with a row for each compression: accuracy, agreement, size and speed, beside the student it was made from."""
    corpus, text = prepared.corpus, ""
    for family in COMPRESSED_FAMILIES:
        result = results[family, "MSE"][0]
        config = TrialConfig.model_validate(
            {
                **prepared.study.document["trial"],
                "student": {"kind": family, **FAMILIES[family]},
                "loss": LOSSES["MSE"],
                "seed": SEEDS[0],
                "learning_rate": 3e-3,
            }
        )
        material = CalibrationData(inputs.data.train, fine_tuner(config, inputs.data))
        folders = {"as trained": save(prepared, inputs, result, scratch / name / f"{family} as trained")}
        for one in COMPRESSIONS:
            settings = one.model_dump(exclude={"kind"}, exclude_none=True).items()
            title = " ".join([one.kind, *(f"{name}={value}" for name, value in settings if value != 0)])
            small = compress(result.trained, [one], material)
            quantized = None if small.is_exact else small.graph
            folders[title] = save(
                prepared,
                inputs,
                replace(result, trained=small.trained, quantized=quantized),
                scratch / name / family / title,
            )
            print(f"{name} {family}: {title}", flush=True)
        latencies = time_contenders({t: onnx_contender(one) for t, one in folders.items()}, corpus.dev.texts, 7)
        answers = {title: classes(one, corpus.dev.texts) for title, one in folders.items()}
        text += (
            f"### {name}: {family} (MSE, one seed) compressed\n\n"
            "| | dev accuracy | agrees with before | p50 ms | network ms | texts/s | MB |\n|---|---:|---:|---:|---:|---:|---:|\n"
        )
        for title, one in folders.items():
            accuracy = float((answers[title] == corpus.dev.labels).mean())
            agreement = float((answers[title] == answers["as trained"]).mean())
            text += f"| {title} | {accuracy:.4f} | {agreement:.4f} | {speed(latencies[title])} | {size_mb(one):.2f} |\n"
        text += "\n"
    return text


def save(prepared: Prepared, inputs: Inputs, result: TrialResult, folder: Path) -> Path:
    checkpoint = Checkpoint(
        trained=result.trained,
        tokens=inputs.encoder.settings,
        vocabulary=inputs.vocabulary,
        dimension=inputs.data.vectors.shape[1],
        labels=prepared.corpus.labels,
        quantized=result.quantized,
    )
    return save_checkpoint(checkpoint, folder, "", Path(encoding.__file__))


def classes(folder: Path, texts: Sequence[str]) -> Any:
    """What a folder answers, one text at a time."""
    predictor = Predictor(folder, load_encoder(folder))
    return np.array([int(predictor.logits([text])[0].argmax()) for text in texts])


def spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def speed(latency: Latency) -> str:
    return f"{latency.p50_ms:.3f} | {latency.stages_ms['network']:.3f} | {latency.texts_per_s:,.0f}"


def size_mb(folder: Path) -> float:
    return (folder / "model.onnx").stat().st_size / 1e6


HEAD = """# Families, losses and compressions, measured

`python -m benchmarks.tables.families --data data` wrote this page on {cpu}. The data are in [data.md](data.md).

Accuracies are dev accuracies, mean ± sample standard deviation over three seeds. Each student trains for 4 epochs at a learning rate of 3e-3, and nothing is
searched. Speed is from raw text to label on one thread, with rjieba as segmenter and ONNX Runtime. All students of a table take turns in one run, and no other work
runs on the machine. "network" is the median without segmentation, and texts/s is in batches of 32. With two classes the second part of decoupled distillation is
zero, and the rest of it is KL.

"""


if __name__ == "__main__":
    main()
