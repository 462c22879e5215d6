"""The teacher-logits cache: what a teacher says of every text, computed once, kept beside the text's own hash.

A cache is a folder of shards, each a pair of `.npy` files, and a `manifest.json` that is written last: a folder with
its manifest is whole. Logits are joined to texts by hash, never by row order.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from corpora.texts import HASH_BYTES, CorpusError, text_hash

MANIFEST = "manifest.json"
SHARD_ROWS = 8192
Logits = NDArray[np.float32]
TeacherFunction = Callable[[Sequence[str]], Logits]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CacheKey:
    """What a cache belongs to: the fingerprints of the teacher (with its tokenizer settings) and of the corpus."""

    teacher: str
    corpus: str
    labels: tuple[str, ...]

    def folder(self, root: Path) -> Path:
        return root / f"{self.teacher}-{self.corpus}"


@dataclass(frozen=True)
class Manifest:
    """What a whole cache holds; `checksums` are of the shard files, `about` is what is known of the teacher."""

    teacher: str
    corpus: str
    labels: tuple[str, ...]
    n_texts: int
    dtype: str
    checksums: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherLogits:
    """An open cache: `rows` says in which row of which memory-mapped shard a text's logits stand."""

    manifest: Manifest
    shards: tuple[NDArray[np.floating[Any]], ...]
    rows: dict[bytes, tuple[int, int]]

    def of(self, texts: Sequence[str]) -> Logits:
        """Logits `[texts, classes]` in float32, joined by hash.

        Raises CorpusError when a text is not in the cache.
        """
        places = [self.rows.get(text_hash(text)) for text in texts]
        if None in places:
            raise CorpusError(missing_message("the teacher-logits cache", texts, [p is not None for p in places]))
        logits = np.empty((len(texts), len(self.manifest.labels)), dtype=np.float32)
        for row, (shard, place) in enumerate(p for p in places if p is not None):
            logits[row] = self.shards[shard][place]
        return logits


@dataclass(frozen=True)
class ShardForm:
    """How a cache is written: the type of its numbers, how many texts to a shard, and who is told after each."""

    dtype: Literal["float16", "float32"] = "float32"
    rows: int = SHARD_ROWS
    progress: Progress = lambda done, total: None


def missing_message(source: str, texts: Sequence[str], known: Sequence[bool]) -> str:
    """Which texts have no logits, in one line."""
    rows = [row for row, one in enumerate(known) if not one]
    shown = ", ".join(f"{row} ({texts[row][:20]!r})" for row in rows[:3])
    return f"{source} lacks {len(rows)} of {len(texts)} texts of the corpus: rows {shown}{', ...' if rows[3:] else ''}"


def fill_cache(
    root: Path,
    key: CacheKey,
    texts: Sequence[str],
    teacher: TeacherFunction,
    about: dict[str, Any],
    form: ShardForm = ShardForm(),
) -> TeacherLogits:
    """Ask the teacher for every text, shard by shard; whole shards of an interrupted run are kept.

    Raises CorpusError when the teacher gives another shape than `[texts, classes]`, or a value that is not finite.
    """
    folder = key.folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    checksums: dict[str, str] = {}
    for number, start in enumerate(range(0, len(texts), form.rows)):
        part = texts[start : start + form.rows]
        hashes = np.frombuffer(b"".join(text_hash(text) for text in part), dtype=np.uint8).reshape(-1, HASH_BYTES)
        names = (f"logits-{number:05d}.npy", f"hashes-{number:05d}.npy")
        if not _is_whole(folder, names, hashes, form.dtype):
            # The hashes come last: a shard with them has its logits.
            for name, values in zip(
                names, (_checked(teacher(part), part, key).astype(form.dtype), hashes), strict=True
            ):
                _write_array(folder / name, values)
        checksums |= {name: _checksum(folder / name) for name in names}
        form.progress(start + len(part), len(texts))
    manifest = Manifest(key.teacher, key.corpus, key.labels, len(texts), form.dtype, checksums, about)
    _write_bytes(folder / MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode())
    return open_cache(root, key)


def has_cache(root: Path, key: CacheKey) -> bool:
    """Whether there is a whole cache for this teacher and corpus."""
    return (key.folder(root) / MANIFEST).is_file()


def open_cache(root: Path, key: CacheKey) -> TeacherLogits:
    """Open a cache memory-mapped, after verifying every shard's checksum.

    Raises CorpusError for a cache that is not there or damaged, or that belongs to another corpus or teacher.
    """
    folder = key.folder(root)
    if not (folder / MANIFEST).is_file():
        raise CorpusError(f"no whole teacher-logits cache at {folder}; `distune cache STUDY` fills it")
    raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest = Manifest(**{**raw, "labels": tuple(raw["labels"])})
    for name, found, expected in (
        ("corpus", manifest.corpus, key.corpus),
        ("teacher", manifest.teacher, key.teacher),
        ("labels", manifest.labels, key.labels),
    ):
        if found != expected:
            raise CorpusError(f"the cache {folder} belongs to another {name}: {found}, not {expected}; "
                              "`distune cache STUDY --rebuild` makes it again")  # fmt: skip
    for file, checksum in manifest.checksums.items():
        if not (folder / file).is_file() or _checksum(folder / file) != checksum:
            raise CorpusError(f"the cache {folder} is damaged: {file} is missing or has changed; "
                              "`distune cache STUDY --rebuild` makes it again")  # fmt: skip
    names = sorted(name for name in manifest.checksums if name.startswith("logits"))
    shards = tuple(np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names)
    rows: dict[bytes, tuple[int, int]] = {}
    for shard, name in enumerate(names):
        hashes = np.load(folder / name.replace("logits", "hashes"), allow_pickle=False)
        rows |= {one.tobytes(): (shard, place) for place, one in enumerate(hashes)}
    return TeacherLogits(manifest, shards, rows)


def _is_whole(folder: Path, names: tuple[str, str], hashes: NDArray[np.uint8], dtype: str) -> bool:
    if not all((folder / name).is_file() for name in names):
        return False
    logits, kept = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names)
    return bool(logits.dtype == dtype and np.array_equal(kept, hashes))


def _checked(logits: Logits, texts: Sequence[str], key: CacheKey) -> Logits:
    if logits.shape != (len(texts), len(key.labels)):
        raise CorpusError(f"the teacher must give logits of shape [{len(texts)}, {len(key.labels)}], one for each of "
                          f"the labels {', '.join(key.labels)}, but gave {list(logits.shape)}")  # fmt: skip
    if not np.isfinite(logits).all():
        raise CorpusError("the teacher gave logits that are not finite numbers")
    return logits


def _write_array(path: Path, values: NDArray[Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.save(file, values, allow_pickle=False)
    os.replace(unfinished, path)


def _write_bytes(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
