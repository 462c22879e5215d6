"""Plugs are tried before anything is trained, and those of one study are not those of another."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from distune.tuning.checks import check
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.points import midpoint
from distune.tuning.trial.config import TrialConfig
from tests.making.plugs import PLUGS, STUDENT

HIDDEN = """
from typing import Literal
from distune.plugs import HiddenTerm
from torch import nn

class LazyConfig(HiddenTerm, frozen=True):
    kind: Literal["lazy"]

    def build(self, n_student, n_teacher):
        return Lazy()

class Lazy(nn.Module):
    def forward(self, student, teacher):
        return student.detach().mean(dim=-1)
"""

BROKEN = {
    "raises": ("raise KeyError('size')", "KeyError: 'size'"),
    "knows the batch": ("return vectors * vectors.shape[1]", "a text has other logits alone than in a batch"),
    "adds beyond the end": ("return vectors + 1", "a text has other logits alone than in a batch"),
    "is no number": ("return vectors * float('nan')", "its logits must be finite and [4, 3], but are [4, 3]"),
}


@pytest.mark.parametrize(("body", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_student_is_refused_before_anything_is_trained(
    document: dict[str, Any], tmp_path: Path, body: str, said: str
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(STUDENT.format(name="BrokenConfig", kind="broken").replace("return vectors * 1", body))
    study = Study({**document, "plugins": [str(file)], "trial": {**document["trial"], "student": {"kind": "broken"}}})
    with pytest.raises(StudyError, match=re.escape(f"trial.student: the plugged kind broken does not work: {said}")):
        check(study)


@pytest.mark.parametrize("summed", ["distances.mean()", "distances.mean(dim=-1, keepdim=True)", "distances"])
def test_a_loss_that_gives_no_value_a_row_is_refused(document: dict[str, Any], tmp_path: Path, summed: str) -> None:
    file = tmp_path / "huber.py"
    file.write_text((PLUGS / "huber.py").read_text().replace("distances.mean(dim=-1)", summed))
    trial = {**document["trial"], "loss": {"teacher_term": {"kind": "huber"}}}
    with pytest.raises(
        StudyError, match=r"trial.loss.teacher_term: the plugged kind huber does not work: it must give one"
    ):
        check(Study({**document, "plugins": [str(file)], "trial": trial}))


def test_a_study_that_another_thread_reads_changes_nothing_here(document: dict[str, Any], tmp_path: Path) -> None:
    files = [tmp_path / "first.py", tmp_path / "second.py"]
    for number, file in enumerate(files):
        file.write_text(STUDENT.format(name="TinyConfig", kind="tiny") + f"\nNUMBER = {number}\n")
    trial = {**document["trial"], "student": {"kind": "tiny"}}
    first, second = ({**document, "plugins": [str(file)], "trial": trial} for file in files)
    read = Study(first)
    thread = threading.Thread(target=Study, args=(second,))
    thread.start()
    thread.join()
    student = TrialConfig.model_validate(midpoint(read.space)).student
    assert sys.modules[type(student).__module__].NUMBER == 0


def test_a_hidden_term_that_detaches_the_student_is_refused(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "hidden.py"
    file.write_text(HIDDEN)
    trial = {**document["trial"], "loss": {"hidden": {"kind": "lazy"}}}
    with pytest.raises(StudyError, match=r"trial.loss.hidden: the plugged kind lazy does not work: no gradient flows"):
        check(Study({**document, "plugins": [str(file)], "trial": trial}))
