"""Tables of texts and labels as other programs write them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

Texts = list[tuple[str, str]]
PIECES = [
    '"',
    '""',
    "'",
    ",",
    "\t",
    "\n",
    "\r",
    "\r\n",
    ";",
    "|",
    "\\",
    '\\"',
    " ",
    "好",
    "，",
    "评",
    "a",
    "b",
    "0",
    "neg",
    "pos",
    "\u2028",
    "\ufeff",
    "\ue000",
    "é",
]
LABELS = ("neg", "pos", "a", "0")


def by_csv(quoting: int, delimiter: str, end: str) -> Callable[[Texts, Path], None]:
    def write(rows: Texts, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
            writer.writerows([("text", "label"), *rows])

    return write


def by_pandas(quoting: int, delimiter: str) -> Callable[[Texts, Path], None]:
    def write(rows: Texts, path: Path) -> None:
        stream = io.StringIO(newline="")
        frame = pd.DataFrame(rows, columns=["text", "label"])
        frame.to_csv(stream, index=False, sep=delimiter, quoting=quoting)  # type: ignore[call-overload]
        path.write_bytes(stream.getvalue().encode())

    return write


def by_pyarrow(delimiter: str) -> Callable[[Texts, Path], None]:
    def write(rows: Texts, path: Path) -> None:
        table = pa.table({"label": [label for _, label in rows], "text": [text for text, _ in rows]})
        pyarrow.csv.write_csv(table, path, pyarrow.csv.WriteOptions(delimiter=delimiter))

    return write


def as_records(rows: Texts) -> list[dict[str, str]]:
    return [{"text": text, "label": label} for text, label in rows]


def json_lines(rows: Texts, path: Path) -> None:
    path.write_text(
        "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in as_records(rows)), encoding="utf-8", newline=""
    )


def json_array(rows: Texts, path: Path) -> None:
    path.write_text(json.dumps(as_records(rows)), encoding="utf-8")


def pandas_lines(rows: Texts, path: Path) -> None:
    pd.DataFrame(rows, columns=["text", "label"]).to_json(path, orient="records", lines=True, force_ascii=False)


def pandas_columns(rows: Texts, path: Path) -> None:
    pd.DataFrame(rows, columns=["text", "label"]).to_json(path)


def parquet(rows: Texts, path: Path) -> None:
    pyarrow.parquet.write_table(pa.Table.from_pylist(as_records(rows)), path)


QUOTINGS = {"minimal": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL, "nonnumeric": csv.QUOTE_NONNUMERIC}
WRITERS: dict[str, Callable[[Texts, Path], None]] = {
    **{
        f"csv {name} {kind[1:]} {end!r} {kind}": by_csv(quoting, delimiter, end)
        for name, quoting in QUOTINGS.items()
        for kind, delimiter in ((".csv", ","), (".tsv", "\t"))
        for end in ("\r\n", "\n")
    },
    **{
        f"pandas {name} {kind[1:]} {kind}": by_pandas(quoting, delimiter)
        for name, quoting in QUOTINGS.items()
        for kind, delimiter in ((".csv", ","), (".tsv", "\t"))
    },
    "semicolons .csv": by_csv(csv.QUOTE_MINIMAL, ";", "\r\n"),
    "pyarrow csv .csv": by_pyarrow(","),
    "pyarrow tsv .tsv": by_pyarrow("\t"),
    "json lines .jsonl": json_lines,
    "json array .json": json_array,
    "pandas json lines .jsonl": pandas_lines,
    "pandas json columns .json": pandas_columns,
    "parquet .parquet": parquet,
}
