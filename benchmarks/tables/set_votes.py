"""The cost of wrong votes if a text has several labels: students of votes against students of the labels of people.

Run: python -m benchmarks.tables.set_votes --data DIR [--seeds 3] [--out table.md]
DIR/bdci_car2018 has train.jsonl, dev.jsonl and test.jsonl with `text` and `labels`: posts of a car forum with ten labels. A vote is the
set of labels that people gave, and a part of all votes is the set of another text instead. Votes become logits as those of
`teacher.answers` do. Each seed draws its own votes and trains its own student, without any search: KL at temperature 1 on the train texts,
fifteen epochs. The scores are of the test texts, by their own labels, and each label has the threshold that is best on dev. A line
follows each training, and the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import read_answers_file
from distune.corpora.corpus import load_corpus
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.task import task_of
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.inputs import encode_texts
from distune.tuning.trial.run import run_trial

METRICS = ("macro_f1", "micro_f1")
Sets = NDArray[np.integer[Any]]
"""Labels `[texts, labels]`: 1, or 0."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A row of the table. Without votes it is no teacher: the student learns from the labels alone."""

    name: str
    n_votes: int = 0
    wrong: float = 0.0
    prior_strength: float = 1.0
    term: str = "kl"


TEACHERS = (
    Teacher(name="no teacher, the labels of people"),
    Teacher(name="1 vote", n_votes=1),
    Teacher(name="1 vote, `prior_strength: 0.2`", n_votes=1, prior_strength=0.2),
    Teacher(name="1 vote, `mse`", n_votes=1, term="mse"),
    *(
        Teacher(name=f"{n} vote{'s' if n > 1 else ''}, {100 * wrong:.0f} % wrong", n_votes=n, wrong=wrong)
        for n in (1, 3)
        for wrong in (0.1, 0.2)
    ),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder that holds bdci_car2018/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="the file to write the table to")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepared_from(options.data / "bdci_car2018", Path(scratch))
        figures = measured(prepared, options.seeds, Path(scratch))
    table = table_of(figures)
    print(table)
    if options.out:
        options.out.write_text(table + "\n", encoding="utf-8")
    print(json.dumps({"scores": figures, "seconds": round(time.monotonic() - began)}))


def prepared_from(source: Path, scratch: Path) -> Prepared:
    """The study of the set, with the labels of people as the answers of its teacher."""
    votes = scratch / "votes.jsonl"
    document = {
        "name": "set-votes",
        "corpus": {
            "source": str(source / "train.jsonl"),
            "dev": str(source / "dev.jsonl"),
            "test": str(source / "test.jsonl"),
            "drop_overlap": True,
            "label": "labels",
            "multi_label": True,
        },
        "teacher": {"answers": str(votes)},
        "storage": str(scratch / "storage"),
        "trial": {
            "tokens": {"kind": "words", "segmenter": "rjieba", "max_tokens": 64},
            "vectors": {"kind": "word2vec", "dimension": 100},
            "student": {"kind": "average", "hidden_layer": 64, "dropout": 0.3},
            "learning_rate": 1e-2,
            "epochs": 15,
        },
    }
    study = Study(document)
    corpus = load_corpus(study.config.corpus)
    of_people = np.concatenate([split.labels for split in corpus.splits.values()])
    write_votes(votes, corpus.texts(), of_people[:, None], corpus.labels)
    return prepare(read_study(study))


def measured(prepared: Prepared, n_seeds: int, scratch: Path) -> dict[str, list[list[float]]]:
    """The test scores of a student of each teacher, by seed, in the order of METRICS."""
    (inputs,) = prepared.inputs.values()
    corpus, path = prepared.corpus, scratch / "drawn.jsonl"
    metrics = [task_of(True).metric(MetricConfig(kind=kind), corpus.labels, {}) for kind in METRICS]
    dev, test = (encode_texts(inputs.encoder, split.texts) for split in (corpus.dev, corpus.test))
    found: dict[str, list[list[float]]] = {}
    for seed in range(n_seeds):
        for teacher in TEACHERS:
            data = inputs.data
            if teacher.n_votes:
                votes = drawn(corpus.train.labels, teacher, np.random.default_rng(seed))
                write_votes(path, corpus.train.texts, votes, corpus.labels)
                rule = AnswerRule(prior_strength=teacher.prior_strength)
                answers = read_answers_file(str(path), corpus.labels, rule, is_multi_label=True)
                data = replace(data, teacher_logits=answers.file.of(corpus.train.texts).logits[None])
            loss = {"kd_weight": float(teacher.n_votes > 0), "teacher_term": {"kind": teacher.term}}
            settings = {**prepared.study.document["trial"], "loss": loss, "seed": seed}
            result = run_trial(TrialConfig.model_validate(settings), data, lambda report: None)
            on_dev, on_test = result.logits(dev), result.logits(test)
            scores = [
                round(one.score(on_test, corpus.test.labels, one.decision(on_dev, corpus.dev.labels)), 4)
                for one in metrics
            ]
            found.setdefault(teacher.name, []).append(scores)
            print(f"seed {seed}, {teacher.name}: {scores}", flush=True)
    return found


def drawn(labels: Sets, teacher: Teacher, rng: np.random.Generator) -> Sets:
    """Votes `[texts, votes, labels]`: the labels of each text, or those of another one in a part of all votes."""
    votes = np.repeat(labels[:, None], teacher.n_votes, axis=1)
    others = labels[rng.integers(len(labels), size=votes.shape[:2])]
    return np.where(rng.random(votes.shape[:2])[..., None] < teacher.wrong, others, votes)


def write_votes(path: Path, texts: Sequence[str], votes: Sets, labels: Sequence[str]) -> None:
    rows = [
        {"text": text, "votes": [[label for label, has in zip(labels, one, strict=True) if has] for one in of_text]}
        for text, of_text in zip(texts, votes.tolist(), strict=True)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def table_of(figures: dict[str, list[list[float]]]) -> str:
    """The table in Markdown: mean and sample standard deviation over the seeds."""
    rows = [
        f"| {name} | {' | '.join(_shown([scores[i] for scores in found]) for i in range(len(METRICS)))} |"
        for name, found in figures.items()
    ]
    return "\n".join(
        ["| answers that the student learns from | test macro-F1, % | test micro-F1, % |", "|---|---:|---:|", *rows]
    )


def _shown(found: Sequence[float]) -> str:
    spread = f" ± {100 * np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
    return f"{100 * np.mean(found):.2f}{spread}"


if __name__ == "__main__":
    main()
