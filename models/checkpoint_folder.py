"""Whether a checkpoint folder is whole, by the checksums of its files; it needs Python alone.

A copy of this file travels with every checkpoint in its package `distune_student`: it imports nothing of the project.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import ClassVar

SUMS = "SHA256SUMS"
"""The checksums of a folder's files without README.md, which may be edited; `sha256sum -c` reads them too. Folders
of earlier versions have none."""
_SUM = re.compile(r"([0-9a-f]{64})  ([^/\\\n]{1,60}(?:/[^/\\\n]{1,60}){0,9})")
"""A line of them; systems refuse to look for a longer name, each by another error."""
RESERVED = ["[PAD]", "[UNK]"]
"""How every vocabulary begins."""
FILES = ("model.onnx", "weights.safetensors", "config.json", "vocabulary.txt", "labels.json", "README.md")
PULL_AGAIN = "pull or copy the folder again"


class CheckpointError(ValueError):
    """A folder that is no checkpoint; the message says what it lacks."""

    exit_code: ClassVar[int] = 2


def check_folder(folder: Path, has_weights: bool = False) -> None:
    """Raise CheckpointError unless the folder holds every file of a checkpoint, unchanged. Checksums show this. A
    folder from before them is checked as far as possible without opening its graph.

    Answers need no `weights.safetensors`, so its checksum is checked only on request.
    """
    if not folder.is_dir():
        raise CheckpointError(f"no such checkpoint folder: {folder}")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"{folder} is no checkpoint folder: it lacks {', '.join(missing)}")
    config, labels = (read_json(folder / name) for name in ("config.json", "labels.json"))
    if not isinstance(config, dict) or not isinstance(config.get("tokens"), dict):
        raise CheckpointError(f"{folder}: config.json must be a mapping with the settings `tokens`; {PULL_AGAIN}")
    if not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
        raise CheckpointError(f"{folder}: labels.json must be a list of names; {PULL_AGAIN}")
    if len({*labels}) < max(len(labels), 1):
        raise CheckpointError(f"{folder}: labels.json has a name twice, or none; {PULL_AGAIN}")
    _check_vocabulary(folder, config)
    if (folder / SUMS).exists():
        _check_sums(folder, has_weights)


def _check_vocabulary(folder: Path, config: dict[str, object]) -> None:
    content = (folder / "vocabulary.txt").read_bytes()
    n_tokens = content.count(b"\n")
    if n_tokens != config.get("vocabulary_size", n_tokens):  # Folders of before do not say it.
        raise CheckpointError(
            f"{folder}: vocabulary.txt has {n_tokens} tokens, but the student was made with {config['vocabulary_size']}; {PULL_AGAIN}"
        )
    try:
        *tokens, rest = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{folder / 'vocabulary.txt'} is damaged ({error}); {PULL_AGAIN}") from error
    if rest or tokens[:2] != RESERVED or len({*tokens}) < len(tokens):
        raise CheckpointError(
            f"{folder / 'vocabulary.txt'} is damaged: it must be a token a line, each once, after {' and '.join(RESERVED)}; {PULL_AGAIN}"
        )


def _check_sums(folder: Path, has_weights: bool) -> None:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").split("\n")[:-1]
        sums = {found[2]: found[1] for line in lines if (found := _SUM.fullmatch(line))}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / SUMS} is damaged ({error}); {PULL_AGAIN}") from error
    named = {*FILES} - {"README.md"}
    if len(sums) < len(lines) or not named <= sums.keys() or any(".." in name.split("/") for name in sums):
        raise CheckpointError(f"{folder / SUMS} is damaged: it must name each file after its checksum; {PULL_AGAIN}")
    for name, expected in sums.items():
        if name == "weights.safetensors" and not has_weights:
            continue
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is not whole: it lacks {name}; {PULL_AGAIN}")
        if checksum(folder / name) != expected:
            raise CheckpointError(f"{folder / name} is not as it was saved, by its checksum in {SUMS}; {PULL_AGAIN}")


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # No JSON, or no UTF-8.
        raise CheckpointError(f"{path} is damaged ({error}); {PULL_AGAIN}") from error
