"""Filling the teacher-logits cache: shard by shard, by this process or by many that see the same folder."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distune._pairs import in_words
from distune._plural import n_of
from distune.corpora.narrowing import Floats, hidden_in_half, narrowed, narrowest
from distune.corpora.places import Place
from distune.corpora.teacher_logits import (
    INDEX,
    MANIFEST,
    CacheKey,
    Checksums,
    Logits,
    Manifest,
    TeacherLogits,
    halves,
    open_cache,
)
from distune.corpora.texts import HASH_BYTES, CorpusError, text_hash

_log = logging.getLogger(__name__)
SHARD_ROWS = 8192
MIN_SHARD_ROWS, N_STEPS = 256, 50
HIDDEN = "the teacher's hidden states"


@dataclass(frozen=True)
class TeacherAnswers:
    """A teacher's answers to texts: logits `[texts, classes]` and, on request, hidden states `[texts, width]`."""

    logits: Logits
    hidden: NDArray[np.floating[Any]] | None = None


TeacherFunction = Callable[[Sequence[str]], TeacherAnswers]


@dataclass(frozen=True)
class ShardForm:
    """How a cache is written: the type of its logits, the number of texts in a shard, and the function that is called
    at first and after each.

    In a float16 cache, a shard with logits that float16 would change too much is in float32.
    """

    dtype: Literal["float16", "float32"] = "float32"
    rows: int = SHARD_ROWS
    progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True)
class Shard:
    """A part of the texts, which one process asks the teacher for."""

    number: int
    texts: tuple[str, ...]

    @property
    def hashes(self) -> NDArray[np.uint8]:
        joined = b"".join(text_hash(text) for text in self.texts)
        return np.frombuffer(joined, dtype=np.uint8).reshape(-1, HASH_BYTES)

    def file(self, name: str) -> str:
        return f"{name}-{self.number:05d}.npy"

    @property
    def checksums_file(self) -> str:
        return f"shard-{self.number:05d}.json"


def rows_of_shard(n_texts: int) -> int:
    """How many texts to a shard, so that little is lost with one, its end is soon seen, and large corpora have few files."""
    return min(SHARD_ROWS, max(MIN_SHARD_ROWS, n_texts // N_STEPS))


class ShardWriter:
    """Asks a teacher for the texts of shards and writes its answers; the teacher is loaded at the first one."""

    def __init__(
        self, folder: Place, labels: tuple[str, ...], dtype: str, load_teacher: Callable[[], TeacherFunction]
    ) -> None:
        self._folder, self._labels, self._dtype = folder, labels, dtype
        self._load_teacher = load_teacher
        self._teacher: TeacherFunction | None = None

    def __call__(self, shard: Shard) -> Checksums:
        """Write one shard and return the checksums of its files.

        Raises CorpusError when the teacher gives another shape than `[texts, classes]`, or a value that is not finite
        or beyond the type in which it is kept.
        """
        if self._teacher is None:
            self._teacher = self._load_teacher()
        answers = _checked(self._teacher(shard.texts), shard.texts, self._labels)
        arrays: dict[str, NDArray[Any]] = {"logits": _in_type(answers.logits, self._dtype)}
        if answers.hidden is not None:
            arrays["hidden"] = hidden_in_half(answers.hidden, HIDDEN)
        written = {
            shard.file(name): _write_array(self._folder / shard.file(name), values)
            for name, values in (*arrays.items(), ("hashes", shard.hashes))
        }
        # They come last: a shard with its checksums has its answers.
        (self._folder / shard.checksums_file).write_text(json.dumps(written, indent=1))
        return written


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
    ordered = sorted(texts, key=len, reverse=True)
    shards = [
        Shard(n, tuple(ordered[start : start + form.rows])) for n, start in enumerate(range(0, len(ordered), form.rows))
    ]
    there = set(folder.names())
    checksums: Checksums = {}
    missing, n_done, n_refused = [], 0, 0
    for shard in shards:
        kept = _whole_shard(folder, shard, form.dtype, there)
        n_refused += not kept and shard.file("logits") in there
        checksums |= kept
        missing += [] if kept else [shard]
        n_done += len(shard.texts) if kept else 0
    if n_refused:
        _log.info(
            f"teacher logits: {n_refused} of {len(shards)} shards in {folder} are computed again: they are not whole, have "
            "changed since they were written, or are of an older Distune or other settings"
        )
    writer = ShardWriter(folder, key.labels, form.dtype, source.load)
    form.progress(n_done, len(texts))
    for place, written in source.map(writer, missing):
        checksums |= written
        n_done += len(missing[place].texts)
        form.progress(n_done, len(texts))
    checksums[INDEX] = _write_array(folder / INDEX, _index(shards))
    width = 0
    if shards and shards[0].file("hidden") in checksums:
        width = int(_read_array(folder / shards[0].file("hidden")).shape[1])
    manifest = Manifest(
        teacher=key.teacher,
        corpus=key.corpus,
        labels=key.labels,
        n_texts=len(texts),
        dtype=form.dtype,
        checksums=dict(sorted(checksums.items())),
        about=source.about,
        hidden_width=width,
    )
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False))
    return open_cache(root, key)


