"""Two searches side by side: their rules and champions, their fronts, and what changed in their study files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distune.tuning.champion.results import read_raw_results
from distune.tuning.champion.table import in_mb
from distune.tuning.report.findings import Findings
from distune.tuning.storage.records import TrialRecord, count_states, front_facts, pareto_front
from distune.tuning.storage.searches import state_of
from distune.tuning.study.points import flatten
from distune.tuning.study.rule import rule_text

N_FRONT = 8
Pair = tuple[Findings, Findings]


@dataclass(frozen=True)
class Change:
    """A setting in which two study files differ; None if one of them does not have it."""

    path: str
    first: str | None
    second: str | None


def changes(first: dict[str, Any], second: dict[str, Any]) -> list[Change]:
    """The differences of two study documents, by dotted path; blocks of a list go by their number."""
    one, other = _by_path(first), _by_path(second)
    paths = dict.fromkeys([*one, *other])
    found = [Change(path, one.get(path), other.get(path)) for path in paths]
    return [change for change in found if change.first != change.second]


def _by_path(document: dict[str, Any]) -> dict[str, str]:
    return {path: str(value) for path, value in flatten(_numbered(document)).items()}


def _numbered(node: Any) -> Any:
    """The document with each list of blocks as a block: those of a kind by it, others by their number."""
    if isinstance(node, dict):
        return {str(key): _numbered(value) for key, value in node.items()}
    if isinstance(node, list) and node and all(isinstance(one, dict) for one in node):
        kinds = [str(one.get("kind", number)) for number, one in enumerate(node)]
        names = kinds if len(set(kinds)) == len(kinds) else [str(number) for number in range(len(node))]
        return {name: _numbered(one) for name, one in zip(names, node, strict=True)}
    return node


def warnings(pair: Pair) -> list[str]:
    """The figures that cannot be compared between two searches."""
    found = []
    (first, second) = (one.state for one in pair)
    if first.get("corpus") != second.get("corpus"):
        found.append("THE CORPUS IS NOT THE SAME: the scores are of other texts and do not compare")
    elif first.get("answers") != second.get("answers"):
        found.append("THE LABELS OF DEV OR TEST ARE NOT THE SAME: the scores are by other answers and do not compare")
    elif first.get("answers") is None:
        found.append(
            "IT IS NOT KNOWN WHETHER THE LABELS OF DEV AND TEST ARE THE SAME: an older Distune did not keep them"
        )
    metrics = [one.study.config.metric for one in pair]
    if metrics[0] != metrics[1]:
        found.append(
            f"THE METRIC IS NOT THE SAME ({metrics[0].title} against {metrics[1].title}): the scores do not compare"
        )
    if first.get("train") != second.get("train"):
        found.append("THE LABELS OF TRAIN ARE NOT THE SAME: students have learnt from other answers")
    if first.get("files") != second.get("files"):
        found.append(
            "THE FILES THAT trial NAMES ARE NOT THE SAME: students have read other vectors, dictionaries or tokenizers"
        )
    if first.get("teacher") != second.get("teacher"):
        found.append(
            "THE TEACHER IS NOT THE SAME: what is relative to it (the rule's share, agreement, times faster) does not "
            "compare, and students have learnt from other logits"
        )
    cpus = [one.results.cpu for one in pair if one.results]
    if len(set(cpus)) > 1:
        found.append(
            f"THE CPU IS NOT THE SAME ({' against '.join(cpus)}): milliseconds do not compare, times faster may"
        )
    found += [f"{one.folder} has not come to its end: only its trials are compared" for one in pair if not one.results]
    return found


def show_comparison(pair: Pair, console: Console) -> None:
    """Print two searches side by side."""
    for line in warnings(pair):
        console.print(Text(line, style="bold red"), soft_wrap=True)
    console.print(_summary(pair), _fronts(pair))
    found = changes(pair[0].study.document, pair[1].study.document)
    if not found:
        console.print("the study files are the same")
        return
    console.print("what changed in the study file (-: it is not in it)")
    table = Table()
    for heading in ("setting", "A", "B"):
        table.add_column(heading, overflow="fold")
    for change in found:
        table.add_row(*(Text("-" if cell is None else cell) for cell in (change.path, change.first, change.second)))
    console.print(table)


def comparison(pair: Pair) -> dict[str, Any]:
    """The output of `show_comparison`, for programs: the facts and the front of each search, the figures that cannot
    be compared, and the settings in which the study files differ."""
    found = changes(pair[0].study.document, pair[1].study.document)
    return {
        "searches": [
            {
                "study": one.name,
                "folder": str(one.folder),
                "state": state_of(one.folder),
                "counts": count_states(one.records),
                "rule": rule_text(one.study.config.champion, one.study.config.metric),
                "results": read_raw_results(one.folder),
                "front": front_facts(one.records, one.study.config.metric),
            }
            for one in pair
        ],
        "warnings": warnings(pair),
        "changes": [asdict(change) for change in found],
    }


def _summary(pair: Pair) -> Table:
    table = Table(title="two searches", title_justify="left")
    for heading in ("", "A", "B"):
        table.add_column(heading, overflow="fold", no_wrap=not heading)
    columns = [_facts(one) for one in pair]
    for name in dict.fromkeys(name for column in columns for name in column):
        table.add_row(name, *(Text(column.get(name, "-")) for column in columns))
    return table


def _facts(findings: Findings) -> dict[str, str]:
    """A search in rows of the table."""
    counts = ", ".join(f"{n} {state}" for state, n in count_states(findings.records).items() if n)
    facts = {
        "search": str(findings.folder),
        "trials": counts or "none",
        "rule": rule_text(findings.study.config.champion, findings.study.config.metric),
    }
    if (results := findings.results) is None:
        return facts
    student, title = results.columns[-1], results.metric.title
    name = f"trial {results.shown.trial}, {results.shown.config.student.kind}"
    facts["champion"] = name if results.champion is not None else f"none; the nearest is {name}"
    facts |= {f"dev {title}": str(student.quality.dev_score), f"test {title}": str(student.quality.test_score)}
    facts |= {
        f"{results.columns[1].name}, test": str(results.columns[1].quality.test_score),
        "teacher, test": str(results.columns[0].quality.test_score),
    }
    if student.size_mb is not None:
        facts["MB on disk"] = in_mb(student.size_mb)
    if student.latency:
        facts["p50 ms"] = f"{student.latency.p50_ms:.3f}"
        if (teacher := results.columns[0].latency) is not None:
            facts["times faster than the teacher"] = f"{teacher.p50_ms / student.latency.p50_ms:,.1f}"
    return {**facts, "timed on": f"{results.cpu} ({results.host})"}


def _fronts(pair: Pair) -> Table:
    metrics = " and ".join(dict.fromkeys(one.study.config.metric.title for one in pair))
    title = f"the Pareto fronts of the trials, by dev {metrics} and by hints in ms, {N_FRONT} at most"
    table = Table(title=title, title_justify="left")
    for search in "AB":
        for heading in (f"{search}: trial", "dev", "hint", "student"):
            table.add_column(heading, justify="left" if heading == "student" else "right", overflow="fold")
    fronts = [[_cells(record) for record in pareto_front(one.records)[:N_FRONT]] for one in pair]
    for row in range(max(map(len, fronts))):
        table.add_row(*(cell for front in fronts for cell in (front[row] if row < len(front) else ("",) * 4)))
    return table


def _cells(record: TrialRecord) -> tuple[str, str, str, str]:
    return str(record.number), f"{record.score:.4f}", f"{record.latency_ms:.3f}", record.config.student.kind
