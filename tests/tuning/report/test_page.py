from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distune.tuning.champion.results import parse_results
from distune.tuning.report.findings import Findings
from distune.tuning.report.headline import headline, next_steps
from distune.tuning.report.page import page, policy, rendered
from distune.tuning.report.pictures import draw
from distune.tuning.report.write import publish
from distune.tuning.storage.paths import Folder
from distune.tuning.study.file import Study
from tests.making.findings import EVIL, RECORDS, TEXTS, column, findings, results, study

__all__ = ["findings", "study"]  # Fixtures.


def written(findings: Findings) -> str:
    return page(findings, TEXTS, *draw(findings))


def test_the_page_says_what_was_found_and_how_it_was_measured(findings: Findings) -> None:
    text = written(findings)
    for words in (
        "The champion is trial 1 (average).",
        "The rule: the fastest that keeps 90 % of",
        "92.2 %",
        "90×",
        "Distillation went 65 % of the way",
        "95 % interval",
        "A 95 % interval is over draws of the test texts, and leaves that spread out.",
        "c0",
        "t0",
        "a CPU",
        "numpy 2",
        "2 finalists",
        "same 3 dev texts",
        "retrained with 2",
        "9 train, 3 dev, 3 test",
        "name: tiny",
        "5 trials: 4 complete, 1 pruned.",
        "student alone",
    ):
        assert words in text, words
    assert "has not ended" not in text


FAST, SLOW, ALONE = column("teacher", 0.9, 9.0), column("teacher", 0.9, 0.05), column("student alone", 0.7, 0.1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # 0.83 of 0.9 are 92.2 %; 9 ms over 0.1 ms are 90.
        ({}, "Keeps 92.2 % of the teacher at 0.100 ms and 1.5 MB: 90 times as fast"),
        (
            {"teacher_timed": "stand-in"},
            "Keeps 92.2 % of the teacher at 0.100 ms and 1.5 MB: 90 times as fast as a model of the teacher's architecture",
        ),
        (
            {"columns": [FAST | {"latency": None}, ALONE, column("student", 0.83, 0.1)]},
            "Keeps 92.2 % of the teacher at 0.100 ms and 1.5 MB; the teacher was not timed",
        ),
        (
            {"columns": [SLOW, ALONE, column("student", 0.918, 0.1) | {"size_mb": None}]},
            "Keeps all of the teacher (102.0 %) at 0.100 ms: slower than the teacher, which takes 0.050 ms",
        ),
        (
            {"champion": None},
            "No student meets the rule: the nearest keeps 92.2 % of the teacher at 0.100 ms and 1.5 MB: 90 times as fast",
        ),
        (
            {"columns": [column("teacher", 0.0, 0.25), ALONE, column("student", 0.83, 0.1)]},
            "Reaches test accuracy 0.830 at 0.100 ms and 1.5 MB: 2.5 times as fast",
        ),
    ],
)
def test_the_headline_is_the_outcome(findings: Findings, changes: dict[str, Any], said: str) -> None:
    assert headline(replace(findings, results=parse_results({**results(), **changes}))) == said


def test_a_student_that_learnt_the_teachers_likeliest_labels_is_named_so_everywhere(findings: Findings) -> None:
    raw = results()
    raw["columns"][1]["name"] = "hard-label student"
    plain = replace(RECORDS[0], point="hard-label student")
    text = written(replace(findings, results=parse_results(raw), records=[plain, *RECORDS[1:]]))
    assert "student alone" not in text
    assert "of the way from the hard-label student to its teacher" in text
    assert "that of the same student that has learnt the teacher&#39;s likeliest labels 0.700" in text
    assert "the same network trained on the likeliest labels of the teacher&#39;s answers" in text
    assert "Open marks around a hint are the hard-label student and the points" in text


def test_after_the_headline_come_the_commands_that_fit_the_outcome(findings: Findings) -> None:
    def commands(found: Findings) -> list[str]:
        return [step.command for step in next_steps(found)]

    longer = "distune search STUDY.yaml --resume --set search.trials=8"
    assert commands(findings) == [
        f"distune pull {findings.folder} my-student",  # Not by the name alone, which may be another search's champion.
        "distune predict my-student < texts.txt",
        "distune serve my-student",
        longer,
    ]
    document = {**findings.study.document, "tracking": {"uri": "sqlite:///a b.db", "register_as": "tiny student"}}
    named = replace(findings, study=Study(document), state={"registered": {"name": "tiny student", "version": "2"}})
    assert commands(named)[0] == "distune pull 'tiny student/2' my-student --uri 'sqlite:///a b.db'"
    assert commands(named)[1] == "distune predict my-student < texts.txt"
    none = replace(findings, results=parse_results(results(champion=None)))
    assert commands(none) == [longer, "distune search STUDY.yaml"]
    assert commands(replace(findings, results=None))[1] == "distune finish STUDY.yaml"


def test_an_interrupted_search_says_so_and_how_to_go_on(findings: Findings) -> None:
    findings.folder.update(state="searching")  # Nobody runs it.
    stopped = replace(findings, results=None)
    assert headline(stopped) == "Interrupted: 5 of 4 trials done, best dev accuracy so far 0.900, no champion yet"
    assert [step.command for step in next_steps(stopped)] == ["distune search STUDY.yaml --resume"]
    empty = replace(stopped, records=(), folder=Folder(findings.folder.place / "not-there"))
    assert headline(empty) == "Not finished: 0 of 4 trials done, no trial has a score yet, no champion yet"


