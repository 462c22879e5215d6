"""Who is timed: a checkpoint folder in ONNX Runtime or in torch, and teachers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distune.corpora.encoding import load_encoder
from distune.models.checkpoint import load_checkpoint
from distune.models.decision import LIKELIEST, Answers, EachLabel, even
from distune.models.network import run_network
from distune.models.predictor import Predictor, decision_in
from distune.models.students.student import pad
from distune.models.teacher.teacher import Teacher, teacher_logits
from distune.tuning.speed.latency import Contender


def is_multi_label(folder: Path) -> bool:
    """Whether a checkpoint folder answers several labels a text."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    return isinstance(decision_in(folder, labels), EachLabel)


def onnx_contender(folder: Path) -> Contender:
    """A checkpoint folder in ONNX Runtime."""
    encoder = load_encoder(folder)
    predictor = Predictor(folder, encoder)
    # So that no text that is timed pays for reading its part of the dictionary.
    encoder.read_ahead()

    def label(ids: list[int]) -> list[str]:
        logits = run_network(predictor.graph.session, [ids], outputs=predictor.graph.outputs)
        return predictor.named(predictor.decision.of_logits(logits))[0]

    def batch(texts: Sequence[str]) -> Any:
        return predictor.decision.of_logits(predictor.logits(texts))

    return Contender({"segmentation": encoder.segment, "encoding": encoder.look_up, "network": label}, batch)


def torch_contender(folder: Path) -> Contender:
    """A checkpoint folder in torch."""
    encoder, checkpoint = load_encoder(folder), load_checkpoint(folder)
    student, decision = checkpoint.trained.student, checkpoint.decision
    encoder.read_ahead()

    @torch.inference_mode()
    def answers(rows: Sequence[list[int]]) -> Answers:
        return decision.of_logits(student(*pad([np.array(row) for row in rows])).numpy())

    def labels(ids: list[int]) -> list[str]:
        return decision.labels_of(answers([ids]), checkpoint.labels)[0]

    def batch(texts: Sequence[str]) -> Any:
        return answers([encoder(text) for text in texts])

    return Contender({"segmentation": encoder.segment, "encoding": encoder.look_up, "network": labels}, batch)


def teacher_contender(*teachers: Teacher, of_several_labels: bool = False) -> Contender:
    """One teacher in torch, or all that answer together, moved to the CPU.

    It answers the likeliest class, or each label from a probability of 0.5 on. Its own thresholds would take as long, and a
    stand-in may have other labels.
    """
    for teacher in teachers:
        for model in teacher.models:
            model.to("cpu")

    def answers(texts: Sequence[str]) -> Answers:
        logits = np.sum([teacher_logits(teacher, texts) for teacher in teachers], axis=0)
        return (even(logits.shape[1]) if of_several_labels else LIKELIEST).of_logits(logits)

    return Contender({"teacher": lambda text: answers([text])[0].tolist()}, answers)
