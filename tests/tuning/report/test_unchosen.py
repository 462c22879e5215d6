from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from distune.tuning.champion.verdict import NoChampionError
from distune.tuning.concluding import chosen_finalists
from distune.tuning.report.findings import Findings
from distune.tuning.report.headline import headline, lead, next_steps
from distune.tuning.report.page import page
from distune.tuning.report.pictures import draw
from distune.tuning.storage.records import State, TrialRecord
from tests.making.findings import ANSWERS, RECORDS, TEXTS, findings, study

__all__ = ["findings", "study"]  # Fixtures.


def ended(findings: Findings, *records: TrialRecord) -> Findings:
    findings.folder.update(state="ended")
    return replace(findings, results=None, answers=None, card=None, records=(RECORDS[0], *records))


def without(number: int, state: State, error: str | None = None) -> TrialRecord:
    return replace(RECORDS[number], state=state, error=error)


def visible(findings: Findings) -> str:
    return re.sub(r"<script.*?</script>", "", page(findings, TEXTS, *draw(findings)), flags=re.DOTALL)


def test_a_search_whose_trials_failed_says_why_and_how_to_find_the_fault(findings: Findings) -> None:
    fault = "Traceback\nRuntimeError: <b>no</b> memory\nlog: /searches/tiny/1/trials/{}/trial.log"
    found = ended(findings, *(without(n, "failed", fault.format(n)) for n in (1, 2)), without(4, "pruned"))
    assert headline(found) == "No student to choose from: 3 distilled trials, none completed"
    assert lead(found) == [
        "This search has ended without finalists, and nothing was registered. Of 3 distilled trials 2 failed, 1 was stopped early.",
        "The cause of 2 trials: RuntimeError: <b>no</b> memory",
    ]
    assert [step.command for step in next_steps(found)] == [
        f"distune results {findings.folder}",
        "distune trial STUDY.yaml",
        "distune search STUDY.yaml",
    ]
    text = visible(found)
    assert "&lt;b&gt;no&lt;/b&gt; memory" in text
    assert "has not ended" not in text
    assert "<h2>What was found</h2>" in text  # The student that knows the labels alone was completed.


@pytest.mark.parametrize(
    ("state", "said", "command"),
    [
        (
            "infeasible",
            "1 was far over the time that the rule allows",
            "distune search STUDY.yaml --set champion.max_latency_ms=MS",
        ),
        ("pruned", "1 was stopped early", "distune search STUDY.yaml --set search.scheduler=none"),
        ("skipped", "1 was skipped", "distune search STUDY.yaml --resume --set search.trials=8"),
    ],
)
def test_what_to_do_next_goes_by_what_became_of_the_trials(
    findings: Findings, state: State, said: str, command: str
) -> None:
    found = ended(findings, without(1, state))
    assert lead(found)[0].endswith(f"Of 1 distilled trial {said}.")
    hint = ["The hint of the fastest of those that were too slow is 0.100 ms for a text."]
    assert lead(found)[1:] == (hint if state == "infeasible" else [])
    assert next_steps(found)[-1].command == command


def test_a_search_that_ended_before_its_first_distilled_trial_has_no_picture_of_none(findings: Findings) -> None:
    found = replace(ended(findings), records=())
    assert headline(found) == "No student to choose from: the search ended before its first distilled trial"
    assert next_steps(found)[0].command == "distune search STUDY.yaml --resume --set search.trials=8"
    text = visible(found)
    assert "What was found</h2>" not in text
    assert 'href="#found"' not in text


def test_a_search_without_a_completed_student_writes_its_page(
    findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distune.tuning.report.write.write_pngs", lambda pictures, path: [])
    kept: dict[str, bytes] = {}
    outbox: Any = SimpleNamespace(ask=lambda call: call(), observer=SimpleNamespace(log_files=kept.update))
    prepared: Any = SimpleNamespace(study=findings.study, teacher_score=0.9)
    records = [RECORDS[0], without(1, "failed", "RuntimeError: no\nlog: x")]
    with pytest.raises(
        NoChampionError, match=r"completed \(1 complete, 1 failed\); .* shows why, and .*report\.html what to"
    ):
        chosen_finalists(prepared, records, findings.folder, prepared, outbox, Console(file=StringIO()))
    assert findings.folder.state["state"] == "ended"
    assert list(kept) == ["report.html"]
    assert "No student to choose from" in findings.folder.report.read_text()


def test_a_student_that_confuses_nothing_is_said_in_words(findings: Findings) -> None:
    logits = np.eye(31, dtype=np.float32)[[0, 1, 2]]
    names, labels = tuple(f"类{i}" for i in range(31)), np.array([0, 1, 2])
    right = replace(
        findings, answers=replace(ANSWERS, names=names, labels=labels, student=logits, teacher=logits[::-1])
    )
    assert "On 3 test texts the student takes none of the 31 labels for another." in visible(right)
    pictures, missing = draw(right)
    assert "confusion" not in [picture.name for picture in pictures]
    assert missing == []
