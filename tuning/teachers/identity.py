"""Is it still the same? The content decides whether something kept may be used again: never a name, size, path or
time."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from distune._kinds import kind_of
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.tokens import AnyTokensConfig, WordPieceConfig, WordsConfig
from distune.models.students.config import StudentShape
from distune.models.teacher.hub import commit_of
from distune.models.vectors.config import AnyVectorsConfig, FileVectorsConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import is_ours, plug_identity

SAYS_NOTHING = (".md", ".log", ".png", ".jpg", ".svg")
"""Endings of files that change no answer of a checkpoint."""
LEFT_BY_TRAINING = (
    "optimizer.pt",
    "scheduler.pt",
    "scaler.pt",
    "rng_state.pth",
    "training_args.bin",
    "trainer_state.json",
    "LICENSE",
    "NOTICE",
)
FOLDERS_LEFT_BY_TRAINING = ("runs", "logs", "wandb", "checkpoint-", "global_step")
"""How folders begin in which a training keeps its logs and its earlier states."""
ADAPTER = "adapter_config.json"


def digest(parts: Any) -> str:
    """16 hex digits over a JSON value."""
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


def content_of(file: Path) -> str:
    """16 hex digits over the bytes of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def checkpoint_identity(checkpoint: str | None, commit: str | None) -> Any:
    """The identity of a checkpoint: the content of every file of a folder that may change an answer, or the commit of a
    hub.

    An adapter is known by what it adapts too. Raises ModelError for an adapter whose base cannot be found.
    """
    if checkpoint is None or not Path(checkpoint).is_dir():
        return None if checkpoint is None else [checkpoint, commit]
    found: list[Any] = []
    for name, file in _files(Path(checkpoint)):
        found.append([name, content_of(file)])
        if file.name == ADAPTER:
            found.append(_base_of(file))
    return found


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder that may change an answer, by their paths in it; links are followed, each folder once."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(one for one in folders if _counts(one, FOLDERS_LEFT_BY_TRAINING))
        for name in sorted(names) if real not in seen else ():
            file = Path(place) / name
            if _counts(name, ()) and file.is_file():
                yield file.relative_to(folder).as_posix(), file
        seen.add(real)


def _counts(name: str, beginnings: tuple[str, ...]) -> bool:
    is_state = name in LEFT_BY_TRAINING or (name.startswith("rng_state") and name.endswith(".pth"))
    return not (name.startswith((".", *beginnings)) or name.endswith(SAYS_NOTHING) or is_state)


def _base_of(adapter: Path) -> Any:
    settings = json.loads(adapter.read_text(encoding="utf-8"))
    base, revision = settings.get("base_model_name_or_path"), settings.get("revision")
    if not base:
        return None
    return checkpoint_identity(
        base,
        commit_of(base, None if Path(base).is_dir() else revision, f"the base of the LoRA adapter {adapter.parent},"),
    )


def rows_identity(file: FileConfig, labelled: bool, labels: Sequence[str] = ()) -> str:
    """The rows of a file, as it is read: not how it is called or written. Raises CorpusError for one that cannot be read."""
    rows = hashlib.blake2b(digest_size=8)
    for text, label in read_rows(file, labelled, labels):
        rows.update(json.dumps([text, label]).encode())
    return rows.hexdigest()


def trial_files(configs: Sequence[TrialConfig], first_teacher: Any) -> dict[str, Any]:
    """The content of the files that the trials of a space read in addition to the corpus, by the setting that names
    them. These are word vectors, user dictionaries, the files of plugged students, and tokenizers. `first_teacher`
    identifies the first teacher's tokenizer.

    Raises ModelError for a tokenizer that the hub does not have, and StudyError for a file that is not there.
    """
    found: dict[str, Any] = {}
    for config in configs:
        for setting, identity in (
            _of_vectors(config.vectors),
            _of_tokens(config.tokens, first_teacher),
            _of_student(config.student),
        ):
            if setting and setting not in found:
                found[setting] = identity()
    return found


def _of_vectors(vectors: AnyVectorsConfig) -> tuple[str, Callable[[], Any]]:
    if not isinstance(vectors, FileVectorsConfig):
        return "", list
    return f"vectors.path={vectors.path}", partial(_vectors, vectors.path)


def _of_student(student: StudentShape) -> tuple[str, Callable[[], Any]]:
    model = type(student)
    return ("", list) if is_ours(student) else (f"student={kind_of(model)}", partial(plug_identity, model))


def _of_tokens(tokens: AnyTokensConfig, first_teacher: Any) -> tuple[str, Callable[[], Any]]:
    if isinstance(tokens, WordsConfig) and tokens.dictionary:
        return f"tokens.dictionary={tokens.dictionary}", partial(_of_file, tokens.dictionary, "tokens.dictionary")
    if not isinstance(tokens, WordPieceConfig):
        return "", list
    if tokens.checkpoint is None:
        return "tokens of the first teacher", lambda: first_teacher
    return f"tokens.checkpoint={tokens.checkpoint}@{tokens.revision}", partial(
        _tokenizer, tokens.checkpoint, tokens.revision
    )


def _tokenizer(checkpoint: str, revision: str | None) -> Any:
    return checkpoint_identity(checkpoint, commit_of(checkpoint, revision, "the tokenizer of"))


def _vectors(path: Path) -> list[str]:
    """gensim keeps large vectors in files next to a `.kv`, whose names begin with its own."""
    beside = sorted(path.parent.glob(f"{glob.escape(path.name)}.*.npy"))
    return [_of_file(path, "vectors.path"), *(content_of(one) for one in beside)]


def _of_file(path: Path, setting: str) -> str:
    if not path.is_file():
        raise StudyError(f"{setting}: no such file: {path}")
    return content_of(path)
