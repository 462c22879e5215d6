"""The checkpoint folder: everything that a student needs to answer, without ray, mlflow, transformers or this project.

`model.onnx`, `weights.safetensors`, `config.json`, `vocabulary.txt`, `labels.json`, `README.md` (the model card), and
`SHA256SUMS`, the checksums of all files except the card. A siamese student of pairs has `pair_head.onnx` too, and a champion
`dev_profile.json`. The package `distune_student`, a name that no other project
has, answers; `__main__.py` makes `python FOLDER` do so. Nothing is pickled. Folders of earlier versions have the
programs `predict.py` and `encoding.py` in their place; none of our code needs them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, Field, StrictBool, TypeAdapter, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from distune._kinds import content_of
from distune.models import (
    answer_lines,
    answers,
    checkpoint_folder,
    decision,
    distune_student,
    graph,
    network,
    pair_vectors,
    predictor,
)
from distune.models.compression.apply import graph_of, rebuild
from distune.models.compression.trained import Structure, Trained
from distune.models.decision import LIKELIEST, AnyDecision, EachLabel
from distune.models.errors import ModelError
from distune.models.network import OUTPUT_OF_SETS
from distune.models.onnx_export import pair_head, with_output
from distune.models.pair_vectors import PAIR_HEAD
from distune.models.predictor import decision_in
from distune.models.profile import Profile, read_profile, write_profile
from distune.models.students.config import STUDENTS, StudentConfig, StudentShape

PACKAGE = "distune_student"
"""The one name that a checkpoint has for Python."""
MAIN = f"""# Answers texts, one a line: python FOLDER < texts.txt
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Where it is not there by itself: python -I FOLDER/__main__.py

from {PACKAGE} import main

main()
"""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained student with all that its answers depend on; `tokens` are the settings that its encoder needs.

    `quantized` is the graph if its answers differ from the student's in torch; `trial` is what made it.
    """

    trained: Trained
    tokens: dict[str, Any]
    vocabulary: Sequence[str]
    dimension: int
    labels: Sequence[str]
    quantized: bytes | None = None
    trial: dict[str, Any] | None = None
    decision: AnyDecision = LIKELIEST
    """The rule that turns its probabilities into an answer."""
    dev_profile: Profile | None = None
    """Its answers to dev, in counts."""


def save_checkpoint(checkpoint: Checkpoint, folder: Path, card: str, encoding_program: Path) -> Path:
    """Write the folder at once: it is either whole or not there. Returns `folder`.

    `encoding_program` is the `__init__.py` of the package that turns a text into token ids; its copy becomes `encoding`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_checkpoint(checkpoint, unfinished, card, encoding_program)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(unfinished, folder)
    except BaseException:  # A full disk, or Ctrl-C.
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _write_checkpoint(checkpoint: Checkpoint, unfinished: Path, card: str, encoding_program: Path) -> None:
    is_multi_label = isinstance(checkpoint.decision, EachLabel)
    settings = {
        "student": checkpoint.trained.config.model_dump(mode="json"),
        **_plug(checkpoint.trained.config),
        "structure": asdict(checkpoint.trained.structure),
        "is_quantized": checkpoint.quantized is not None,
        "tokens": checkpoint.tokens,
        "dimension": checkpoint.dimension,
        "vocabulary_size": len(checkpoint.vocabulary),
        **({"multi_label": True} if is_multi_label else {}),
        "thresholds": checkpoint.decision.stored(checkpoint.labels),
        "temperature": checkpoint.decision.temperature,
        "trial": checkpoint.trial,
    }
    graph = checkpoint.quantized or graph_of(checkpoint.trained)
    # Versions that know one label a text would take the likeliest. They look for the output `logits`, and find none.
    graph = with_output(graph, OUTPUT_OF_SETS) if is_multi_label else graph
    (unfinished / "model.onnx").write_bytes(graph)
    if checkpoint.trained.config.pair != "joined" and (head := pair_head(graph)) is not None:
        (unfinished / PAIR_HEAD).write_bytes(head)
    save_file(_stored_weights(checkpoint.trained), unfinished / "weights.safetensors")
    _write_json(unfinished / "config.json", settings)
    _write_json(unfinished / "labels.json", list(checkpoint.labels))
    # newline="": a vocabulary must read back byte for byte on every system.
    with (unfinished / "vocabulary.txt").open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{token}\n" for token in checkpoint.vocabulary)
    (unfinished / "README.md").write_text(card, encoding="utf-8")
    if checkpoint.dev_profile is not None:
        write_profile(checkpoint.dev_profile, unfinished)
    _write_package(unfinished, encoding_program.parent)
    _write_sums(unfinished)
    # Made by mkdtemp and safetensors for their owner alone; a checkpoint is for others too.
    unfinished.chmod(0o755)
    (unfinished / "weights.safetensors").chmod(0o644)


def _plug(config: StudentShape) -> dict[str, str]:
    """The content of the file that defines a plugged student's class."""
    return {} if config.kind in STUDENTS.names_of_ours else {"plug": content_of(type(config))}  # type: ignore[attr-defined]


