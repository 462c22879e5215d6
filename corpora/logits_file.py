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

from corpora.files import read_table
from corpora.logits_filling import TeacherAnswers
from corpora.narrowing import Floats, hidden_in_half, narrowed, narrowest, with_classes
from corpora.teacher_logits import Logits, TeacherLogits, missing_message
from corpora.texts import HASH_BYTES, CorpusError, text_hash

ABOUT = b"distune"
SMALLEST_PROBABILITY = 1e-7
FLOOR = np.log(np.float32(SMALLEST_PROBABILITY))
"""The logit of a class to which a file gives the probability 0."""
HIDDEN_EXPORTED = 16


@dataclass(frozen=True)
class LogitsFile:
    """A file's logits by text hash; `about` is what the file says of its teacher, empty for a foreign file."""

    path: Path
    rows: dict[bytes, int]
    logits: Logits
    hidden: NDArray[np.float16] | None
    about: dict[str, Any]

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

    @property
    def n_floored(self) -> int:
        """In how many rows a class has the probability 0, or one below 1e-7."""
        return int((self.logits == FLOOR).any(axis=1).sum())

    def fingerprint(self) -> str:
        """16 hex digits over the content."""
        digest = hashlib.blake2b(b"".join(self.rows), digest_size=8)
        digest.update(np.ascontiguousarray(self.logits).tobytes())
        if self.hidden is not None:
            digest.update(np.ascontiguousarray(self.hidden).tobytes())
        return digest.hexdigest()


def read_logits_file(path: Path, labels: Sequence[str]) -> LogitsFile:
    """Read a Parquet or CSV file of one row for each text.

    A column `text`, or `text_hash` (`corpora.texts.text_hash`, bytes or hex); and the logits as a list column `logits`
    in the order of `labels` or as columns `logit_LABEL`; or `probabilities` and `probability_LABEL` likewise, whose
    logarithm serves as logits up to a constant. A list column `hidden` may hold hidden states of the teacher, of any
    one width. Raises CorpusError for anything else.
    """
    table = read_table(path, strings=("text", "text_hash"))
    about = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
    if about and tuple(about["labels"]) != tuple(labels):
        raise CorpusError(f"{path} holds logits for the labels {', '.join(about['labels'])}, "
                          f"but the corpus has {', '.join(labels)}")  # fmt: skip
    values = _values(table, path, labels)
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
        hidden = hidden_in_half(_list_column(table["hidden"], path, "hidden", len(first or [])), f"{path}, hidden")
    return LogitsFile(path, rows, values, hidden, about)


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


def _values(table: pa.Table, path: Path, labels: Sequence[str]) -> Logits:
    for list_name, prefix, are_probabilities in (("logits", "logit_", False), ("probabilities", "probability_", True)):
        columns = [f"{prefix}{label}" for label in labels]
        if list_name in table.column_names:
            values = _list_column(table[list_name], path, list_name, len(labels))
        elif any(name.startswith(prefix) for name in table.column_names):
            found = [name for name in table.column_names if name.startswith(prefix)]
            if sorted(found) != sorted(columns):
                raise CorpusError(
                    f"{path}: has {', '.join(found)}, but the corpus' labels ask for {', '.join(columns)}"
                )
            values = np.stack([table[name].to_numpy() for name in columns], axis=1).astype(np.float64)
        else:
            continue
        in_float32 = narrowed(values, "float32", str(path))
        return _log(in_float32, path) if are_probabilities else in_float32
    raise CorpusError(f"{path}: no logits: needs a list column logits or probabilities, or columns logit_LABEL or "
                      f"probability_LABEL; its columns are {', '.join(table.column_names)}")  # fmt: skip


def _list_column(column: pa.ChunkedArray, path: Path, name: str, width: int) -> NDArray[np.float64]:
    rows = column.to_pylist()
    found = {len(row or ()) for row in rows} - {width}
    if found:
        what = f"{width} classes in each row, as the corpus has" if name != "hidden" else f"{width} values in each row"
        raise CorpusError(f"{path}: {name} must have {what}, but a row has {min(found)}")
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _log(probabilities: Floats, path: Path) -> Logits:
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or np.abs(sums - 1).max(initial=0.0) > 0.01:
        raise CorpusError(f"{path}: probabilities must be >= 0 and add up to 1, but a row adds up to "
                          f"{sums[np.abs(sums - 1).argmax()]:.3f}")  # fmt: skip
    clipped = np.clip(probabilities, SMALLEST_PROBABILITY, 1.0)
    logs = np.where(probabilities <= np.float32(SMALLEST_PROBABILITY), FLOOR, np.log(clipped))
    return with_classes(logs, probabilities.argmax(axis=1)) if logs.size else logs


def write_logits_file(
    path: Path, cache: TeacherLogits, texts: Sequence[str], about: dict[str, Any], fitted_on: Sequence[str] = ()
) -> str:
    """Write a cache as one Parquet file of text hashes and logits; its manifest travels in the metadata.

    The logits are in float16, or in float32 where float16 would change them; returns the name of their type. Hidden states
    go in as their first 16 principal components, which are found on the texts `fitted_on`.
    """
    hashes = [text_hash(text) for text in texts]
    order = sorted(range(len(texts)), key=hashes.__getitem__)
    ordered = [texts[i] for i in order]
    logits = narrowest(cache.of(ordered))
    columns = {
        "text_hash": pa.array([hashes[i] for i in order], pa.binary(HASH_BYTES)),
        "logits": _list_array(logits),
    }
    manifest = {**about, "labels": list(cache.manifest.labels), "corpus": cache.manifest.corpus}
    if cache.manifest.hidden_width:
        mean, axes, share = principal_axes(cache.hidden_of(fitted_on).astype(np.float32), HIDDEN_EXPORTED)
        components = (cache.hidden_of(ordered).astype(np.float32) - mean) @ axes
        columns["hidden"] = _list_array(
            hidden_in_half(components, f"{path}, principal components of the hidden states")
        )
        manifest["hidden"] = f"{axes.shape[1]} principal components, {share:.1%} of the variance"
    table = pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(manifest, ensure_ascii=False).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, compression="zstd", use_dictionary=False)
    return str(logits.dtype)


def _list_array(values: Floats) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def principal_axes(values: NDArray[np.float32], n_axes: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """The mean `[features]` of rows, their first principal axes `[features, n_axes]`, and these' share of the variance."""
    mean = values.mean(axis=0)
    centred = (values - mean).astype(np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    kept = axes[:, ::-1][:, :n_axes].astype(np.float32)
    whole = variances.sum()
    share = float(variances[::-1][:n_axes].sum() / whole) if whole > 0 else 1.0  # Where all rows are alike.
    return mean, kept, share
