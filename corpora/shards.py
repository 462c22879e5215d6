"""A shard: the part of the texts of a teacher-logits cache that one process asks the teacher for, and its files."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune._pairs import in_words
from distune._plural import n_of
from distune.corpora.narrowing import Floats, hidden_in_half, narrowed, narrowest
from distune.corpora.places import Place
from distune.corpora.teacher_logits import Checksums, Logits
from distune.corpora.texts import HASH_BYTES, CorpusError, text_hash

HIDDEN = "the teacher's hidden states"


@dataclass(frozen=True)
class TeacherAnswers:
    """A teacher's answers to texts: logits `[texts, classes]` and, on request, hidden states `[texts, width]`."""

    logits: Logits
    hidden: NDArray[np.floating[Any]] | None = None


TeacherFunction = Callable[[Sequence[str]], TeacherAnswers]


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
            shard.file(name): write_array(self._folder / shard.file(name), values)
            for name, values in (*arrays.items(), ("hashes", shard.hashes))
        }
        # They come last: a shard with its checksums has its answers.
        (self._folder / shard.checksums_file).write_text(json.dumps(written, indent=1))
        return written


def whole_shard(folder: Place, shard: Shard, dtype: str, there: set[str]) -> Checksums:
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


def write_array(place: Place, values: NDArray[Any]) -> str:
    """Write an array and return its file's checksum."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    place.write_bytes(stream.getvalue())
    return hashlib.sha256(stream.getvalue()).hexdigest()


def read_array(place: Place) -> NDArray[Any]:
    values: NDArray[Any] = np.load(io.BytesIO(place.read_bytes()), allow_pickle=False)
    return values
