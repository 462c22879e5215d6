"""The plugged parts of a study, tried on a few texts before anything expensive starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from distune._kinds import OpenKinds, Part
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.points import values_at, with_kind
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.plugs import OPEN

if TYPE_CHECKING:
    from torch import nn

    from distune.models.students.config import StudentShape

STUDENTS, TERMS, _ = OPEN
ROWS = [np.array(row) for row in ([2], [1, 2, 3, 4, 5, 6], [3, 3], [6, 5, 4])]
N_CLASSES = 3
ATOL = 1e-3


def plugs_in(study: Study) -> list[tuple[OpenKinds, str, type[Part]]]:
    """The kinds that the space names and that are not ours."""
    named = [(kinds, kind) for kinds in OPEN for kind in values_at(study.space, f"{kinds.part}.kind")]
    return [(kinds, kind, model) for kinds, kind in named if (model := kinds.find(kind)) is not None]


def refuse_broken_plugs(study: Study, base: TrialConfig) -> None:
    """Raise StudyError if a plugged student, teacher term or hidden term of the space cannot be what it says;
    `distune.testing` tries more of it."""
    faults = []
    for kinds, kind, _ in plugs_in(study):
        try:
            part = _part(study, kinds, kind)
            if kinds is STUDENTS:
                _try_student(part, getattr(base.vectors, "dimension", None) or 4)
            elif kinds is TERMS:
                _try_term(part.build(), N_CLASSES, N_CLASSES, further=True)
            else:
                _try_term(part.build(3, 4), 3, 4, further=False)
        except Exception as error:  # noqa: BLE001  (whatever somebody's code raises is its fault, and is said so)
            said = " ".join(str(error).split())
            said = said if isinstance(error, _BrokenError) else f"{type(error).__name__}: {said}"
            check = "check_student" if kinds is STUDENTS else "check_loss"
            faults.append(
                f"trial.{kinds.part}: the plugged kind {kind} does not work: {said:.400}; see distune.testing.{check}"
            )
    if faults:
        raise StudyError("\n".join(faults))


class _BrokenError(Exception):
    """The breach of a plug."""


def _part(study: Study, kinds: OpenKinds, kind: str) -> Any:
    """The part of that kind, each of its ranges at its first value."""
    found: Any = TrialConfig.model_validate(with_kind(study.space, kinds.part, kind))
    for name in kinds.part.split("."):
        found = getattr(found, name)
    return found


def _try_student(config: StudentShape, dimension: int) -> None:
    import torch

    from distune.models.network import open_session, run_network
    from distune.models.onnx_export import export_onnx
    from distune.models.students.student import student_logits

    torch.manual_seed(0)
    vectors = np.random.default_rng(0).normal(size=(7, dimension)).astype(np.float32)
    vectors[0] = 0
    student = config.build(vectors, N_CLASSES).eval()
    together = student_logits(student, ROWS)
    if together.shape != (len(ROWS), N_CLASSES) or not np.isfinite(together).all():
        raise _BrokenError(f"its logits must be finite and {[len(ROWS), N_CLASSES]}, but are {list(together.shape)}")
    alone = np.concatenate([student_logits(student, [row]) for row in ROWS])
    if np.abs(alone - together).max() > ATOL:
        raise _BrokenError(
            "a text has other logits alone than in a batch: its states must be zero beyond a text's end, and know no other text"
        )
    session = open_session(export_onnx(student))
    for batch in (slice(None), slice(0, 1), slice(1, 3)):
        answers = run_network(session, [row.tolist() for row in ROWS[batch]])
        if np.abs(answers - together[batch]).max() > ATOL:
            raise _BrokenError("its ONNX graph answers otherwise than torch: write no number that depends on the batch")


def _try_term(term: nn.Module, n_student: int, n_teacher: int, further: bool) -> None:
    """Try a term on five rows; a teacher term is given labels and progress as `further`."""
    import torch

    torch.manual_seed(0)
    student, teacher = torch.randn(5, n_student, requires_grad=True), torch.randn(5, n_teacher)
    before = teacher.clone()
    rows = term(student, teacher, *((torch.tensor([0, 2, -1, 1, 1]), 0.0) if further else ()))
    if rows.shape != (5,):
        raise _BrokenError(f"it must give one value a row, [batch], here [5], but gave {list(rows.shape)}")
    if not bool(torch.isfinite(rows).all()):
        raise _BrokenError(f"its values must be finite, but are {rows.tolist()}")
    if not rows.requires_grad or torch.autograd.grad(rows.sum(), student, allow_unused=True)[0] is None:
        raise _BrokenError("no gradient flows from it to the student: do not detach the student's side")
    if not torch.equal(before, teacher):
        raise _BrokenError("it changes what it is given of the teacher")