def _index(shards: Iterable[Shard]) -> NDArray[np.uint64]:
    hashes = halves(b"".join(shard.hashes.tobytes() for shard in shards))
    rows = np.arange(len(hashes), dtype=np.uint64)[:, None]
    return np.concatenate([hashes, rows], axis=1)[np.argsort(hashes[:, 0], kind="stable")]


def _whole_shard(folder: Place, shard: Shard, dtype: str, there: set[str]) -> Checksums:
    """The checksums of a shard that an earlier run has written; nothing if it is incomplete, has changed, or has
    other texts. A shard without checksums comes from an older Distune and may be anything."""
    written = _checksums(folder, shard, there)
    if not written or not written.keys() <= there:
        return {}
    contents = {name: (folder / name).read_bytes() for name in written}
    if any(hashlib.sha256(contents[name]).hexdigest() != checksum for name, checksum in written.items()):
        return {}
    logits = np.load(io.BytesIO(contents[shard.file("logits")]), allow_pickle=False)
    kept = np.load(io.BytesIO(contents[shard.file("hashes")]), allow_pickle=False)
    if logits.dtype != _in_type(logits, dtype).dtype or not np.array_equal(kept, shard.hashes):
        return {}
    return written


def _checksums(folder: Place, shard: Shard, there: set[str]) -> Checksums:
    """The files of a shard by its own record; nothing if the record is damaged."""
    if shard.checksums_file not in there:
        return {}
    try:
        written = json.loads((folder / shard.checksums_file).read_bytes())
    except (ValueError, RecursionError):
        return {}
    known = {shard.file(name) for name in ("logits", "hidden", "hashes")}
    needed = {shard.file(name) for name in ("logits", "hashes")}
    is_whole = isinstance(written, dict) and needed <= written.keys() <= known
    return written if is_whole else {}


def _checked(answers: TeacherAnswers, texts: Sequence[str], labels: Sequence[str]) -> TeacherAnswers:
    logits, hidden = answers.logits, answers.hidden
    if logits.shape != (len(texts), len(labels)):
        raise CorpusError(
            f"the teacher must give logits of shape [{len(texts)}, {len(labels)}], one for each of "
            f"the labels {', '.join(labels)}, but gave {list(logits.shape)}"
        )
    if hidden is not None and len(hidden) != len(texts):
        raise CorpusError(f"the teacher must give {n_of(len(texts), 'row')} of hidden states, but gave {len(hidden)}")
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise CorpusError(
            f"the teacher gave logits that are not finite numbers, such as {logits[row].tolist()} for "
            f"{in_words(texts[row])[:20]!r}; see that the checkpoint is whole, and was not trained to NaN"
        )
    if hidden is not None and not np.isfinite(hidden).all():
        raise CorpusError(
            f"{HIDDEN} are not finite numbers in float16, in which they are kept; leave out "
            "teacher.hidden_states, or name another layer"
        )
    return answers


def _in_type(logits: Floats, dtype: str) -> Floats:
    """Logits as a cache of this type keeps them."""
    return narrowest(logits) if dtype == "float16" else narrowed(logits, "float32", "the teacher's logits")


def _write_array(place: Place, values: NDArray[Any]) -> str:
    """Write an array and return its file's checksum."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    place.write_bytes(stream.getvalue())
    return hashlib.sha256(stream.getvalue()).hexdigest()


def _read_array(place: Place) -> NDArray[Any]:
    values: NDArray[Any] = np.load(io.BytesIO(place.read_bytes()), allow_pickle=False)
    return values
