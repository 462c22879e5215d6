"""Teacher logits in one file: those of any model anywhere come in, and a cache goes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from corpora.columns import ColumnOrder, column_order
from corpora.files import read_table
from corpora.logits_filling import TeacherAnswers
from corpora.teacher_logits import Logits, TeacherLogits, missing_message
from corpora.texts import HASH_BYTES, CorpusError, text_hash

ABOUT = b"distune"
SMALLEST_PROBABILITY = 1e-7
HIDDEN_EXPORTED = 16


@dataclass(frozen=True)
class LogitsFile:
    """A file's logits by text hash; `about` is what the file says of its teacher, empty for a foreign file.

    `columns` says how the columns of the file became the classes of the corpus.
    """

    path: Path
    rows: dict[bytes, int]
    logits: Logits
    hidden: NDArray[np.float16] | None
    about: dict[str, Any]
    columns: ColumnOrder

    def of(self, texts: Sequence[str]) -> TeacherAnswers:
        """What the file says of texts, joined by hash; raises CorpusError naming the texts that it lacks."""
        found = [self.rows.get(text_hash(text)) for text in texts]
        if None in found:
            raise CorpusError(missing_message(str(self.path), texts, [place is not None for place in found]))
        places = [place for place in found if place is not None]
        return TeacherAnswers(self.logits[places], None if self.hidden is None else self.hidden[places])

    def holds(self, texts: Sequence[str]) -> bool:
        """Whether it knows every one of the texts."""
        return all(text_hash(text) in self.rows for text in texts)

    def fingerprint(self) -> str:
        """16 hex digits over the content."""
        digest = hashlib.blake2b(b"".join(self.rows), digest_size=8)
        digest.update(np.ascontiguousarray(self.logits).tobytes())
        if self.hidden is not None:
            digest.update(np.ascontiguousarray(self.hidden).tobytes())
        return digest.hexdigest()


def read_logits_file(path: Path, labels: Sequence[str], said: Sequence[str] | None = None) -> LogitsFile:
    """Read a Parquet or CSV file of one row for each text.

    A column `text`, or `text_hash` (`corpora.texts.text_hash`, bytes or hex); and the logits as a list column `logits`,
    as a struct column `logits` with a field for each label, or as columns `logit_LABEL`; or `probabilities` and
    `probability_LABEL` likewise, whose logarithm serves as logits up to a constant. Columns are the labels by their names
    (`corpora.columns`), those of a list column by the labels that the file's metadata names, else in the order of
    `labels`; `said` are the labels of the columns in their order, and counts before any names. A list column `hidden` may
    hold hidden states of the teacher, of any one width. Raises CorpusError for anything else.
    """
    table = read_table(path, strings=("text", "text_hash"))
    about = _about(table, path)
    values, columns = _values(table, path, _Asked(labels, said, about.get("labels")))
    if not np.isfinite(values).all():
        raise CorpusError(f"{path}: {int((~np.isfinite(values)).any(axis=1).sum())} rows are not finite numbers")
    hashes = _hashes(table, path)
    rows = {one: row for row, one in enumerate(hashes)}
    if len(rows) < len(hashes):
        # A text that stands twice is fine as long as the teacher said the same of it.
        spread = np.abs(values - values[[rows[one] for one in hashes]]).max()
        if spread > 1e-3:
            raise CorpusError(f"{path}: a text stands twice with different logits (they differ by {spread:.3g})")
    hidden = None
    if "hidden" in table.column_names:
        first = table["hidden"][0].as_py() if len(table) else []
        hidden = _list_column(table["hidden"], path, "hidden", len(first or [])).astype(np.float16)
    return LogitsFile(path, rows, values, hidden, about, columns)


def _about(table: pa.Table, path: Path) -> dict[str, Any]:
    """What the file's metadata says of its teacher."""
    try:
        about = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
    except ValueError:
        about = None
    if not isinstance(about, dict) or not isinstance(about.get("labels", []), list):
        raise CorpusError(
            f"{path}: its metadata `distune` must be a JSON object whose labels are a list; export the file again"
        )
    return about


def _hashes(table: pa.Table, path: Path) -> list[bytes]:
    if "text" in table.column_names:
        return [text_hash(text or "") for text in table["text"].to_pylist()]
    if "text_hash" not in table.column_names:
        raise CorpusError(f"{path}: needs a column text or text_hash; its columns are {', '.join(table.column_names)}")
    raw = table["text_hash"].to_pylist()
    try:
        hashes = [bytes.fromhex(one) if isinstance(one, str) else bytes(one) for one in raw]
    except (ValueError, TypeError) as error:
        raise CorpusError(f"{path}: a text_hash is not hexadecimal: {error}") from error
    if any(len(one) != HASH_BYTES for one in hashes):
        raise CorpusError(f"{path}: a text_hash must have {HASH_BYTES} bytes")
    return hashes


@dataclass(frozen=True)
class _Asked:
    """Which columns are asked for: the labels of the corpus, those of the columns as the study says them outright, and those
    that the file's metadata names."""

    labels: Sequence[str]
    said: Sequence[str] | None
    in_metadata: Sequence[str] | None


