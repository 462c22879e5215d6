"""A search that has ended and had nothing to choose from: what became of its distilled trials, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from distune._plural import n_of
from distune.tuning.report.findings import Findings
from distune.tuning.storage.paths import ENDED
from distune.tuning.storage.records import TrialRecord

ENDS = {
    "failed": ("failed", "failed"),
    "pruned": ("was stopped early", "were stopped early"),
    "infeasible": ("was far over the time that the rule allows", "were far over the time that the rule allows"),
    "skipped": ("was skipped", "were skipped"),
    "running": ("was cut off", "were cut off"),
}
"""Words for one trial that was not completed, and for several, by their state."""
LONGEST_CAUSE = 200


@dataclass(frozen=True)
class Step:
    """One thing to do next: what it is for, and its command."""

    what: str
    command: str


def has_none_to_choose(findings: Findings) -> bool:
    """Whether a search has ended without finalists, as no distilled trial of it was completed."""
    return findings.results is None and findings.folder.state.get("state") == ENDED


def headline_of_none(findings: Findings) -> str:
    n = len(_distilled(findings.records))
    if not n:
        return "No student to choose from: the search ended before its first distilled trial"
    return f"No student to choose from: {n_of(n, 'distilled trial')}, none completed"


def lead_of_none(findings: Findings) -> list[str]:
    """The ends of the trials, and the causes of those that failed."""
    distilled = _distilled(findings.records)
    said = ["This search has ended without finalists, and nothing was registered."]
    if distilled:
        counts = Counter(one.state for one in distilled)
        shown = [n_of(n, *ENDS.get(state, (state, state))) for state, n in counts.most_common()]
        said[0] += f" Of {n_of(len(distilled), 'distilled trial')} {', '.join(shown)}."
    hints_ms = [one.latency_ms for one in distilled if one.state == "infeasible" and one.latency_ms]
    if hints_ms:
        said.append(f"The hint of the fastest of those that were too slow is {min(hints_ms):.3f} ms for a text.")
    causes = Counter(cause for one in distilled if (cause := _cause(one)))
    if causes:
        cause, n = causes.most_common(1)[0]
        often = "The cause" if n == len(distilled) else f"The cause of {n_of(n, 'trial')}"
        said.append(f"{often}: {cause[:LONGEST_CAUSE]}")
    return said


def steps_of_none(findings: Findings) -> list[Step]:
    """The commands that tell more, and those of another try, by what most of the trials came to."""
    search, distilled = findings.study.config.search, _distilled(findings.records)
    again = f"distune search STUDY.yaml --resume --set search.trials={2 * search.trials}"
    if not distilled:
        return [Step("Go on with it; the trials that there are stay", again)]
    look = Step("See what became of each trial", f"distune results {shlex.quote(str(findings.folder))}")
    match Counter(one.state for one in distilled).most_common(1)[0][0]:
        case "failed":
            return [
                look,
                Step(
                    "Train one student of the study here, where its fault is seen at once", "distune trial STUDY.yaml"
                ),
                Step("When that is mended, search again", "distune search STUDY.yaml"),
            ]
        case "infeasible":
            return [
                look,
                Step(
                    "Allow more milliseconds, or name faster students in the study",
                    "distune search STUDY.yaml --set champion.max_latency_ms=MS",
                ),
            ]
        case "pruned":
            return [
                look,
                Step("Let each trial come to its end", "distune search STUDY.yaml --set search.scheduler=none"),
            ]
    return [look, Step("Go on with it; the trials that there are stay", again)]


def _cause(record: TrialRecord) -> str:
    """The last line that a trial wrote of its fault, without the place of its log, which is its own."""
    lines = [line for line in (record.error or "").strip().splitlines() if not line.startswith("log: ")]
    return lines[-1] if lines else ""


def _distilled(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [record for record in records if not record.config.loss.is_plain]
