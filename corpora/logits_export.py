"""A cache of teacher logits as one small file, which `logits_file.py` reads anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from distune.corpora.logits_table import ABOUT
from distune.corpora.narrowing import Floats, hidden_in_half, narrowest
from distune.corpora.teacher_logits import TeacherLogits
from distune.corpora.texts import HASH_BYTES, text_hash

HIDDEN_EXPORTED = 16


def write_logits_file(
    path: Path, cache: TeacherLogits, texts: Sequence[str], about: dict[str, Any], fitted_on: Sequence[str] = ()
) -> str:
    """Write a cache as one Parquet file of text hashes and logits; its manifest travels in the metadata.

    The logits are in float16, or in float32 if float16 would change them; returns the name of their type. Hidden states
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
