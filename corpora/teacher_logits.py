"""The teacher-logits cache: a teacher's answer to every text, computed once, kept with the text's own hash.

A cache is a folder of shards, each a few `.npy` files and their checksums, an index of all hashes, and a
`manifest.json` that is written last: a folder with its manifest is whole. Logits, and hidden states on request, are
joined to texts by hash, never by row order. `logits_filling.py` writes it, by the shards of `shards.py`.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from distune._pairs import in_words
from distune._plural import n_of
from distune.corpora.kept import read_object, reading
from distune.corpora.places import Place
from distune.corpora.scratch import make_scratch, remove_scratch
from distune.corpora.texts import HASH_BYTES, CorpusError, text_hash

MANIFEST = "manifest.json"
INDEX = "index.npy"
Logits = NDArray[np.float32]
Checksums = dict[str, str]


@dataclass(frozen=True)
class CacheKey:
    """The identity of a cache: the fingerprints of the teacher (with its tokenizer settings) and of the corpus."""

    teacher: str
    corpus: str
    labels: tuple[str, ...]

    def folder(self, root: Place) -> Place:
        return root / f"{self.teacher}-{self.corpus}"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of a whole cache; `checksums` are those of its files, and `about` describes the teacher."""

    teacher: str
    corpus: str
    labels: tuple[str, ...]
    n_texts: int
    dtype: str
    checksums: Checksums
    about: dict[str, Any] = field(default_factory=dict)
    hidden_width: int = 0
    """The number of features of the hidden states; 0 without hidden states."""


@dataclass(frozen=True)
class CacheFile:
    """A file of an open cache, memory-mapped, whose checksum is verified before its numbers are first given away."""

    place: Place
    """The cache that it belongs to."""
    path: Path
    checksum: str

    @functools.cached_property
    def values(self) -> NDArray[Any]:
        """Raises CorpusError when the file has changed since it was written."""
        if _checksum(self.path) != self.checksum:
            raise _damaged(self.place, self.path.name)
        values: NDArray[Any] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return values


