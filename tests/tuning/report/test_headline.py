from __future__ import annotations

from dataclasses import replace

from distune.tuning.champion.results import parse_results
from distune.tuning.report.findings import Findings
from distune.tuning.report.headline import lead
from tests.making.findings import findings, results, study

__all__ = ["findings", "study"]  # Fixtures.


def test_the_baseline_is_told_after_the_student_and_its_settings(findings: Findings) -> None:
    raw = results()
    raw["baseline"] = {**raw["columns"][1], "name": "TF-IDF baseline", "latency": None}
    champion, settings, baseline = lead(replace(findings, results=parse_results(raw)))
    assert champion.startswith("The champion is trial 1 ")
    assert settings.startswith("Its settings: ")
    assert baseline.startswith("TF-IDF baseline, a linear classifier that learnt from the same labels: test accuracy ")
    assert len(lead(findings)) == 2  # Of a search before there were baselines.