def _values(table: pa.Table, path: Path, asked: _Asked) -> tuple[Logits, ColumnOrder]:
    """Logits `[texts, classes]` in the order of the labels, and how they were ordered."""
    for list_name, prefix, are_probabilities in (("logits", "logit_", False), ("probabilities", "probability_", True)):
        prefixed = [number for number, name in enumerate(table.column_names) if name.startswith(prefix)]
        if list_name in table.column_names and prefixed:
            raise CorpusError(f"{path}: has a column {list_name} and columns {', '.join(table.column_names[i] for i in prefixed)}; leave "
                              "one of the two out")  # fmt: skip
        if list_name in table.column_names:
            values, names = _one_column(table[list_name], path, list_name, asked)
        elif prefixed:
            names = [table.column_names[number].removeprefix(prefix) for number in prefixed]
            values = np.stack([table.column(number).to_numpy() for number in prefixed], axis=1).astype(np.float32)
        else:
            continue
        order = _order(names, path, asked, prefix if prefixed else "")
        values = values[:, order.order]
        return _log(values, path) if are_probabilities else values, order
    raise CorpusError(f"{path}: no logits: needs a list column logits or probabilities, or columns logit_LABEL or "
                      f"probability_LABEL; its columns are {', '.join(table.column_names)}")  # fmt: skip


def _order(names: Sequence[str] | None, path: Path, asked: _Asked, prefix: str) -> ColumnOrder:
    try:
        return column_order(names, asked.labels, str(path), asked.said)
    except CorpusError as error:
        if not prefix or names is None or asked.said is not None:
            raise
        found, wanted = (", ".join(f"{prefix}{name}" for name in part) for part in (names, asked.labels))
        raise CorpusError(
            f"{path}: has {found}, but the corpus' labels ask for {wanted}; rename them, or say which is which label by teacher.labels: [...], "
            "in the order of the columns"
        ) from error


def _one_column(column: pa.ChunkedArray, path: Path, name: str, asked: _Asked) -> tuple[Logits, Sequence[str] | None]:
    """The values of a list column, in the file's own order, and the names of its places where the file has such."""
    if pa.types.is_struct(column.type):
        fields = column.combine_chunks().flatten()
        values = np.stack([field.to_numpy(zero_copy_only=False) for field in fields], axis=1).astype(np.float32)
        return values, [field.name for field in column.type]
    return _list_column(column, path, name, len(asked.labels)), asked.in_metadata


def _list_column(column: pa.ChunkedArray, path: Path, name: str, width: int) -> Logits:
    rows = column.to_pylist()
    found = {len(row or ()) for row in rows} - {width}
    if found:
        what = f"{width} classes in each row, as the corpus has" if name != "hidden" else f"{width} values in each row"
        raise CorpusError(f"{path}: {name} must have {what}, but a row has {min(found)}")
    return np.array(rows, dtype=np.float32)


def _log(probabilities: NDArray[np.float32], path: Path) -> Logits:
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or np.abs(sums - 1).max() > 0.01:
        raise CorpusError(f"{path}: probabilities must be >= 0 and add up to 1, but a row adds up to "
                          f"{sums[np.abs(sums - 1).argmax()]:.3f}")  # fmt: skip
    return np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0))


def write_logits_file(
    path: Path, cache: TeacherLogits, texts: Sequence[str], about: dict[str, Any], fitted_on: Sequence[str] = ()
) -> None:
    """Write a cache as one Parquet file of text hashes and float16 logits; its manifest travels in the metadata.

    Hidden states go in as their first 16 principal components, which are found on the texts `fitted_on`.
    """
    hashes = [text_hash(text) for text in texts]
    order = sorted(range(len(texts)), key=hashes.__getitem__)
    ordered = [texts[i] for i in order]
    columns = {
        "text_hash": pa.array([hashes[i] for i in order], pa.binary(HASH_BYTES)),
        "logits": _list_array(cache.of(ordered)),
    }
    manifest = {**about, "labels": list(cache.manifest.labels), "corpus": cache.manifest.corpus}
    if cache.manifest.hidden_width:
        mean, axes, share = principal_axes(cache.hidden_of(fitted_on).astype(np.float32), HIDDEN_EXPORTED)
        columns["hidden"] = _list_array((cache.hidden_of(ordered).astype(np.float32) - mean) @ axes)
        manifest["hidden"] = f"{axes.shape[1]} principal components, {share:.1%} of the variance"
    table = pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(manifest, ensure_ascii=False).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, compression="zstd", use_dictionary=False)


def _list_array(values: NDArray[np.floating[Any]]) -> pa.Array:
    flat = pa.array(values.astype(np.float16).ravel(), pa.float16())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def principal_axes(values: NDArray[np.float32], n_axes: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """The mean `[features]` of rows, their first principal axes `[features, n_axes]`, and these' share of the variance."""
    mean = values.mean(axis=0)
    centred = (values - mean).astype(np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    kept = axes[:, ::-1][:, :n_axes].astype(np.float32)
    return mean, kept, float(variances[::-1][:n_axes].sum() / variances.sum())
