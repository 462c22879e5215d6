"""The beginning of a page: the outcome of a search in one sentence, its evidence, and the next steps."""

from __future__ import annotations

import shlex

from distune._plural import n_of
from distune.tuning.champion.baseline import about_baseline
from distune.tuning.champion.columns import interval_of
from distune.tuning.champion.outcome import outcome
from distune.tuning.champion.results import Results
from distune.tuning.report.findings import Findings
from distune.tuning.report.unchosen import Step, has_none_to_choose, headline_of_none, lead_of_none, steps_of_none
from distune.tuning.storage.records import best_score, count_done
from distune.tuning.storage.searches import state_of
from distune.tuning.study.describe import HARD_LABEL_STUDENT, describe_trial
from distune.tuning.study.rule import teacher_ratio


def headline(findings: Findings) -> str:
    """The outcome in one sentence; its score is of the test split, by which nothing was chosen."""
    results = findings.results
    if results is None:
        return headline_of_none(findings) if has_none_to_choose(findings) else _so_far(findings)
    return outcome(results.columns, meets_rule=results.champion is not None, teacher_timed=results.teacher_timed)


def _so_far(findings: Findings) -> str:
    n_done, n_trials = count_done(findings.records), findings.study.config.search.trials
    how = "Interrupted" if state_of(findings.folder) == "interrupted" else "Not finished"
    best, metric = best_score(findings.records), findings.study.config.metric
    reached = "no trial has a score yet" if best is None else f"best dev {metric.title} so far {best:.3f}"
    return f"{how}: {n_done} of {n_of(n_trials, 'trial')} done, {reached}, no champion yet"


def lead(findings: Findings) -> list[str]:
    """The evidence of the headline, in sentences; for a search that has not ended, its remaining phases."""
    results = findings.results
    if has_none_to_choose(findings):
        return lead_of_none(findings)
    if results is None:
        return [
            f"This search has not ended. {count_done(findings.records)} of {n_of(findings.study.config.search.trials, 'trial is', 'trials are')} done; "
            "the finalists have not been timed and no champion is chosen. This is what there was when the page was written."
        ]
    family = results.shown.config.student.kind
    who = f"The champion is trial {results.champion} ({family})."
    if results.champion is None:
        who = f"No finalist meets the rule. Shown is the nearest to it, trial {results.shown.trial} ({family})."
    baseline = [f"{about_baseline(results.baseline, results.columns[-1])}."] if results.baseline else []
    return [
        f"{who} {_on_test(results)} {_on_dev(results)}",
        f"Its settings: {describe_trial(results.shown.config)}.",
        *baseline,
    ]


def _on_test(results: Results) -> str:
    teacher, alone, student = (column.quality.test_score.mean for column in results.columns)
    n_test, quality = results.texts.get("test"), results.columns[-1].quality
    interval = ""
    if n_test and (bounds := interval_of(quality, n_test)):
        low, high = bounds
        interval = f" (95 % interval {low:.3f} to {high:.3f} over {n_of(n_test, 'text')})"
        if low <= teacher <= high:
            interval = f"{interval[:-1]}, too wide to tell it from the teacher)"
    hard = results.columns[1].name == HARD_LABEL_STUDENT
    without = "that has learnt the teacher's likeliest labels" if hard else "without a teacher"
    return f"On test its {quality.metric.title} is {student:.3f}{interval}, that of its teacher {teacher:.3f}, that of the same student {without} {alone:.3f}."


def _on_dev(results: Results) -> str:
    teacher, _, student = (column.quality.dev_score.mean for column in results.columns)
    kept = teacher_ratio(student, teacher)
    return "" if kept is None else f"On dev, where it was chosen, it keeps {100 * kept:.1f} % of the teacher."


def next_steps(findings: Findings) -> list[Step]:
    """The commands for the reader of the headline."""
    results, search = findings.results, findings.study.config.search
    if has_none_to_choose(findings):
        return steps_of_none(findings)
    if results is None and state_of(findings.folder) == "interrupted":
        return [Step("Go on with it; no finished trial is repeated", "distune search STUDY.yaml --resume")]
    if results is None:
        return [
            Step("See how far it is", f"distune results {shlex.quote(str(findings.folder))}"),
            Step("Start no further trial, and choose a champion of what there is", "distune finish STUDY.yaml"),
        ]
    longer = f"distune search STUDY.yaml --resume --set search.trials={2 * search.trials}"
    if results.champion is None:
        return [
            Step("Search longer; the trials that there are stay", longer),
            Step("Or ask for less: change champion in the study, and search again", "distune search STUDY.yaml"),
        ]
    return [*_to_use(findings), Step("Search longer, if its history still rises", longer)]


def _to_use(findings: Findings) -> list[Step]:
    """A page that the search itself writes is older than its version, and the name alone may be another search's champion: the folder
    of this one is taken then."""
    pull = f"distune pull {shlex.quote(str(findings.folder))} my-student"
    if registered := findings.state.get("registered"):
        version = shlex.quote(f"{registered['name']}/{registered['version']}")
        pull = f"distune pull {version} my-student{findings.study.config.tracking.option}"
    return [
        Step("Take the student", pull),
        Step("Answer your own pairs, one a line with a tab between its texts", "distune predict my-student < pairs.tsv")
        if findings.study.config.corpus.text_b
        else Step("Answer your own texts, one a line", "distune predict my-student < texts.txt"),
        Step("Serve it over HTTP", "distune serve my-student"),
    ]
