"""Sets of docs/data.md as the files that examples/hotel.yaml, sst2.yaml, chnsenticorp.yaml, clinc150.yaml, goemotions.yaml,
mrpc.yaml and tnews_tail.yaml read.

Run: python -m benchmarks.data.datasets [--data data] [--out storage/data] [--sets clinc150 goemotions hotel mrpc reviews_more sst2 tnews]
DATA/hotel has texts and a real BERT's probabilities row for row (`train.txt`, `dev.txt`, `teacher_probs_*.npy`). OUT/hotel gets

    labelled.tsv     text and label of train.txt
    transfer.tsv     texts of dev.txt without their labels
    agreement.tsv    1,000 more of dev.txt, with the teacher's answer in place of the label
    test.tsv         2,000 more of dev.txt with their own labels, for the final figures
    logits.parquet   every text with its probabilities

The split is by content, so a text is in one of the four. DATA/sst2 has phrases (`train.tsv`, `dev.tsv`). OUT/sst2 gets

    train.tsv        phrases of 85 % of the sentences
    dev.tsv          the other sentences, whole

DATA/reviews_more has reviews of ten kinds of goods (`online_shopping_10_cats.csv`). OUT/reviews_more gets

    like_chnsenticorp.tsv    text and label of those of books, hotels, computers, tablets and phones

DATA/clinc150 has questions (`dev.tsv`, `test.tsv`). OUT/clinc150 gets

    dev.tsv          dev without the questions that are in test as well

DATA/goemotions has comments and their emotions (`dev.tsv`, `test.tsv`). OUT/goemotions gets

    dev.tsv          dev without the comments that are in test as well

DATA/mrpc has pairs of sentences (`train.tsv`, `dev.tsv`, `test.tsv`). OUT/mrpc gets

    transfer.tsv     each sentence of train with those of train that are most like it, without a label

DATA/tnews has news titles in 15 classes (`train.tsv`). OUT/tnews gets

    tail.tsv         2,500 titles of the largest class and 25 of the smallest, and of those between them ever fewer

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from benchmarks.data.near_pairs import near_pairs
from benchmarks.data.sentences import split_by_sentence
from distune._pairs import sides
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import read_table
from distune.corpora.texts import CorpusError, content_fraction, content_key, normalise

SPLIT_SEED = 11
AGREEMENT, TEST = 0.125, 0.25
"""Parts of dev.txt."""
HELD_OUT_SENTENCES = 0.15
NEIGHBOURS = 1
"""With so many others each sentence of MRPC is paired."""
LARGEST, SMALLEST = 2500, 25
"""The titles of the first and of the last class of the long tail."""
LIKE_CHNSENTICORP = ("书籍", "酒店", "计算机", "平板", "手机")


class HotelRow(NamedTuple):
    text: str
    label: str
    probabilities: tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="a folder that holds a folder for each set")
    parser.add_argument("--out", type=Path, default=Path("storage/data"))
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS), default=sorted(SETS))
    options = parser.parse_args()
    try:
        counts = {name: SETS[name](options.data / name, options.out / name) for name in options.sets}
    except CorpusError as error:
        raise SystemExit(f"datasets: {error}") from error
    print(json.dumps(counts))


def write_hotel(source: Path, out: Path) -> dict[str, int]:
    """Write the files of the hotel study; returns how many rows each has.

    Raises CorpusError for a file that is missing or that does not fit its probabilities.
    """
    labelled, rest = (_rows(source, split) for split in ("train", "dev"))
    seen: set[str] = set()
    parts: dict[str, list[HotelRow]] = {"labelled": [], "agreement": [], "test": [], "transfer": []}
    for rows, fixed in ((labelled, "labelled"), (rest, None)):
        for row in rows:
            key = content_key(row.text)
            if key not in seen:
                seen.add(key)
                parts[fixed or _part(row.text)].append(row)
    out.mkdir(parents=True, exist_ok=True)
    _write_tsv(out / "labelled.tsv", ("text", "label"), ((row.text, row.label) for row in parts["labelled"]))
    _write_tsv(out / "test.tsv", ("text", "label"), ((row.text, row.label) for row in parts["test"]))
    answers = ((row.text, str(int(np.argmax(row.probabilities)))) for row in parts["agreement"])
    _write_tsv(out / "agreement.tsv", ("text", "label"), answers)
    _write_tsv(out / "transfer.tsv", ("text",), ((row.text,) for row in parts["transfer"]))
    every = [row for part in parts.values() for row in part]
    table = pa.table({"text": [row.text for row in every], "probabilities": [list(row.probabilities) for row in every]})
    pyarrow.parquet.write_table(table, out / "logits.parquet")
    return {name: len(part) for name, part in parts.items()}


def write_sst2(source: Path, out: Path) -> dict[str, int]:
    """Write the files of the SST-2 study; returns how many rows each has. Raises CorpusError for a file that is missing."""
    rows = [
        row for name in ("train.tsv", "dev.tsv") for row in read_rows(FileConfig(path=source / name, text="sentence"))
    ]
    train, dev = split_by_sentence(rows, HELD_OUT_SENTENCES, SPLIT_SEED)
    out.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", train), ("dev", dev)):
        _write_tsv(out / f"{name}.tsv", ("sentence", "label"), ((row.text, row.label or "") for row in part))
    return {"train": len(train), "dev": len(dev)}


def write_like_chnsenticorp(source: Path, out: Path) -> dict[str, int]:
    """Write the reviews of what ChnSentiCorp's are of; returns how many. Raises CorpusError for a file that is missing."""
    path, names = source / "online_shopping_10_cats.csv", ("cat", "label", "review")
    table = read_table(TableConfig(path=str(path)), names)
    columns = (table.column(name) for name in names)
    rows = [
        (" ".join(text.split()), label)
        for kind, label, text in zip(*columns, strict=True)
        if kind in LIKE_CHNSENTICORP and text and text.strip()
    ]
    out.mkdir(parents=True, exist_ok=True)
    _write_tsv(out / "like_chnsenticorp.tsv", ("text", "label"), rows)
    return {"like_chnsenticorp": len(rows)}


