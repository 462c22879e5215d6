"""The contracts of students and losses, as tests for their authors: `check_student(config)` and `check_loss(config)`.

    from distune.testing import check_student
    from my_plugs import GatedConfig

    def test_it_is_a_student() -> None:
        check_student(GatedConfig(kind="gated", features=3))

Each breach is an AssertionError that says what must hold. Distune's own kinds pass the same.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distune._kinds import OpenKinds, Part, kind_of
from distune.losses.config import HIDDEN, TERMS, HiddenTerm, TeacherTerm
from distune.models.compression.config import PruneUnitsConfig
from distune.models.compression.trained import CalibrationData, Trained
from distune.models.compression.units import prune_units
from distune.models.network import open_session, run_network
from distune.models.onnx_export import export_onnx
from distune.models.students.config import STUDENTS, StudentShape
from distune.models.students.student import Student, pad, student_logits

__all__ = ["check_loss", "check_student"]

N_CLASSES = 3
VECTORS = np.concatenate([np.zeros((1, 4)), np.random.default_rng(0).normal(size=(6, 4))]).astype(np.float32)
ROWS = [np.array(row) for row in ([2], [1, 2, 3, 4, 5, 6], [3, 3], [6, 5, 4])]
LABELS = torch.tensor([0, 2, -1, 1, 1])
CERTAIN, PLAIN = 1e4, "plain inputs"
Answers = NDArray[np.float32]


def check_student(config: StudentShape) -> None:
    """Raise AssertionError unless a student of this config may be trained, compressed, exported and served.

    It is built over seven word vectors of four features for three classes, so small settings make it quick.

        check_student(GatedConfig(kind="gated", features=3))
    """
    _check_config(config, STUDENTS)
    student = _student(config)
    _check_states(student)
    _check_answers(student)
    _check_gradients(student)
    _step(student)
    _check_answers(student)
    _check_copies(config, student)
    _check_onnx(student)
    if type(config).keep_units is not StudentShape.keep_units:
        _check_pruned(config, student)


def check_loss(config: TeacherTerm | HiddenTerm, *, zero_at_teacher: bool = True) -> None:
    """Raise AssertionError unless a student may learn from a term of this config.

    `zero_at_teacher=False` is for a term that is not zero, or not smallest, when student and teacher agree.

        check_loss(HuberConfig(kind="huber"))
    """
    if isinstance(config, HiddenTerm):
        _check_config(config, HIDDEN)
        torch.manual_seed(0)
        term = config.build(3, 4)
        _check_term(term, torch.randn(5, 3), torch.randn(5, 4), ())
        return
    _check_config(config, TERMS)
    for n_classes in (2, 3):
        torch.manual_seed(0)
        student, teacher = torch.randn(5, n_classes), torch.randn(5, n_classes)
        labels = LABELS.clamp_max(n_classes - 1)
        for progress in (0.0, 0.5, 1.0):
            _check_term(config.build(), student, teacher, (labels, progress))
        certain = CERTAIN * (2.0 * nn.functional.one_hot(teacher.argmax(1), n_classes) - 1)
        _check_finite(config.build(), -certain, certain, (labels, 0.0), f"logits of {CERTAIN:g}")
        if zero_at_teacher:
            _check_zero(config.build(), student, teacher, labels)


def _check_config(config: Part, kinds: OpenKinds) -> None:
    _holds(isinstance(config, kinds.base), f"{config!r} must extend distune.plugs.{kinds.base.__name__}")
    fault = "" if kind_of(type(config)) in kinds.names_of_ours else kinds.fault_of(type(config))
    _holds(not fault, f"{type(config).__name__} is no plug: {fault}")
    read = type(config).model_validate(config.model_dump(mode="json"))
    _holds(
        read == config,
        "a config must be read back from its JSON as it was: results, journals and checkpoints hold it so",
    )
    _holds(_pickled(config) == config, "a config must be the same after pickle: it is sent to workers")


def _student(config: StudentShape, seed: int = 0) -> Student:
    torch.manual_seed(seed)
    return config.build(VECTORS, N_CLASSES)


def _check_states(student: Student) -> None:
    token_ids, lengths = pad(ROWS)
    vectors = student.eval().embedding(token_ids)
    states = student.body(vectors, lengths)
    shape = (*token_ids.shape, student.body.output_size)
    _holds(
        states.shape == shape,
        f"states must be [batch, length, output_size], here {shape}, but are {tuple(states.shape)}",
    )
    outside = torch.arange(token_ids.shape[1]).unsqueeze(0) >= lengths.unsqueeze(1)
    _holds(bool((states[outside] == 0).all()), "states must be zero beyond a text's end: the pooling adds them all up")


def _check_answers(student: Student) -> None:
    together = student_logits(student, ROWS)
    expected = (len(ROWS), N_CLASSES)
    _holds(together.shape == expected, f"logits must be [batch, classes], here {expected}, but are {together.shape}")
    _holds(bool(np.isfinite(together).all()), "logits must be finite")
    again = student_logits(student.train(), ROWS)
    _holds(
        np.array_equal(again, together), "answers must be the same each time: eval mode must leave out what is random"
    )
    alone = np.concatenate([student_logits(student, [row]) for row in ROWS])
    _same(alone, together, "padding must not change an answer: a text has the same logits alone and in a batch")
    turned = student_logits(student, ROWS[::-1], batch_size=2)[::-1]
    _same(turned, together, "other texts in a batch must not change an answer")
    again = student_logits(student.train(), ROWS)
    _holds(
        np.array_equal(again, together), "answers must be the same each time: eval mode must leave out what is random"
    )


def _check_gradients(student: Student) -> None:
    student.train()
    student.zero_grad()
    student(*pad(ROWS)).square().sum().backward()
    for name, parameter in student.named_parameters():
        if parameter.requires_grad:
            reached = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
            _holds(
                reached, f"the gradient must reach every parameter, but not {name}: use it, or set requires_grad=False"
            )
            _holds(bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} must be finite")  # type: ignore[arg-type]


def _step(student: Student) -> None:
    """One step of learning on a batch with padding."""
    optimizer = torch.optim.AdamW([one for one in student.parameters() if one.requires_grad], lr=0.1)
    student.zero_grad()
    student(*pad(ROWS)).square().sum().backward()
    optimizer.step()


def _check_copies(config: StudentShape, student: Student) -> None:
    expected = student_logits(student, ROWS)
    _same(
        student_logits(_student(config), ROWS),
        student_logits(_student(config), ROWS),
        "a seed must make the same student",
    )
    other = _student(config, seed=1)
    other.load_state_dict(student.state_dict())
    _same(student_logits(other, ROWS), expected, "its state_dict must hold all that its answers depend on")
    pickled = student_logits(_pickled(student), ROWS)
    _same(pickled, expected, "a student must answer the same after pickle: workers send it back")


def _check_onnx(student: Student) -> None:
    try:
        graph = export_onnx(student)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise AssertionError(f"a student must be exported to ONNX, which is how it is served: {said}") from error
    session = open_session(graph)
    expected = student_logits(student, ROWS)
    message = (
        "the ONNX graph must answer as torch does, at any batch and length: write no number that depends on the example"
    )
    for batch in (ROWS, ROWS[:1], ROWS[1:3]):
        first = next(i for i, row in enumerate(ROWS) if row is batch[0])
        answers = _answers_of(partial(run_network, session), batch)
        _same(answers, expected[first : first + len(batch)], message, atol=1e-4)


def _answers_of(ask: Callable[[Sequence[Sequence[int]]], Answers], rows: Sequence[NDArray[np.integer[Any]]]) -> Answers:
    try:
        return ask([row.tolist() for row in rows])
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise AssertionError(f"the ONNX graph must take any batch and length: {said}") from error


def _check_pruned(config: StudentShape, student: Student) -> None:
    trained = Trained(student.eval(), config)
    pruned = prune_units(trained, PruneUnitsConfig(kind="prune_units", keep=0.5, epochs=0), CalibrationData([]))
    rebuilt = pruned.config.build(VECTORS, N_CLASSES)
    shapes = {name: value.shape for name, value in pruned.student.state_dict().items()}
    built = {name: value.shape for name, value in rebuilt.state_dict().items()}
    _holds(shapes == built, "keep_units must give the settings that build a body of what is left")
    _check_answers(pruned.student)


def _check_term(term: nn.Module, student: Tensor, teacher: Tensor, further: tuple[Any, ...]) -> None:
    before = [one.clone() for one in (student, teacher, *further[:1])]
    rows = _check_finite(term, student, teacher, further, PLAIN)
    after = (student, teacher, *further[:1])
    _holds(all(map(torch.equal, before, after)), "a term must not change what it is given")
    order = torch.tensor([3, 0, 4, 1, 2])
    turned = term(student[order], teacher[order], *(one[order] if isinstance(one, Tensor) else one for one in further))
    _same(
        turned.detach().numpy(),
        rows.detach().numpy()[order],
        "each value must go with its row: their order must not matter",
    )
    again = term(student, teacher, *further)
    _same(again.detach().numpy(), rows.detach().numpy(), "a term must say the same each time")
    for name, parameter in term.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        _holds(reached, f"the gradient must reach every parameter of a term, but not {name}")


def _check_finite(term: nn.Module, student: Tensor, teacher: Tensor, further: tuple[Any, ...], what: str) -> Tensor:
    """The values of a term, one a row. They and their gradient are finite."""
    student = student.detach().clone().requires_grad_()
    rows: Tensor = term(student, teacher, *further)
    shape = (len(student),)
    _holds(
        rows.shape == shape, f"a term must give one value a row, [batch], here {shape}, but gave {tuple(rows.shape)}"
    )
    _holds(bool(torch.isfinite(rows).all()), f"a term must be finite, but for {what} it is {rows.tolist()}")
    _holds(rows.requires_grad, "the gradient must flow to the student: do not detach its side")
    torch.autograd.backward(rows.sum())
    gradient = student.grad
    _holds(gradient is not None, "the gradient must flow to the student: use its side")
    _holds(bool(torch.isfinite(gradient).all()), f"the gradient must be finite, but for {what} it is not")  # type: ignore[arg-type]
    if (
        what == PLAIN and student.shape[1] > 2
    ):  # Of two classes, what compares their order alone may have nothing to say.
        _holds(bool(gradient.abs().sum() > 0), "the gradient must flow to the student, but it is zero")  # type: ignore[union-attr]
    return rows


def _check_zero(term: nn.Module, student: Tensor, teacher: Tensor, labels: Tensor) -> None:
    at_teacher = term(teacher.clone(), teacher, labels, 0.0)
    said = "; pass zero_at_teacher=False for a term that does not claim it"
    _holds(bool((at_teacher.abs() < 1e-5).all()), f"a term must be zero where student and teacher agree{said}")
    _holds(bool((term(student, teacher, labels, 0.0) >= -1e-6).all()), f"a term must be least where they agree{said}")


def _pickled(value: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(value))  # noqa: S301  (made in this line)
    except Exception as error:
        raise AssertionError(
            f"{type(value).__name__} must be pickled, so its classes must be in a module, not in a function: {error}"
        ) from error


def _same(found: Answers, expected: Answers, message: str, atol: float = 1e-5) -> None:
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
    _holds(difference <= atol, f"{message} (they differ by {difference:.2g})")


def _holds(is_so: bool, message: str) -> None:
    if not is_so:
        raise AssertionError(message)
