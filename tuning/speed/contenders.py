"""Who is timed: a checkpoint folder in ONNX Runtime or in torch, and teachers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.predictor import Predictor, run_network
from distune.models.students.student import pad
from distune.models.teacher.teacher import Teacher, teacher_logits
from distune.tuning.speed.latency import Contender


def onnx_contender(folder: Path) -> Contender:
    """A checkpoint folder in ONNX Runtime."""
    encoder = load_encoder(folder)
    predictor = Predictor(folder, encoder)
    # So that no text that is timed pays for reading its part of the dictionary.
    encoder.read_ahead()

    def label(ids: list[int]) -> list[str]:
        return predictor.named(predictor.decision.of_logits(run_network(predictor.session, [ids])))[0]

    def batch(texts: Sequence[str]) -> Any:
        return predictor.decision.of_logits(predictor.logits(texts))

    return Contender({"segmentation": encoder.segment, "encoding": encoder.look_up, "network": label}, batch)


def torch_contender(folder: Path) -> Contender:
    """A checkpoint folder in torch."""
    encoder, student = load_encoder(folder), load_checkpoint(folder).trained.student
    encoder.read_ahead()

    @torch.inference_mode()
    def labels(rows: Sequence[list[int]]) -> Any:
        return student(*pad([np.array(row) for row in rows])).numpy().argmax(1)

    return Contender(
        {"segmentation": encoder.segment, "encoding": encoder.look_up, "network": lambda ids: int(labels([ids])[0])},
        lambda texts: labels([encoder(text) for text in texts]),
    )


def teacher_contender(*teachers: Teacher) -> Contender:
    """One teacher in torch, or all that answer together, moved to the CPU."""
    for teacher in teachers:
        for model in teacher.models:
            model.to("cpu")

    def labels(texts: Sequence[str]) -> Any:
        return sum(teacher_logits(teacher, texts) for teacher in teachers).argmax(1)  # type: ignore[union-attr]

    return Contender({"teacher": lambda text: int(labels([text])[0])}, labels)