def write_clinc150(source: Path, out: Path) -> dict[str, int]:
    """Write the dev of CLINC150 without what test has; returns how many rows are left. Raises CorpusError for a file that is missing."""
    return _write_unseen_dev(source, out, "label")


def write_goemotions(source: Path, out: Path) -> dict[str, int]:
    """Write the dev of GoEmotions without what test has; returns how many rows are left. Raises CorpusError for a file that is missing."""
    return _write_unseen_dev(source, out, "labels")


def _write_unseen_dev(source: Path, out: Path, label: str) -> dict[str, int]:
    """The labels are copied as they stand, one or several a text."""
    dev, test = (
        read_table(TableConfig(path=str(source / f"{name}.tsv"), quoting="none"), ("text", label))
        for name in ("dev", "test")
    )
    in_test = {content_key(text or "") for text in test.column("text")}
    texts, labels = (dev.column(name) for name in ("text", label))
    rows = [
        (text, of_text or "")
        for text, of_text in zip(texts, labels, strict=True)
        if text and content_key(text) not in in_test
    ]
    out.mkdir(parents=True, exist_ok=True)
    _write_tsv(out / "dev.tsv", ("text", label), rows)
    return {"dev": len(rows)}


def write_mrpc(source: Path, out: Path) -> dict[str, int]:
    """Write more pairs of MRPC's train sentences; returns how many. Raises CorpusError for a file that is missing."""
    train, *others = (
        [sides(row.text) for row in read_rows(_pairs_file(source / f"{name}.tsv"))] for name in ("train", "dev", "test")
    )
    pairs = near_pairs(train, [pair for rows in others for pair in rows], NEIGHBOURS)
    out.mkdir(parents=True, exist_ok=True)
    _write_tsv(out / "transfer.tsv", ("sentence1", "sentence2"), pairs)
    return {"transfer": len(pairs)}


