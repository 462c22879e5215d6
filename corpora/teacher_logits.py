"""The teacher-logits cache: what a teacher says of every text, computed once, kept beside the text's own hash.

A cache is a folder of shards, each a few `.npy` files, and a `manifest.json` that is written last: a folder with
its manifest is whole. Logits, and the hidden states where they are asked for, are joined to texts by hash, never by row
order.
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
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TeacherAnswers:
    """What a teacher says of texts: logits `[texts, classes]` and, where asked for, hidden states `[texts, width]`."""

    logits: Logits
    hidden: NDArray[np.floating[Any]] | None = None


TeacherFunction = Callable[[Sequence[str]], TeacherAnswers]


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
    hidden_width: int = 0
    """Features of the hidden states beside the logits; 0 where there are none."""


@dataclass(frozen=True)
class TeacherLogits:
    """An open cache: `rows` says in which row of which memory-mapped shard a text's answers stand."""

    manifest: Manifest
    shards: tuple[NDArray[np.floating[Any]], ...]
    hidden_shards: tuple[NDArray[np.float16], ...]
    rows: dict[bytes, tuple[int, int]]

    def of(self, texts: Sequence[str]) -> Logits:
        """Logits `[texts, classes]` in float32, joined by hash.

        Raises CorpusError when a text is not in the cache.
        """
        logits = np.empty((len(texts), len(self.manifest.labels)), dtype=np.float32)
        for row, (shard, place) in enumerate(self._places(texts)):
            logits[row] = self.shards[shard][place]
        return logits

    def hidden_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Hidden states `[texts, width]`, joined by hash; of no width where the cache has none."""
        hidden = np.empty((len(texts), self.manifest.hidden_width), dtype=np.float16)
        if self.hidden_shards:
            for row, (shard, place) in enumerate(self._places(texts)):
                hidden[row] = self.hidden_shards[shard][place]
        return hidden

    def _places(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        places = [self.rows.get(text_hash(text)) for text in texts]
        if None in places:
            raise CorpusError(missing_message("the teacher-logits cache", texts, [p is not None for p in places]))
        return [place for place in places if place is not None]


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
        logits, hidden, hashed = (f"{name}-{number:05d}.npy" for name in ("logits", "hidden", "hashes"))
        if not _is_whole(folder, (logits, hashed), hashes, form.dtype):
            answers = _checked(teacher(part), part, key)
            _write_array(folder / logits, answers.logits.astype(form.dtype))
            if answers.hidden is not None:
                _write_array(folder / hidden, answers.hidden.astype(np.float16))
            # The hashes come last: a shard with them has its answers.
            _write_array(folder / hashed, hashes)
        names = [name for name in (logits, hidden, hashed) if (folder / name).is_file()]
        checksums |= {name: _checksum(folder / name) for name in names}
        form.progress(start + len(part), len(texts))
    states = [name for name in checksums if name.startswith("hidden")]
    width = int(np.load(folder / states[0], mmap_mode="r", allow_pickle=False).shape[1]) if states else 0
    manifest = Manifest(key.teacher, key.corpus, key.labels, len(texts), form.dtype, checksums, about, width)
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
    states = sorted(name for name in manifest.checksums if name.startswith("hidden"))
    hidden_shards = tuple(np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in states)
    rows: dict[bytes, tuple[int, int]] = {}
    for shard, name in enumerate(names):
        hashes = np.load(folder / name.replace("logits", "hashes"), allow_pickle=False)
        rows |= {one.tobytes(): (shard, place) for place, one in enumerate(hashes)}
    return TeacherLogits(manifest, shards, hidden_shards, rows)


def _is_whole(folder: Path, names: tuple[str, str], hashes: NDArray[np.uint8], dtype: str) -> bool:
    if not all((folder / name).is_file() for name in names):
        return False
    logits, kept = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in names)
    return bool(logits.dtype == dtype and np.array_equal(kept, hashes))


def _checked(answers: TeacherAnswers, texts: Sequence[str], key: CacheKey) -> TeacherAnswers:
    logits, hidden = answers.logits, answers.hidden
    if logits.shape != (len(texts), len(key.labels)):
        raise CorpusError(f"the teacher must give logits of shape [{len(texts)}, {len(key.labels)}], one for each of "
                          f"the labels {', '.join(key.labels)}, but gave {list(logits.shape)}")  # fmt: skip
    if hidden is not None and len(hidden) != len(texts):
        raise CorpusError(f"the teacher must give {len(texts)} rows of hidden states, but gave {len(hidden)}")
    if not np.isfinite(logits).all() or not (hidden is None or np.isfinite(hidden.astype(np.float16)).all()):
        raise CorpusError("the teacher gave logits or hidden states that are not finite numbers (in float16)")
    return answers


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
