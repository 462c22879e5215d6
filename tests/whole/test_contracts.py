"""One contract suite for each kind of part, which users run on their own plugs: ours pass it, and each breach is a sentence."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pytest
import torch
from torch import Tensor, nn

from distune._kinds import kind_of
from distune.losses.config import AnyHiddenConfig, AnyTeacherTerm
from distune.models.students.config import StudentShape
from distune.plugs import PrunedBody, TeacherTerm, inside
from distune.testing import check_loss, check_student
from tests.conftest import STUDENTS, student_name

TERMS = [model.model_validate({"kind": kind_of(model)}) for model in get_args(AnyTeacherTerm)]
HIDDEN = [model.model_validate({"kind": kind_of(model)}) for model in get_args(AnyHiddenConfig)]
SOFTENED = [
    term.model_copy(update={"standardise": True, "annealing": "cosine"})
    for term in TERMS
    if hasattr(term, "standardise")
]


@pytest.mark.parametrize("config", STUDENTS, ids=student_name)
def test_our_students_keep_the_contract(config: StudentShape) -> None:
    check_student(config)


@pytest.mark.parametrize("config", [*TERMS, *SOFTENED, *HIDDEN], ids=lambda config: config.kind)
def test_our_losses_keep_the_contract(config: Any) -> None:
    check_loss(config)


class BrokenStudent(StudentShape, frozen=True):
    """One that breaks the contract at one place."""

    kind: Literal["broken"]
    fault: str = ""

    def build_body(self, n_inputs: int) -> nn.Module:
        return BrokenBody(n_inputs, self.fault)

    def keep_units(self, body: Any, keep: float) -> PrunedBody:
        return PrunedBody(self, nn.Linear(4, 2), torch.arange(2))


class BrokenBody(nn.Module):
    def __init__(self, n_inputs: int, fault: str) -> None:
        super().__init__()
        self.fault, self.output_size = fault, n_inputs + (fault == "width")
        self.layer = nn.Linear(n_inputs, n_inputs)
        if fault == "unused":
            self.further = nn.Linear(2, 2)
        self.hidden_state = float(torch.rand(())) if fault == "state" else 1.0

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        mask = inside(lengths, vectors.shape[1]).unsqueeze(2)
        states = self.layer(vectors) * mask * self.hidden_state
        if self.fault == "padding":
            states = states / vectors.shape[1]
        if self.fault == "outside":
            states = states + 1
        if self.fault == "random":
            states = states * torch.rand(())
        if self.fault == "export":
            states = states * torch.tensor([1.0] * vectors.shape[1]).unsqueeze(1)
        if self.fault == "company":
            states = states - states.mean(dim=0, keepdim=True) * mask
        return states


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("width", r"states must be \[batch, length, output_size\], here \(4, 6, 5\), but are \(4, 6, 4\)"),
        ("unused", "the gradient must reach every parameter, but not body.further.weight"),
        ("state", "its state_dict must hold all that its answers depend on"),
        ("padding", "padding must not change an answer"),
        ("outside", "states must be zero beyond a text's end"),
        ("random", "answers must be the same each time: eval mode must leave out what is random"),
        ("company", "padding must not change an answer"),
        ("export", "the ONNX graph must take any batch and length"),
        ("", "keep_units must give the settings that build a body of what is left"),
    ],
)
def test_a_student_that_breaks_the_contract_is_told_where(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_student(BrokenStudent(kind="broken", fault=fault))


class BrokenLoss(TeacherTerm, frozen=True):
    """One that breaks the contract at one place."""

    kind: Literal["broken"]
    fault: str

    def build(self) -> nn.Module:
        return BrokenTerm(self.fault)


class BrokenTerm(nn.Module):
    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        if fault == "unused":
            self.weight = nn.Parameter(torch.ones(()))

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, progress: float = 0.0) -> Tensor:
        student = student_logits.detach() if self.fault == "detached" else student_logits
        rows = (student - teacher_logits).square().mean(dim=-1)
        if self.fault == "changes":
            teacher_logits.zero_()
        if self.fault == "overflow":
            rows = (student - teacher_logits).exp().sum(dim=-1)
        if self.fault == "order":
            rows = rows * torch.arange(len(rows))
        if self.fault == "offset":
            rows = rows + 1
        return rows.mean() if self.fault == "scalar" else rows


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("scalar", r"a term must give one value a row, \[batch\], here \(5,\), but gave \(\)"),
        ("detached", "the gradient must flow to the student"),
        ("changes", "a term must not change what it is given"),
        ("overflow", "a term must be finite, but for logits of 10000 it is"),
        ("order", "their order must not matter"),
        ("offset", "zero where student and teacher agree; pass zero_at_teacher=False"),
        ("unused", "the gradient must reach every parameter of a term, but not weight"),
    ],
)
def test_a_loss_that_breaks_the_contract_is_told_where(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_loss(BrokenLoss(kind="broken", fault=fault))


def test_a_loss_that_does_not_claim_to_be_zero_at_its_teacher_may_say_so() -> None:
    check_loss(BrokenLoss(kind="broken", fault="offset"), zero_at_teacher=False)


def test_what_is_no_plug_is_told_why() -> None:
    class Local(StudentShape, frozen=True):
        kind: Literal["local"]

        def build_body(self, n_inputs: int) -> nn.Module:
            return BrokenBody(n_inputs, "")

    class Nothing(StudentShape, frozen=True):
        kind: Literal["nothing"]

    with pytest.raises(
        AssertionError, match="Local must be pickled, so its classes must be in a module, not in a function"
    ):
        check_student(Local(kind="local"))
    with pytest.raises(AssertionError, match="Nothing is no plug: it has no build_body"):
        check_student(Nothing(kind="nothing"))