def _pairs_file(path: Path) -> FileConfig:
    return FileConfig(path=str(path), text="sentence1", text_b="sentence2", quoting="none")


def write_tnews_tail(source: Path, out: Path) -> dict[str, int]:
    """Write a long tail of TNEWS's train titles; returns how many each class has. Raises CorpusError for a file that is missing.

    The classes keep their order by size. Their sizes fall by one factor from each to the next, as in the long-tailed sets of Cui
    et al. (2019), unless a class has fewer titles than that. Titles are drawn by content. A title with two labels is left out.
    """
    labels: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    for row in read_rows(FileConfig(path=str(source / "train.tsv"), columns=("text", "label"), quoting="none")):
        labels.setdefault(content_key(row.text), set()).add(row.label or "")
        texts[content_key(row.text)] = row.text
    of_class: dict[str, list[str]] = {}
    for key, those in labels.items():
        if len(those) == 1:
            (label,) = those
            of_class.setdefault(label, []).append(texts[key])
    ordered = sorted(of_class, key=lambda label: (-len(of_class[label]), label))
    sizes = tail_sizes(len(ordered), LARGEST, SMALLEST)
    drawn = {
        label: sorted(of_class[label], key=lambda text: content_fraction(text, SPLIT_SEED))[:size]
        for label, size in zip(ordered, sizes, strict=True)
    }
    out.mkdir(parents=True, exist_ok=True)
    _write_tsv(out / "tail.tsv", (), ((text, label) for label in ordered for text in drawn[label]))
    return {label: len(those) for label, those in drawn.items()}


def tail_sizes(n_classes: int, largest: int, smallest: int) -> list[int]:
    """Sizes from `largest` to `smallest`, each the same part of the one before it."""
    return [round(largest * (smallest / largest) ** (i / (n_classes - 1))) for i in range(n_classes)]


SETS = {
    "clinc150": write_clinc150,
    "goemotions": write_goemotions,
    "hotel": write_hotel,
    "mrpc": write_mrpc,
    "reviews_more": write_like_chnsenticorp,
    "sst2": write_sst2,
    "tnews": write_tnews_tail,
}


def _part(text: str) -> str:
    fraction = content_fraction(text, SPLIT_SEED)
    return "test" if fraction < TEST else "agreement" if fraction < TEST + AGREEMENT else "transfer"


def _rows(folder: Path, split: str) -> list[HotelRow]:
    """The rows of one file with the probabilities of each; rows without a text or with another label are left out."""
    texts, answers = folder / f"{split}.txt", folder / f"teacher_probs_{split}.npy"
    for path in (texts, answers):
        if not path.is_file():
            raise CorpusError(f"no such file: {path}; docs/data.md says where the hotel set comes from")
    # Other characters than \n end lines for Python, but not for whoever wrote the probabilities.
    lines = [line for line in texts.read_text(encoding="utf-8").split("\n") if line]
    probabilities = np.load(answers)
    if probabilities.shape != (len(lines), 2):
        raise CorpusError(
            f"{answers} must be {len(lines)} x 2, a row for each line of {texts.name}, but is "
            f"{' x '.join(map(str, probabilities.shape))}"
        )
    rows = []
    for line, answer in zip(lines, probabilities.tolist(), strict=True):
        label, _, raw = line.partition("\t")
        # A tab or another line end within a text would be another column or row of what is written.
        text = normalise(" ".join(raw.split()))
        if label in ("0", "1") and text:
            rows.append(HotelRow(text, label, tuple(answer)))
    return rows


def _write_tsv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Without columns the file has no header."""
    lines = [*(["\t".join(columns)] if columns else []), *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
