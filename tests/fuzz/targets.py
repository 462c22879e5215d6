"""What is read, by which function or command, and how whole files of it are made."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import yaml

from distune.corpora.augment import Augmented, load_augmented, save_augmented
from distune.corpora.logits_filling import ShardForm, Source, fill_cache
from distune.corpora.places import Place
from distune.corpora.teacher_logits import open_cache
from distune.corpora.tokens import read_dictionary
from distune.models.checkpoint import load_checkpoint
from distune.models.students.config import AverageConfig
from distune.models.vectors.vector_files import read_vector_file
from distune.tuning.cli import main
from tests.making.checkpoints import checkpoint_of, save_student
from tests.making.reviews import reviews, tiny_document
from tests.making.teachers import KEY, TEXTS, answer

ROWS = reviews(80)
WORDS = ["好", "差", "书", "nba", "酒店"]


@dataclass(frozen=True)
class Target:
    """`files` are damaged one at a time; `make` writes them under a folder, `ask` reads them there. An answer to a damaged file must
    be that to the whole one where `is_exact`: a checksum holds it."""

    files: tuple[str, ...]
    make: Callable[[Path], None]
    ask: Callable[[Path], Any]
    is_exact: bool = False
    is_named: bool = True
    """Whether a refusal must name the file; `check` names settings instead, and classes of the corpus."""


def study_of(root: Path, corpus: str = "corpus.csv", logits: str = "logits.csv") -> dict[str, Any]:
    document = tiny_document(root, root / corpus, root)
    document |= {"name": "fuzzed", "teacher": {"logits": str(root / logits)}}
    document["tracking"] = {"uri": f"sqlite:///{root / 'mlflow.db'}"}
    document["trial"]["tokens"] = {"kind": "characters", "min_count": 1}
    document["trial"]["loss"]["teacher_term"] = {"kind": "kl", "temperature": {"log": [1, 20]}}
    return document


def _write_study(root: Path, **names: str) -> None:
    (root / "study.yaml").write_text(yaml.safe_dump(study_of(root, **names), allow_unicode=True), encoding="utf-8")


def table(kind: str, columns: dict[str, list[Any]]) -> bytes:
    """A table in a format, by its ending."""
    if kind.startswith("jsonl"):
        rows = zip(*columns.values(), strict=True)
        content = "".join(
            f"{json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)}\n" for row in rows
        ).encode()
    elif kind == "json":
        rows = zip(*columns.values(), strict=True)
        content = json.dumps([dict(zip(columns, row, strict=True)) for row in rows], ensure_ascii=False).encode()
    elif kind == "parquet":
        stream = io.BytesIO()
        pyarrow.parquet.write_table(pa.table(columns), stream)
        return stream.getvalue()
    else:
        sign = "\t" if kind.startswith("tsv") else ","
        lines = [
            sign.join(columns),
            *(sign.join(f'"{cell}"' for cell in row) for row in zip(*columns.values(), strict=True)),
        ]
        content = ("\n".join(lines) + "\n").encode()
    if kind.endswith(".gz"):
        return gzip.compress(content, mtime=0)
    return pa.compress(content, codec="zstd", asbytes=True) if kind.endswith(".zst") else content


def texts_table(kind: str) -> bytes:
    return table(kind, {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]})


def logits_table(kind: str) -> bytes:
    found = [3.0 if label == "1" else -2.5 for _, label in ROWS]
    return table(kind, {"text": [text for text, _ in ROWS], "logit_0": [-one for one in found], "logit_1": found})


def _check(root: Path) -> None:
    main(["check", str(root / "study.yaml")])


def _study_target() -> Target:
    def make(root: Path) -> None:
        (root / "corpus.csv").write_bytes(texts_table("csv"))
        (root / "logits.csv").write_bytes(logits_table("csv"))
        _write_study(root)

    return Target(("study.yaml",), make, _check, is_named=False)


def _corpus_target(kind: str) -> Target:
    def make(root: Path) -> None:
        (root / f"corpus.{kind}").write_bytes(texts_table(kind))
        (root / "logits.csv").write_bytes(logits_table("csv"))
        _write_study(root, corpus=f"corpus.{kind}")

    return Target((f"corpus.{kind}",), make, _check, is_named=False)


def _logits_target(kind: str) -> Target:
    def make(root: Path) -> None:
        (root / "corpus.csv").write_bytes(texts_table("csv"))
        (root / f"logits.{kind}").write_bytes(logits_table(kind))
        _write_study(root, logits=f"logits.{kind}")

    return Target((f"logits.{kind}",), make, _check, is_named=False)


def _vectors_target(name: str) -> Target:
    def make(root: Path) -> None:
        numbers = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
        if name == "v.kv":
            from gensim.models import KeyedVectors

            keyed = KeyedVectors(6)
            keyed.add_vectors(WORDS, numbers)
            keyed.save(str(root / name))
            return
        rows = (
            word.encode() + b" " + (row.tobytes() if name == "v.bin" else " ".join(f"{x:.4f}" for x in row).encode())
            for word, row in zip(WORDS, numbers, strict=True)
        )
        (root / name).write_bytes(f"{len(WORDS)} 6\n".encode() + b"\n".join(rows) + b"\n")

    return Target((name,), make, lambda root: read_vector_file(root / name, WORDS))


CHECKPOINT = ("model.onnx", "weights.safetensors", "config.json", "vocabulary.txt", "labels.json")


def _asked_checkpoint(root: Path, name: str) -> str:
    read = load_checkpoint(root / name)
    before = f"{read.vocabulary} {read.labels} {read.tokens} {sum(float(w.double().sum()) for w in read.trained.student.state_dict().values())}"
    (root / "texts.txt").write_text("好书\n差\n\n酒店书好\n", encoding="utf-8")
    try:
        main(["predict", str(root / name), str(root / "texts.txt")])
    except SystemExit as ended:
        if ended.code:
            raise
    return before


def _checkpoint_target() -> Target:
    def make(root: Path) -> None:
        config = AverageConfig(kind="average", hidden_layer=4)
        save_student(checkpoint_of(config), root / "student", "# card\n")

    files = (*CHECKPOINT, "SHA256SUMS", "distune_student/predictor.py", "distune_student/encoding/encoder.py")
    return Target(
        tuple(f"student/{name}" for name in files), make, lambda root: _asked_checkpoint(root, "student"), is_exact=True
    )


def _earlier_checkpoint_target() -> Target:
    """Without checksums: what is not held by what its parts say of each other cannot be told."""

    def make(root: Path) -> None:
        with tarfile.open(Path(__file__).parents[1] / "models" / "checkpoint_of_937cf56.tar.gz") as archive:
            archive.extractall(root, filter="data")
        (root / "model" / "artifacts" / "student").rename(root / "student")

    return Target(
        tuple(f"student/{name}" for name in CHECKPOINT), make, lambda root: _asked_checkpoint(root, "student")
    )


def _cache_target() -> Target:
    def make(root: Path) -> None:
        fill_cache(Place(str(root)), KEY, TEXTS, Source(lambda: answer, {"description": "a rule"}), ShardForm(rows=3))

    folder = "teacher-1-corpus-1"
    files = ("manifest.json", "index.npy", "logits-00000.npy")
    return Target(
        tuple(f"{folder}/{name}" for name in files),
        make,
        lambda root: open_cache(Place(str(root)), KEY).of(TEXTS).tolist(),
        is_exact=True,
    )


def _storage_target(files: tuple[str, ...], *commands: str) -> Target:
    def make(root: Path) -> None:
        from tests.fuzz.storage import make_search

        make_search(root)

    def ask(root: Path) -> None:
        for command in commands:
            try:
                main([part.format(root=root) for part in command.split()])
            except SystemExit as ended:
                if ended.code:
                    raise

    return Target(tuple(f"storage/searches/fuzzed/1/{name}" for name in files), make, ask)


def _driver_target() -> Target:
    from distune.tuning.storage.lease import only_driver

    def make(root: Path) -> None:
        there = {"name": "a", "host": "elsewhere", "pid": 1, "renewed_s": 0.0}
        (root / "driver.json").write_text(json.dumps(there))

    def ask(root: Path) -> str:
        with only_driver(Place(str(root / "driver.json"))):
            return "held"

    return Target(("driver.json",), make, ask)


def _augmented_target() -> Target:
    def make(root: Path) -> None:
        texts = tuple(text for text, _ in ROWS)
        save_augmented(Place(str(root / "made.parquet")), Augmented(texts, np.ones(len(texts), np.int32)))

    return Target(("made.parquet",), make, lambda root: len(load_augmented(Place(str(root / "made.parquet"))).texts))


def _dictionary_target() -> Target:
    def make(root: Path) -> None:
        (root / "words.txt").write_text("深度学习 12 n\nT恤\n大语言模型 3\n", encoding="utf-8")

    return Target(("words.txt",), make, lambda root: read_dictionary(root / "words.txt"))


COMPARE = "compare {root}/storage/searches/fuzzed/1 {root}/storage/searches/fuzzed/1"
TARGETS: dict[str, Target] = {
    "study": _study_target(),
    **{
        f"corpus.{kind}": _corpus_target(kind)
        for kind in ("csv", "tsv", "json", "jsonl", "parquet", "csv.gz", "jsonl.zst")
    },
    **{f"logits.{kind}": _logits_target(kind) for kind in ("csv", "jsonl", "parquet")},
    **{name: _vectors_target(name) for name in ("v.txt", "v.bin", "v.kv")},
    "checkpoint": _checkpoint_target(),
    "earlier checkpoint": _earlier_checkpoint_target(),
    "logits cache": _cache_target(),
    "augmented": _augmented_target(),
    "dictionary": _dictionary_target(),
    "driver": _driver_target(),
    "journal": _storage_target(
        ("journal/000000000-JOURNAL.jsonl",), "results {root}/study.yaml", "status {root}/study.yaml"
    ),
    "search.json": _storage_target(("search.json",), "results {root}/study.yaml --json", COMPARE),
    "kept study": _storage_target(("study.yaml",), COMPARE),
    "results": _storage_target(
        ("results.json",), "results {root}/study.yaml", "results {root}/study.yaml --json", COMPARE
    ),
    "importance": _storage_target(("importance.json",), "results {root}/study.yaml"),
    "answers": _storage_target(("answers.parquet",), "report {root}/study.yaml --out {root}/r.html"),
    "table and card": _storage_target(("table.txt", "champion/README.md"), "results {root}/study.yaml", COMPARE),
}