def _write_package(folder: Path, encoding: Path) -> None:
    """Write what answers in a checkpoint without this project."""
    (folder / "__main__.py").write_text(MAIN, encoding="utf-8")
    package = folder / PACKAGE
    (package / "encoding").mkdir(parents=True)
    shutil.copyfile(distune_student.__file__, package / "__init__.py")
    for module in (answer_lines, answers, checkpoint_folder, decision, graph, network, pair_vectors, predictor):
        place = Path(str(module.__file__))
        shutil.copyfile(place, package / place.name)
    for program in encoding.glob("*.py"):
        shutil.copyfile(program, package / "encoding" / program.name)


def _write_sums(folder: Path) -> None:
    """Write the checksum of each file but README.md, which may be edited."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / "README.md")
    lines = [f"{checkpoint_folder.checksum(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / checkpoint_folder.SUMS).write_text("".join(lines), encoding="utf-8", newline="")


def _stored_weights(trained: Trained) -> dict[str, Tensor]:
    dtype = getattr(torch, trained.structure.dtype)
    weights = trained.student.state_dict().items()
    return {name: (w.to(dtype) if w.dtype == torch.float32 else w).contiguous() for name, w in weights}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class _About(BaseModel, frozen=True):
    """The part of `config.json` about the student, without its tokens and the rule by which it answers."""

    student: dict[str, Any]
    """Its kind and settings."""
    plug: str | None = None
    """The digest of the plug that brings its class."""
    structure: Structure
    """Its structure after the compressions."""
    is_quantized: StrictBool
    """Whether its graph answers in INT8."""
    dimension: Annotated[int, Field(ge=1, le=4096, strict=True)]
    """The width of its word vectors."""
    trial: dict[str, Any] | None
    """The settings that trained it, if they are known."""

    @field_validator("structure", mode="before")
    @classmethod
    def _of_this_version(cls, structure: Any) -> Any:
        unknown = structure.keys() - {one.name for one in fields(Structure)} if isinstance(structure, dict) else ()
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))} is not known; where it was made by a newer Distune, use that"
            )
        return structure


def _student_config(settings: dict[str, Any], folder: Path) -> StudentShape:
    if not isinstance(settings.get("kind"), str):
        raise ModelError(f"{folder / 'config.json'} is damaged: student.kind: must be a name")
    if STUDENTS.find(settings["kind"]) is None and settings["kind"] not in STUDENTS.names_of_ours:
        raise ModelError(
            f"{folder}: its student is of the kind {settings['kind']!r}, which a plug brings, and torch cannot build it without; name "
            "the study whose plugins have it by --study, or install its package (to answer, as predict does, needs neither)"
        )
    try:
        config: StudentShape = TypeAdapter(StudentConfig).validate_python(settings)
    except ValidationError as error:
        raise ModelError(
            f"{folder}: config.json does not fit the class of its student: {_first_fault(error)}"
        ) from error
    return config


def _first_fault(error: ValidationError) -> str:
    """The place of the first fault, and the fault."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{'.'.join(map(str, first['loc'])):.120}: {message:.200}"  # A damaged file has keys of any length.


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a folder back, its student in eval mode with exactly the weights that were saved.

    Raises CheckpointError when the folder is not whole, and ModelError when its parts do not fit each other.
    """
    checkpoint_folder.check_folder(folder, has_weights=True)
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    try:
        about = _About.model_validate(settings)
    except ValidationError as error:
        raise ModelError(f"{folder / 'config.json'} is damaged: {_first_fault(error)}") from error
    config = _student_config(about.student, folder)
    if about.plug is not None and _plug(config) != {"plug": about.plug}:
        raise ModelError(
            f"{folder}: its student was made by another {about.student['kind']!r} than the one that is plugged in here: name the study "
            "whose plugins have it by --study, as they were, or install that version of its package"
        )
    empty = np.zeros((len(vocabulary), about.dimension), dtype=np.float32)
    try:
        trained = rebuild(config, about.structure, empty, len(labels))
        trained.student.load_state_dict(load_file(folder / "weights.safetensors"))
    except (RuntimeError, ValueError, KeyError, AttributeError, MemoryError, SafetensorError) as error:
        raise ModelError(f"{folder}: the weights do not fit config.json and vocabulary.txt: {error}") from error
    quantized = (folder / "model.onnx").read_bytes() if about.is_quantized else None
    return Checkpoint(
        trained=trained,
        tokens=settings["tokens"],
        vocabulary=vocabulary,
        dimension=about.dimension,
        labels=labels,
        quantized=quantized,
        trial=about.trial,
        decision=decision_in(folder, labels),
        dev_profile=read_profile(folder, len(labels)),
    )
