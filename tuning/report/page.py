"""One page of what a search has found: a single HTML file that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from plotly.offline import get_plotlyjs

from distune._plural import n_of
from distune.tuning.champion.results import Results
from distune.tuning.champion.table import SMALL_WAY, rows_of_table, way_to_teacher
from distune.tuning.report.findings import Findings
from distune.tuning.report.headline import headline, lead, next_steps
from distune.tuning.report.mistakes import mistakes_of
from distune.tuning.report.pictures import CONFIG, Picture
from distune.tuning.report.style import DARK, FONT, LIGHT
from distune.tuning.report.tiles import tiles_of
from distune.tuning.report.unchosen import has_none_to_choose
from distune.tuning.speed.figures import CHUNK_TEXTS, WHO_TOOK_TURNS, load_words
from distune.tuning.storage.paths import dump
from distune.tuning.storage.records import TrialRecord, count_states
from distune.tuning.study.describe import HARD_LABEL_STUDENT, describe_trial
from distune.tuning.study.rule import rule_text

HERE = Path(__file__).parent
PARTS = (
    ("found", "What was found"),
    ("model", "Student and teacher"),
    ("errors", "Errors"),
    ("search", "The search"),
    ("measured", "How it was measured"),
    ("more", "Card and study"),
)
OF_MODEL = ("calibration", "coverage", "confusion", "labels", "latency")
OF_SEARCH = ("history", "parallel", "importance", "curves")
ROOMY = ("parallel",)
"""Wider than a phone; they scroll there."""
Figures = dict[str, Any]


def page(findings: Findings, texts: Sequence[str], pictures: Sequence[Picture], missing: Sequence[str]) -> str:
    """The page; `texts` are those that the answers among the findings are to. Texts, labels and settings are untrusted: they are escaped, and no script but the page's own two runs."""
    plotly, script = get_plotlyjs(), (HERE / "page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((HERE / "page.html").read_text(encoding="utf-8"))
    results = findings.results
    return template.render(
        policy=policy(plotly, script),
        plotly=plotly,
        script=script,
        figures=figures_json(pictures),
        font=FONT,
        name=findings.name,
        metric=findings.study.config.metric.title,
        rule=rule_text(findings.study.config.champion, findings.study.config.metric),
        places=_parts(findings, pictures),
        roomy=ROOMY,
        missing=missing,
        pictures=pictures,
        of_model=_named(pictures, OF_MODEL),
        of_search=_named(pictures, OF_SEARCH),
        headline=headline(findings),
        lead=lead(findings),
        steps=next_steps(findings),
        has_ended=results is not None,
        has_none=has_none_to_choose(findings),
        has_front=_has_front(pictures),
        **_of_results(results, findings),
        **mistakes_of(findings.answers, texts, findings.folder),
        counts=_counts(findings),
        trials=[_trial(record) for record in findings.records],
        facts=_facts(findings),
        card=rendered(findings.card) if findings.card else None,
        study=dump(findings.study.document),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _parts(findings: Findings, pictures: Sequence[Picture]) -> list[tuple[str, str]]:
    """The parts of this page, each by its anchor and its title."""
    is_there = {
        "found": findings.results is not None or _has_front(pictures),
        "model": any(one.name in OF_MODEL for one in pictures),
        "errors": findings.answers is not None,
    }
    return [(anchor, title) for anchor, title in PARTS if is_there.get(anchor, True)]


def _has_front(pictures: Sequence[Picture]) -> bool:
    return any(one.name == "front" for one in pictures)


def policy(*scripts: str) -> str:
    """A Content-Security-Policy under which these scripts alone run, and nothing is fetched from or sent to anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    # Plotly styles what it draws, and saves a picture by way of a data URL.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def figures_json(pictures: Sequence[Picture]) -> str:
    """The pictures without their titles, which the page has, for a script element: it contains no `<`."""
    figures: Figures = {}
    for picture in pictures:
        figures[picture.name] = json.loads(picture.figure.to_json())
        layout = figures[picture.name]["layout"]
        layout.pop("title", None)
        layout.pop("template", None)
        layout["margin"] = {"t": 28}
    templates = {"light": LIGHT.to_plotly_json(), "dark": DARK.to_plotly_json()}
    return json.dumps({"figures": figures, "templates": templates, "config": CONFIG}).replace("<", "\\u003c")


def rendered(card: str) -> str:
    """A model card as HTML, without the header of the hub; HTML in it stays text."""
    body = card.split("---\n", 2)[-1] if card.startswith("---\n") else card
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").disable("image").render(body))


def _named(pictures: Sequence[Picture], names: Sequence[str]) -> list[Picture]:
    return [picture for name in names for picture in pictures if picture.name == name]


def _counts(findings: Findings) -> str:
    records, why = findings.records, findings.state.get("ended_early")
    found = ", ".join(f"{n} {state}" for state, n in count_states(records).items() if n)
    early = f" It ended early, before {findings.study.config.search.trials}: {why}." if why else ""
    return f"{n_of(len(records), 'trial')}: {found}.{early}" if records else "There is no trial in its folder."


def _trial(record: TrialRecord) -> dict[str, Any]:
    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return {
        "number": record.number,
        "state": record.state,
        "score": cell(record.score, ".4f"),
        "hint": cell(record.latency_ms, ".3f"),
        "size": cell(record.size_mb, ".2f"),
        "title": record.title,
        "configuration": describe_trial(record.config),
    }


def _of_results(results: Results | None, findings: Findings) -> dict[str, Any]:
    """The parts of the page that only a finished search has."""
    if results is None:
        return {"tiles": [], "columns": [], "rows": [], "ratio": "", "protocol": []}
    return {
        "tiles": tiles_of(results),
        "ratio": _what_distillation_brought(results),
        "protocol": _protocol(results),
        "stands_in": results.teacher_timed == "stand-in",
        "columns": [column.name for column in results.columns],
        "rows": rows_of_table(results.columns),
    }


def _what_distillation_brought(results: Results) -> str:
    teacher, alone, student = results.columns
    if results.ratio is None:
        return f"On test the teacher is no better than the {alone.name}, so that distillation had nothing to bring."
    way = way_to_teacher(teacher, alone)
    if results.ratio < 0:
        scores = f"{student.quality.test_score.mean:.4f} against {alone.quality.test_score.mean:.4f}"
        found = f"On test the distilled student is worse than the {alone.name}: {scores}"
    else:
        found = (
            f"Distillation went {100 * results.ratio:.0f} % of the way from the {alone.name} to its teacher, on test"
        )
    return found + (f"; the whole way is {way:.4f}, so that this says little." if way < SMALL_WAY else ".")


def _of_kept(results: Results) -> str:
    """The score of the seed that is served, which is not the mean of the table."""
    kept = results.columns[-1].kept
    return "" if kept is None else f"; its own test {results.metric.title} is {kept.test_score:.4f}"


def _protocol(results: Results) -> list[str]:
    """How the figures came about, in sentences."""
    n_seeds = len(results.shown.dev_scores)
    hard = results.columns[1].name == HARD_LABEL_STUDENT
    labels = "the likeliest labels of the teacher's answers" if hard else "the labels alone"
    timed = "" if results.timed_texts is None else f" {results.timed_texts}"
    return [
        f"Everything was chosen on the dev split alone: each of {n_of(len(results.finalists), 'finalist')} was retrained with "
        f"{n_of(n_seeds, 'seed')}, beside the same network trained on {labels}, and the rule was applied to the mean dev {results.metric.title} and "
        "the measured times. The test split was read once, for this page's table, pictures and errors.",
        "Speed is from raw text to label (segmentation, look-up, network) on one thread, warm, "
        f"{load_words(results.load)}. {WHO_TOOK_TURNS[results.teacher_timed]} took turns on the same{timed} dev texts, {CHUNK_TEXTS} at "
        "a time, so that what slowed the machine for a moment slowed all of them. p50 and p95 are of one text at a time, texts/s of batches of 32. "
        f"Of the seeds the one best on dev is kept, timed, and asked for the answers shown here{_of_kept(results)}.",
    ]


def _facts(findings: Findings) -> list[tuple[str, str]]:
    """The machine, the texts and the packages of the measurement."""
    config, results, state = findings.study.config, findings.results, findings.state
    texts, answers = state.get("corpus", "unknown"), state.get("answers", "unknown")
    found = [
        ("corpus", f"{config.corpus.source_name} (fingerprint {texts}; with the labels of dev and test {answers})")
    ]
    if results:
        sizes = ", ".join(f"{n:,} {name}" for name, n in results.texts.items())
        versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
        found += [
            ("texts", sizes),
            ("teacher", f"{results.teacher} (fingerprint {state.get('teacher', 'unknown')})"),
            ("CPU", results.cpu),
            ("machine", results.host),
            ("versions", versions),
        ]
    seeds = f"{config.search.seed} of the search; {config.search.seeds} for each finalist"
    found += [("seeds", seeds), ("search", str(findings.folder)), ("MLflow run", str(state.get("run_id", "")))]
    return [(key, value) for key, value in found if value]
