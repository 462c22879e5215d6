"""How fast a cache of teacher logits is filled and opened, beside what people would write instead.

    python -m benchmarks.speed.teacher_cache [--shape small|base] [--texts 1000] [--threads 1] [--rounds 3]

The same BERT with random weights answers the same reviews, drawn by a seed: as Distune fills its cache, as a plain loop does
(batches of 32 in the order of the corpus, padded to their longest), and as `transformers.pipeline` does with the same batches.
Where the CPU computes in bf16, in which Distune then asks, it takes a turn in float32 as well, as the others do. They take
turns; texts/s are medians over the rounds, ratios medians of the rounds' ratios, and `agree` is the largest
difference of a probability. Opening is of 1,000,000 rows. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertConfig, BertForSequenceClassification, pipeline

from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.logits_filling import ShardForm, Source, fill_cache, rows_of_shard
from distune.corpora.places import Place
from distune.corpora.shards import TeacherAnswers
from distune.corpora.teacher_logits import CacheKey, open_cache
from distune.models.teacher.teacher import Teacher, ask_teacher
from distune.models.teacher.tokenizing import character_tokenizer
from distune.models.training.loop import has_fast_bf16
from distune.tuning.speed.latency import cpu_name

SHAPES = {
    "small": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
}
KEY = CacheKey("teacher", "corpus", ("0", "1"))
BATCH, MAX_LENGTH, OPENED, N_OPENED = 32, 128, 1_000_000, 9
Fill = Callable[[], NDArray[np.float32]]


def main(arguments: Sequence[str] | None = None) -> None:
    options = options_of(__doc__, arguments, n_texts=1000)
    texts = reviews(options.texts)
    contenders = fillings(teacher_of(options.shape, texts), texts)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    answers = {}
    for _ in range(options.rounds):
        for name, fill in contenders.items():
            start = time.perf_counter()
            answers[name] = fill()
            seconds[name].append(time.perf_counter() - start)
    figures = {name: round(len(texts) / float(np.median(taken)), 1) for name, taken in seconds.items()}
    ratios = {name: round(float(np.median(np.divide(taken, seconds["distune"]))), 2) for name, taken in seconds.items()}
    agree = max(float(np.abs(p - answers["plain loop"]).max()) for p in answers.values())
    for name, speed in figures.items():
        print(f"{name:18} {speed:>8} texts/s, distune is {ratios[name]} times as fast")
    opening = opened()
    print(
        f"opening {OPENED:,} rows: {opening['open_ms']} ms, its first 1,000 answers {opening['first_1000_ms']} ms more"
    )
    print(
        json.dumps(
            {
                "cpu": cpu_name(),
                "load": round(os.getloadavg()[0], 1),
                "shape": options.shape,
                "texts": len(texts),
                "threads": options.threads,
                "texts_per_s": figures,
                "distune_times": ratios,
                "agree": agree,
                **opening,
            }
        )
    )


def options_of(about: str | None, arguments: Sequence[str] | None, n_texts: int) -> argparse.Namespace:
    """What a benchmark of a teacher is asked for; torch has its threads after this."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), default="small")
    parser.add_argument("--texts", type=int, default=n_texts)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    return options


def reviews(n: int) -> list[str]:
    """Reviews of the built-in corpus, in its order."""
    texts = load_corpus(CorpusConfig(source="reviews", labelled=1000)).texts()
    chosen = np.sort(np.random.default_rng(7).permutation(len(texts))[:n])
    return [texts[i] for i in chosen]


def teacher_of(shape: str, texts: Sequence[str]) -> Teacher:
    torch.manual_seed(0)
    tokenizer = character_tokenizer(texts, 1, MAX_LENGTH)
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=MAX_LENGTH, num_labels=2, **SHAPES[shape])  # type: ignore[arg-type]
    return Teacher(models=(BertForSequenceClassification(config).eval(),), tokenizer=tokenizer, max_length=MAX_LENGTH)


def fillings(teacher: Teacher, texts: Sequence[str]) -> dict[str, Fill]:
    """Each gives the probability of the second class, `[texts]`."""
    model, tokenizer = teacher.models[0], teacher.tokenizer
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)

    def distune() -> NDArray[np.float32]:
        source = Source(lambda: lambda part: TeacherAnswers(ask_teacher(teacher, part, (), bf16_on_cpu=True)[0]), {})
        with tempfile.TemporaryDirectory() as scratch:
            cache = fill_cache(Place(scratch), KEY, texts, source, ShardForm(rows=rows_of_shard(len(texts))))
            return second(torch.from_numpy(cache.of(texts)))

    @torch.inference_mode()
    def plain() -> NDArray[np.float32]:
        found = []
        for start in range(0, len(texts), BATCH):
            inputs = tokenizer(
                list(texts[start : start + BATCH]),
                truncation=True,
                max_length=MAX_LENGTH,
                padding=True,
                return_tensors="pt",
            )
            found.append(model(**inputs).logits)
        return second(torch.cat(found))

    def piped() -> NDArray[np.float32]:
        outputs = classify(list(texts), batch_size=BATCH, truncation=True, max_length=MAX_LENGTH, top_k=None)
        return np.array([next(o["score"] for o in one if o["label"] == "LABEL_1") for one in outputs], np.float32)

    def in_float32() -> NDArray[np.float32]:
        with patch("distune.models.teacher.teacher.has_fast_bf16", return_value=False):
            return distune()

    slower = {"distune in float32": in_float32} if has_fast_bf16(torch.device("cpu")) else {}
    return {"distune": distune, **slower, "plain loop": plain, "pipeline": piped}


def second(logits: torch.Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = logits.softmax(dim=1)[:, 1].numpy()
    return found


def opened() -> dict[str, float]:
    """What opening a cache costs, and its first 1,000 answers, before which the files that they stand in are verified."""
    texts = [f"text {number}" for number in range(OPENED)]
    source = Source(lambda: lambda part: TeacherAnswers(np.zeros((len(part), 2), np.float32)), {})
    times = []
    with tempfile.TemporaryDirectory() as scratch:
        fill_cache(Place(scratch), KEY, texts, source)
        for _ in range(N_OPENED):
            start = time.perf_counter()
            cache = open_cache(Place(scratch), KEY)
            there = time.perf_counter()
            cache.of(texts[:1000])
            times.append((there - start, time.perf_counter() - there))
    open_s, first_s = np.median(times, axis=0)
    return {"open_ms": round(1000 * float(open_s), 1), "first_1000_ms": round(1000 * float(first_s), 1)}


if __name__ == "__main__":
    main()
