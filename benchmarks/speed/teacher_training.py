"""How fast a teacher is fine-tuned, beside what people would write instead.

    python -m benchmarks.speed.teacher_training [--shape small|base] [--texts 640] [--threads 1] [--rounds 3]

The same BERT with random weights learns the same labelled reviews for one epoch, in batches of 32 of at most 128 tokens, from its
folder to a folder: as `train_teacher` does it, the same with transformers' own dropout, the same in float32 (on hardware that computes
in bf16), and by a plain loop (shuffled batches padded to their longest, float32). They take turns, every second round in the
opposite order; texts/s are medians over the rounds, ratios medians of the rounds' ratios. `matrix_share` is the arithmetic of its
matrix products over what the device does in that time in a product of 4,096 x 1,024 by 1,024 x 4,096 of the same type. The last
line is one JSON object.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.speed.teacher_cache import BATCH, MAX_LENGTH, options_of, teacher_of
from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.models.teacher.config import TeacherConfig
from distune.models.teacher.tokenizing import quiet_transformers
from distune.models.teacher.training import TrainingTexts, train_teacher
from distune.models.training.loop import has_fast_bf16, pick_device
from distune.tuning.speed.latency import cpu_name

LEFT, INNER, RIGHT, N_PRODUCTS = 4096, 1024, 4096, 9


class Contender(NamedTuple):
    """A training into a folder, and the type that it computes in."""

    train: Callable[[Path], None]
    kind: torch.dtype


def main(arguments: Sequence[str] | None = None) -> None:
    options = options_of(__doc__, arguments, n_texts=640)
    quiet_transformers()
    data = reviews(options.texts)
    with tempfile.TemporaryDirectory() as scratch:
        teacher = teacher_of(options.shape, data.texts)
        start = Path(scratch) / "start"
        teacher.models[0].save_pretrained(start)
        teacher.tokenizer.save_pretrained(start)
        contenders = contenders_of(start, data)
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(options.rounds):
            for name, contender in list(contenders.items())[:: -1 if number % 2 else 1]:
                began = time.perf_counter()
                contender.train(Path(scratch) / "out")
                seconds[name].append(time.perf_counter() - began)
        flops = operations(start, data.texts)
    rates = {kind: rate(kind) for kind in {contender.kind for contender in contenders.values()}}
    figures = {
        name: {
            "texts_per_s": round(len(data.texts) / float(np.median(taken)), 1),
            "distune_times": round(float(np.median(np.divide(taken, seconds["distune"]))), 2),
            "matrix_share": round(flops / float(np.median(taken)) / rates[contenders[name].kind], 3),
        }
        for name, taken in seconds.items()
    }
    for name, one in figures.items():
        print(
            f"{name:30} {one['texts_per_s']:>8} texts/s, distune is {one['distune_times']} times as fast, "
            f"{one['matrix_share']:.1%} of the matrix rate"
        )
    device = pick_device()
    print(
        json.dumps(
            {
                "cpu": cpu_name(),
                "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
                "load": round(os.getloadavg()[0], 1),
                "shape": options.shape,
                "texts": options.texts,
                "threads": options.threads,
                "figures": figures,
            }
        )
    )


def reviews(n: int) -> TrainingTexts:
    """Labelled reviews of the built-in corpus, drawn by a seed, and a few of them as dev."""
    train = load_corpus(CorpusConfig(source="reviews")).train
    chosen = np.sort(np.random.default_rng(7).permutation(len(train))[:n])
    texts, labels = [train.texts[i] for i in chosen], train.labels[chosen]
    return TrainingTexts(texts=texts, labels=labels, dev_texts=texts[:8], dev_labels=labels[:8], label_names=("0", "1"))


def contenders_of(start: Path, data: TrainingTexts) -> dict[str, Contender]:
    """Each learns `data` from the folder `start`, and writes what it has learnt into the folder that it is given."""
    config = TeacherConfig(checkpoint=str(start), epochs=1, batch_size=BATCH, max_length=MAX_LENGTH)

    def distune(out: Path) -> None:
        train_teacher(config, data, out)

    def with_their_dropout(out: Path) -> None:
        with patch("distune.models.teacher.training.cheap_dropout", nullcontext):
            distune(out)

    def in_float32(out: Path) -> None:
        with patch("distune.models.training.loop.has_fast_bf16", return_value=False):
            distune(out)

    fast, slow = torch.bfloat16 if has_fast_bf16(pick_device()) else torch.float32, torch.float32
    slower = {"distune in float32": Contender(in_float32, slow)} if fast != slow else {}
    return {
        "distune": Contender(distune, fast),
        "transformers' own dropout": Contender(with_their_dropout, fast),
        **slower,
        "plain loop": Contender(lambda out: plain(start, data, out), slow),
    }


def plain(start: Path, data: TrainingTexts, out: Path) -> None:
    """What people write first."""
    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForSequenceClassification.from_pretrained(start).to(pick_device()).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    order = np.random.default_rng(7).permutation(len(data.texts))
    for first in range(0, len(order), BATCH):
        batch = order[first : first + BATCH]
        inputs = tokenizer(
            [data.texts[i] for i in batch], truncation=True, max_length=MAX_LENGTH, padding=True, return_tensors="pt"
        ).to(model.device)
        loss = nn.functional.cross_entropy(
            model(**inputs).logits, torch.from_numpy(data.labels[batch]).to(model.device)
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def operations(start: Path, texts: Sequence[str]) -> float:
    """The operations of one epoch's matrix products, both passes and no padding: 6 for each weight and token, 12 for each feature and pair of
    tokens in attention."""
    tokenizer = AutoTokenizer.from_pretrained(start)
    model = AutoModelForSequenceClassification.from_pretrained(start)
    lengths = [len(row) for row in tokenizer(list(texts), truncation=True, max_length=MAX_LENGTH)["input_ids"]]
    weights = sum(layer.weight.numel() for layer in model.base_model.encoder.modules() if isinstance(layer, nn.Linear))
    features = model.config.num_hidden_layers * model.config.hidden_size
    return float(sum(6 * weights * length + 12 * features * length**2 for length in lengths))


def rate(kind: torch.dtype) -> float:
    """Operations a second of a plain product of a type."""
    device = pick_device()
    left, right = (
        torch.ones(LEFT, INNER, dtype=kind, device=device),
        torch.ones(INNER, RIGHT, dtype=kind, device=device),
    )
    taken = []
    for _ in range(N_PRODUCTS):
        began = time.perf_counter()
        (left @ right).sum().item()
        taken.append(time.perf_counter() - began)
    return 2 * LEFT * INNER * RIGHT / float(np.median(taken))


if __name__ == "__main__":
    main()