@dataclass(frozen=True)
class TeacherLogits:
    """An open cache. `index` is `[texts, 3]`: the two halves of each hash, sorted, and its row; row `r` is row
    `r % shard_rows` of shard `r // shard_rows`."""

    manifest: Manifest
    shards: tuple[CacheFile, ...]
    hidden_shards: tuple[CacheFile, ...]
    index: CacheFile

    def of(self, texts: Sequence[str]) -> Logits:
        """Logits `[texts, classes]` in float32, joined by hash.

        Raises CorpusError when a text is not in the cache, a file that is read for it is damaged, or it holds a number
        that is not finite. A float16 cache of an older Distune has such numbers for logits beyond 65,504.
        """
        found = self._gather(self.shards, texts, len(self.manifest.labels), np.float32)
        if not np.isfinite(found).all():
            raise CorpusError(
                f"the teacher-logits cache of {self.manifest.teacher} holds logits that are not finite numbers; "
                "`distune cache STUDY --rebuild` makes it again"
            )
        return found

    def hidden_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Hidden states `[texts, width]`, joined by hash; of no width where the cache has none."""
        if not self.hidden_shards:
            return np.empty((len(texts), 0), dtype=np.float16)
        return self._gather(self.hidden_shards, texts, self.manifest.hidden_width, np.float16)

    @property
    def n_wider(self) -> int:
        """How many shards keep their logits in float32 although the cache is one of float16, as float16 would change them."""
        is_half = self.manifest.dtype == "float16"
        return sum(shard.values.dtype != np.float16 for shard in self.shards) if is_half else 0

    def _gather(self, shards: Sequence[CacheFile], texts: Sequence[str], width: int, dtype: type) -> NDArray[Any]:
        rows = self._rows(texts)
        found: NDArray[Any] = np.empty((len(texts), width), dtype=dtype)
        owners, places = np.divmod(rows, len(shards[0].values))
        for number in np.unique(owners):
            chosen = owners == number
            found[chosen] = shards[number].values[places[chosen]]
        return found

    def _rows(self, texts: Sequence[str]) -> NDArray[np.int64]:
        wanted = halves(b"".join(text_hash(text) for text in texts))
        index = self.index.values
        places = np.searchsorted(index[:, 0], wanted[:, 0])
        found = index[np.minimum(places, len(index) - 1)]
        known = (found[:, :2] == wanted).all(axis=1)
        if not known.all():
            raise CorpusError(missing_message("the teacher-logits cache", texts, known.tolist()))
        return found[:, 2].astype(np.int64)


def missing_message(source: str, texts: Sequence[str], known: Sequence[bool]) -> str:
    """Which texts have no logits, in one line."""
    # By what they say: the texts of a corpus are of several files, in an order of its own.
    lacking = [text for text, one in zip(texts, known, strict=True) if not one]
    shown = ", ".join(repr(in_words(text)[:20]) for text in lacking[:3])
    more = ", ..." if lacking[3:] else ""
    return f"{source} lacks {len(lacking):,} of {n_of(len(texts), 'text')} of the corpus: {shown}{more}"


def halves(hashes: bytes) -> NDArray[np.uint64]:
    """`[texts, 2]`: a hash as two numbers. Below 10^8 texts, two texts with the same first half are practically
    impossible; they would be reported as missing."""
    return np.frombuffer(hashes, dtype="<u8").reshape(-1, HASH_BYTES // 8)


def has_cache(root: Place, key: CacheKey) -> bool:
    """Whether there is a whole cache for this teacher and corpus."""
    return (key.folder(root) / MANIFEST).is_file()


def open_cache(root: Place, key: CacheKey) -> TeacherLogits:
    """Open a cache; the checksum of each file is verified when it is first read.

    Files on another machine are copied to this one first, for as long as the cache is open. Raises CorpusError for a
    cache that is not there or lacks a file, or that belongs to another corpus or teacher.
    """
    place = key.folder(root)
    if not (place / MANIFEST).is_file():
        raise CorpusError(f"no whole teacher-logits cache at {place}; `distune cache STUDY` fills it")
    manifest = _manifest(place)
    for name, found, expected in (
        ("corpus", manifest.corpus, key.corpus),
        ("teacher", manifest.teacher, key.teacher),
        ("labels", manifest.labels, key.labels),
    ):
        if found != expected:
            raise CorpusError(
                f"the cache {place} belongs to another {name}: {found!s:.200}, not {expected!s:.200}; "
                "`distune cache STUDY --rebuild` makes it again"
            )
    if INDEX not in manifest.checksums:
        raise CorpusError(f"the cache {place} was written by an older Distune; remove it, and it is made again")
    folder, lock = (place.path, None) if place.path is not None else _copied(place)
    there = {path.name for path in folder.iterdir()}
    for file in manifest.checksums:
        if file not in there:
            raise _damaged(place, file)

    def files(kind: str) -> tuple[CacheFile, ...]:
        names = sorted(name for name in manifest.checksums if name.startswith(kind))
        return tuple(CacheFile(place, folder / name, manifest.checksums[name]) for name in names)

    cache = TeacherLogits(manifest, files("logits"), files("hidden"), files("index")[0])
    if lock is not None:
        weakref.finalize(cache, remove_scratch, folder, lock)
    return cache


def _manifest(place: Place) -> Manifest:
    advice = "`distune cache STUDY --rebuild` makes the cache again"
    raw = read_object(place / MANIFEST, advice)
    with reading(place / MANIFEST, advice):
        return TypeAdapter(Manifest).validate_python(raw)


def _copied(place: Place) -> tuple[Path, int]:
    folder, lock = make_scratch()
    with place.to_read() as read:
        shutil.copytree(read, folder, dirs_exist_ok=True)
    return folder, lock


def _damaged(place: Place, file: str) -> CorpusError:
    return CorpusError(
        f"the cache {place} is damaged: {file:.80} is missing or has changed; "
        "`distune cache STUDY --rebuild` makes it again"
    )


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
