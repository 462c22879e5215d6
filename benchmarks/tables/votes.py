"""What votes cost: students of a real teacher's probabilities against students of votes that are drawn from them.

Run: python -m benchmarks.tables.votes --data DIR [--seeds 5] [--out table.md]
DIR/hotel has the hotel set of docs/data.md: 999 labelled reviews, and a BERT-base's probabilities for every text. Each row of
the table is another teacher of the same students. A vote is a label drawn from the probabilities of its text, and a part of all
votes is replaced by the other label. Votes become logits as those of `teacher.answers` do. Each seed draws its own votes and
trains its own student, without any search: KL at temperature 1 on all texts, four epochs. Accuracies are of the set's test texts,
by their own labels. A line follows each training, and the last line is one JSON object.
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

from benchmarks.data.datasets import write_hotel
from distune.corpora.answer_rule import AnswerRule
from distune.corpora.answers_file import read_answers_file
from distune.models.logits import accuracy_of, probabilities
from distune.tuning.search.preparation import Prepared, prepare
from distune.tuning.search.reading import read_study
from distune.tuning.study.file import Study
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.inputs import encode_texts
from distune.tuning.trial.run import run_trial

KL: dict[str, Any] = {"kd_weight": 1.0, "teacher_term": {"kind": "kl", "temperature": 1.0}}
MSE: dict[str, Any] = {"kd_weight": 1.0, "teacher_term": {"kind": "mse"}}
PLAIN: dict[str, Any] = {"kd_weight": 0.0}


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A row of the table. Without votes it is the teacher's own probabilities."""

    name: str
    n_votes: int = 0
    wrong: float = 0.0
    loss: dict[str, Any]


TEACHERS = (
    Teacher(name="no teacher, 744 labels", loss=PLAIN),
    Teacher(name="its probabilities", loss=KL),
    *(Teacher(name=f"{n} vote{'s' if n > 1 else ''}", n_votes=n, loss=KL) for n in (1, 3, 5)),
    *(
        Teacher(name=f"{n} vote{'s' if n > 1 else ''}, {100 * wrong:.0f} % wrong", n_votes=n, wrong=wrong, loss=KL)
        for n in (1, 5)
        for wrong in (0.05, 0.1, 0.2)
    ),
    Teacher(name="1 vote, `mse`", n_votes=1, loss=MSE),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder that holds hotel/")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="the file to write the table to")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(read_study(Study(document(options.data / "hotel", Path(scratch)))))
        figures = measured(prepared, options.seeds, Path(scratch))
    table = table_of(figures)
    print(table)
    if options.out:
        options.out.write_text(table + "\n", encoding="utf-8")
    print(json.dumps({"accuracies": figures, "seconds": round(time.monotonic() - began)}))


def document(source: Path, scratch: Path) -> dict[str, Any]:
    """The study of the files that the set is made into."""
    write_hotel(source, scratch)
    return {
        "name": "votes",
        "corpus": {
            "source": str(scratch / "labelled.tsv"),
            "dev_fraction": 0.25,
            "test": str(scratch / "test.tsv"),
            "unlabelled": str(scratch / "transfer.tsv"),
        },
        "teacher": {"logits": str(scratch / "logits.parquet")},
        "storage": str(scratch / "storage"),
        "trial": {
            "tokens": {"kind": "words", "segmenter": "rjieba", "max_tokens": 64},
            "vectors": {"kind": "word2vec", "dimension": 100},
            "student": {"kind": "average", "hidden_layer": 64, "dropout": 0.3},
            "learning_rate": 3e-3,
            "epochs": 4,
        },
    }


def measured(prepared: Prepared, n_seeds: int, scratch: Path) -> dict[str, list[float]]:
    """The test accuracy of a student of each teacher, by seed."""
    (inputs,) = prepared.inputs.values()
    corpus, path = prepared.corpus, scratch / "votes.jsonl"
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    shares = probabilities(prepared.teachers.of(texts))
    test = encode_texts(inputs.encoder, corpus.test.texts)
    found = {"the teacher itself": [accuracy_of(prepared.teachers.of(corpus.test.texts), corpus.test.labels)]}
    for seed in range(n_seeds):
        for teacher in TEACHERS:
            data = inputs.data
            if teacher.n_votes:
                write_votes(path, texts, drawn(shares, teacher, np.random.default_rng(seed)), corpus.labels)
                answers = read_answers_file(str(path), corpus.labels, AnswerRule())
                data = replace(data, teacher_logits=answers.file.of(texts).logits[None])
            settings = {**prepared.study.document["trial"], "loss": teacher.loss, "seed": seed}
            result = run_trial(TrialConfig.model_validate(settings), data, lambda report: None)
            accuracy = accuracy_of(result.logits(test), corpus.test.labels)
            found.setdefault(teacher.name, []).append(round(accuracy, 4))
            print(f"seed {seed}, {teacher.name}: {accuracy:.4f}", flush=True)
    return found


def drawn(shares: NDArray[np.floating], teacher: Teacher, rng: np.random.Generator) -> NDArray[np.int64]:
    """Votes `[texts, votes]` for one of two classes, by the class probabilities of each text `[texts, 2]`."""
    votes = (rng.random((len(shares), teacher.n_votes)) < shares[:, 1:]).astype(np.int64)
    is_wrong = rng.random(votes.shape) < teacher.wrong
    return np.where(is_wrong, 1 - votes, votes)


def write_votes(path: Path, texts: Sequence[str], votes: NDArray[np.int64], labels: Sequence[str]) -> None:
    rows = [
        {"text": text, "votes": [labels[one] for one in row]} for text, row in zip(texts, votes.tolist(), strict=True)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def table_of(figures: dict[str, list[float]]) -> str:
    """The table in Markdown: mean and sample standard deviation over the seeds, and the distance to the probabilities."""
    whole = float(np.mean(figures["its probabilities"]))
    rows = [
        f"| {name} | {100 * np.mean(found):.2f}{f' ± {100 * np.std(found, ddof=1):.2f}' if len(found) > 1 else ''} | "
        f"{100 * (np.mean(found) - whole):+.2f} |"
        for name, found in figures.items()
    ]
    return "\n".join(
        ["| answers that the student learns from | test accuracy, % | to its probabilities |", "|---|---:|---:|", *rows]
    )


if __name__ == "__main__":
    main()