def test_what_people_have_written_stays_text(findings: Findings) -> None:
    text = written(findings)
    assert "&lt;/script&gt;&lt;script&gt;document.title" in text
    assert "<img src=x" not in text
    assert text.count("<script") == 3  # the figures, plotly and the page's own
    (figures,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', text, re.DOTALL)
    assert "<" not in figures
    assert set(json.loads(figures)["figures"]) == {picture.name for picture in draw(findings)[0]}


def test_only_the_two_scripts_of_the_page_may_run_and_nothing_may_be_fetched() -> None:
    # sha256 of the empty text, as the standard writes it
    found = policy("")
    assert "script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';" in found
    assert found.startswith("default-src 'none'; ")
    assert "http" not in found


def test_a_card_is_rendered_without_its_header_and_html_in_it_is_text() -> None:
    html = rendered(
        f"---\nlicense: mit\n---\n# Card\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n\n{EVIL}\n\n![x](http://a.b/c.png)\n"
    )
    assert "<h1>Card</h1>" in html
    assert "<td" in html
    assert "license" not in html
    assert "<script" not in html
    assert "<img" not in html


def test_a_search_that_has_not_ended_says_so(findings: Findings) -> None:
    text = written(replace(findings, results=None, answers=None, card=None))
    assert "This search has not ended." in text
    assert "5 of 4 trials are done; the finalists have not been timed" in text
    assert "Not drawn: Calibration: needs answers on the test texts" in text
    assert 'id="picture-front"' in text


def test_of_a_teacher_that_is_never_right_no_part_is_kept(findings: Findings) -> None:
    raw = results()
    raw["columns"][0] = column("teacher", 0.0, 9.0)
    raw["distillation_ratio"] = None
    text = written(replace(findings, results=parse_results(raw)))
    assert re.search(r">-</\w+>\s*<[^>]*>of the teacher's dev accuracy", text.replace("&#39;", "'"))
    assert "Distillation went" not in text


def test_a_small_way_to_the_teacher_is_told_with_the_ratio(findings: Findings) -> None:
    raw = results()
    raw["columns"][0] = column("teacher", 0.7004, 9.0)
    raw["distillation_ratio"] = 325.0
    text = written(replace(findings, results=parse_results(raw)))
    assert "on test; the whole way is 0.0004, so that this says little." in text


@pytest.mark.parametrize(
    ("teacher", "ratio", "said"),
    [
        (0.9, -1.0, "On test the distilled student is worse than the student alone: 0.5000 against 0.7000."),
        (
            0.7,
            None,
            "On test the teacher is no better than the student alone, so that distillation had nothing to bring.",
        ),
    ],
)
def test_distillation_that_brings_nothing_is_told(
    findings: Findings, teacher: float, ratio: float | None, said: str
) -> None:
    raw = results()
    raw["columns"] = [
        column("teacher", teacher, 9.0),
        column("student alone", 0.7, 0.1),
        column("distilled champion", 0.5, 0.1),
    ]
    raw["distillation_ratio"] = ratio
    assert said in written(replace(findings, results=parse_results(raw)))


def test_a_search_without_a_champion_shows_the_nearest(findings: Findings) -> None:
    text = written(replace(findings, results=parse_results(results(champion=None))))
    assert "No finalist meets the rule. Shown is the nearest to it, trial 1 (average)." in text


def test_a_fault_in_a_picture_costs_no_champion(
    findings: Findings, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    def fails(*arguments: Any) -> Any:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("distune.tuning.report.write.read_findings", fails)
    assert publish(findings.study, findings.folder) == {}
    assert said == [
        "the page of this search could not be written (ZeroDivisionError: by nought); `distune report` tries again"
    ]
    assert not Path(str(findings.folder)).exists()


def test_a_search_that_ended_early_says_why(findings: Findings) -> None:
    early = replace(findings, state={**findings.state, "ended_early": "`distune finish` asked for <it>"})
    assert "It ended early, before 4: `distune finish` asked for &lt;it&gt;." in written(early)


@pytest.mark.parametrize(
    ("how", "said", "unsaid"),
    [
        ({}, "warm, with nothing beside it. The finalists and the teacher took turns", "architecture"),
        (
            {"teacher_timed": "stand-in", "load": {"busy_cores": 1.6, "n_cores": 2}},
            "warm, while other work kept 1.6 of 2 cores busy. Only the teacher&#39;s logits are known, so a model of the "
            "same architecture stands in for it. It and the finalists took turns",
            "the teacher took turns",
        ),
        (
            {"teacher_timed": "no"},
            "The teacher was not timed: the search used only its logits. The finalists took turns",
            "architecture",
        ),
        # As an earlier version wrote it: what it did not keep is not claimed.
        (
            {"teacher_timed": None, "load": None},
            "warm, with nothing of the search beside it. What was timed",
            "architecture",
        ),
    ],
)
def test_the_page_says_what_was_timed_beside_what(
    findings: Findings, how: dict[str, Any], said: str, unsaid: str
) -> None:
    text = page(replace(findings, results=parse_results({**results(), **how})), TEXTS, [], [])
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert said in text
    assert unsaid not in text
