"""Filling the teacher-logits cache: shard by shard, by this process or by many that see the same folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distune.corpora.places import Place
from distune.corpora.shards import Shard, ShardWriter, TeacherFunction, read_array, whole_shard, write_array
from distune.corpora.teacher_logits import (
    INDEX,
    MANIFEST,
    CacheKey,
    Checksums,
    Manifest,
    TeacherLogits,
    halves,
    open_cache,
)

_log = logging.getLogger(__name__)
SHARD_ROWS = 8192
MIN_SHARD_ROWS, N_STEPS = 256, 50


@dataclass(frozen=True)
class ShardForm:
    """How a cache is written: the type of its logits, the number of texts in a shard, and the function that is called
    at first and after each.

    In a float16 cache, a shard with logits that float16 would change too much is in float32.
    """

    dtype: Literal["float16", "float32"] = "float32"
    rows: int = SHARD_ROWS
    progress: Callable[[int, int], None] = lambda done, total: None


def rows_of_shard(n_texts: int) -> int:
    """How many texts to a shard, so that little is lost with one, its end is soon seen, and large corpora have few files."""
    return min(SHARD_ROWS, max(MIN_SHARD_ROWS, n_texts // N_STEPS))


@dataclass(frozen=True)
class Source:
    """The teacher that answers: how a process gets the teacher, what is known of it, and who calls the writer for each of the shards, which is
    answered by its place among them."""

    load: Callable[[], TeacherFunction]
    about: dict[str, Any]
    map: Callable[[ShardWriter, Sequence[Shard]], Iterable[tuple[int, Checksums]]] = lambda writer, shards: enumerate(
        map(writer, shards)
    )


def fill_cache(
    root: Place, key: CacheKey, texts: Sequence[str], source: Source, form: ShardForm = ShardForm()
) -> TeacherLogits:
    """Ask the teacher for every text, shard by shard; whole shards of an interrupted run are kept, and a line says of how many
    others it asks again.

    Texts are sorted by length over all shards, the longest first: little is computed on padding, and a lack of memory
    shows at once. Raises CorpusError as ShardWriter does.
    """
    folder = key.folder(root)
    shards = _shards(texts, form.rows)
    checksums = _kept(folder, shards, form.dtype)
    missing = [shard for shard in shards if shard.file("logits") not in checksums]
    n_done = len(texts) - sum(len(shard.texts) for shard in missing)
    writer = ShardWriter(folder, key.labels, form.dtype, source.load)
    form.progress(n_done, len(texts))
    for place, written in source.map(writer, missing):
        checksums |= written
        n_done += len(missing[place].texts)
        form.progress(n_done, len(texts))
    checksums[INDEX] = write_array(folder / INDEX, _index(shards))
    manifest = Manifest(
        teacher=key.teacher,
        corpus=key.corpus,
        labels=key.labels,
        n_texts=len(texts),
        dtype=form.dtype,
        checksums=dict(sorted(checksums.items())),
        about=source.about,
        hidden_width=_hidden_width(folder, shards, checksums),
    )
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False))
    return open_cache(root, key)


def _shards(texts: Sequence[str], n_rows: int) -> list[Shard]:
    ordered = sorted(texts, key=len, reverse=True)
    return [Shard(n, tuple(ordered[start : start + n_rows])) for n, start in enumerate(range(0, len(ordered), n_rows))]


def _kept(folder: Place, shards: Sequence[Shard], dtype: str) -> Checksums:
    """The checksums of the shards that an interrupted run has left whole."""
    there = set(folder.names())
    checksums: Checksums = {}
    n_refused = 0
    for shard in shards:
        kept = whole_shard(folder, shard, dtype, there)
        n_refused += not kept and shard.file("logits") in there
        checksums |= kept
    if n_refused:
        _log.info(
            f"teacher logits: {n_refused} of {len(shards)} shards in {folder} are computed again: they are not whole, have "
            "changed since they were written, or are of an older Distune or other settings"
        )
    return checksums


def _hidden_width(folder: Place, shards: Sequence[Shard], checksums: Checksums) -> int:
    if not shards or shards[0].file("hidden") not in checksums:
        return 0
    return int(read_array(folder / shards[0].file("hidden")).shape[1])


def _index(shards: Iterable[Shard]) -> NDArray[np.uint64]:
    hashes = halves(b"".join(shard.hashes.tobytes() for shard in shards))
    rows = np.arange(len(hashes), dtype=np.uint64)[:, None]
    return np.concatenate([hashes, rows], axis=1)[np.argsort(hashes[:, 0], kind="stable")]
