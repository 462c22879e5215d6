"""All pictures of a search, and their files: HTML with one plotly.min.js, and PNG if there is a Chromium."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import plotly.graph_objects as go

from distune.models.errors import first_line
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.confusions import confused_pairs
from distune.tuning.report.findings import Findings
from distune.tuning.report.fonts import first_without_font, fonts_for, wide_characters
from distune.tuning.report.pictures_calibration import calibration_picture
from distune.tuning.report.pictures_coverage import coverage_picture
from distune.tuning.report.pictures_front import front_picture
from distune.tuning.report.pictures_labels import SHOWN_LABELS, labels_picture, shown_labels
from distune.tuning.report.pictures_model import (
    confusion_picture,
    has_many_classes,
    latency_picture,
    pairs_picture,
)
from distune.tuning.report.pictures_parallel import parallel_picture
from distune.tuning.report.pictures_search import (
    curves_picture,
    history_picture,
    importance_picture,
    is_drawable,
)
from distune.tuning.search.importance import MIN_TRIALS
from distune.tuning.study.describe import STUDENT_ALONE

_log = logging.getLogger(__name__)
PNG_WIDTH = 1000
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}
PNG_TIMEOUT_S = 60
# Whatever Chromium would like to tell its maker goes to a port where nobody listens; the pictures are local files.
NO_NETWORK = "127.0.0.1:9"
CALIBRATION = (
    "On the test texts: of all answers given with a confidence (the probability of the answer) of 0.8, 80 % should be right. Below the "
    "dashed line a model is surer than it should be."
)
CALIBRATION_OF_SEVERAL = (
    "Over all pairs of a test text and a label, without unknown labels: of the pairs in which the label has a probability of 0.8, 80 % should "
    "be texts with that label. Below the dashed line a model says too much, above it too little. Most pairs are at the left end."
)


@dataclass(frozen=True)
class Picture:
    """One picture: the name of its files, what it shows, and what to look for in it."""

    name: str
    title: str
    caption: str
    figure: go.Figure


@dataclass(frozen=True, kw_only=True)
class _Plan:
    name: str
    title: str
    caption: str
    draw: Callable[[], go.Figure] | None
    """None if what it needs is not there."""
    needs: str = ""
    """Empty if nothing is missing: there is nothing to draw, and the page says so in words."""


def draw(findings: Findings) -> tuple[list[Picture], list[str]]:
    """The pictures that can be drawn of a search, and of each other one its title and what it needs."""
    plans = [*_of_search(findings), *_of_model(findings)]
    pictures = [Picture(plan.name, plan.title, plan.caption, plan.draw()) for plan in plans if plan.draw]
    return pictures, [f"{plan.title}: needs {plan.needs}" for plan in plans if not plan.draw and plan.needs]


def _of_search(findings: Findings) -> list[_Plan]:
    records, objectives, metric = findings.records, findings.study.config.search.figures, findings.study.config.metric
    is_enough = is_drawable(records)
    return [
        _front(findings),
        _Plan(
            name="history",
            title="Optimisation history",
            caption="Each complete trial in the order of the search, and the best so far. Where the line is flat to the end, more "
            "trials would hardly find more.",
            draw=partial(history_picture, records, objectives, metric) if is_enough else None,
            needs="two complete trials",
        ),
        _Plan(
            name="parallel",
            title="Parallel coordinates",
            caption="A line is a trial, blue where no other beats it in both quality and speed. None: its branch of the space does "
            "not have that setting. Of many settings these are the ten that mattered most.",
            draw=partial(parallel_picture, records, objectives, findings.study.space, findings.mattered, metric)
            if is_enough
            else None,
            needs="two complete trials",
        ),
        _Plan(
            name="importance",
            title="Hyperparameter importance",
            caption="The share of each setting in the differences between trials. What one branch alone has is weighed within it.",
            draw=partial(importance_picture, findings.mattered, metric) if findings.mattered else None,
            needs=f"{MIN_TRIALS} complete trials that differ",
        ),
        _curves(findings),
    ]


def _front(findings: Findings) -> _Plan:
    config, records = findings.study.config, findings.records
    has_front = any(record.state == "complete" for record in records)
    alone = next((one.title for one in records if one.config.loss.is_plain), STUDENT_ALONE)
    return _Plan(
        name="front",
        title=f"Pareto front: {config.metric.title} and speed",
        caption="Up and left is better. Pale circles are trials, as large as their network; their time is a hint, taken while "
        f"others ran. Open marks around a hint are the {alone} and the points of search.first. Diamonds are the finalists, retrained with several seeds and timed alone; a bar is ± one standard deviation.",
        draw=partial(front_picture, records, findings.results, config.champion, config.metric) if has_front else None,
        needs="a complete trial",
    )


def _curves(findings: Findings) -> _Plan:
    records, results = findings.records, findings.results
    has_curves = any(record.curve for record in records)
    finalists = (
        {}
        if results is None
        else {one.trial: "champion" if one.trial == results.champion else "finalist" for one in results.finalists}
    )
    return _Plan(
        name="curves",
        title="Learning curves",
        caption="Lines that end early were stopped. Losses of different kinds do not compare; scores do.",
        draw=partial(curves_picture, records, finalists, findings.study.config.metric) if has_curves else None,
        needs="epochs, which this search did not keep",
    )


def _of_model(findings: Findings) -> list[_Plan]:
    answers, results = findings.answers, findings.results
    timed = results is not None and any(one.latency.quantiles_ms for one in results.finalists)
    return [
        _Plan(
            name="calibration",
            title="Calibration",
            caption=CALIBRATION_OF_SEVERAL if answers and answers.is_multi_label else CALIBRATION,
            draw=partial(calibration_picture, answers) if answers else None,
            needs="answers on the test texts",
        ),
        _Plan(
            name="coverage",
            title="Accuracy against coverage",
            caption="On the test texts: to the right each model leaves out more of the texts, those of which it is least sure. A line that "
            "rises steeply is of a model that knows when to ask. The area under risk is the mean error over the whole line.",
            draw=partial(coverage_picture, answers) if answers else None,
            needs="answers on the test texts",
        ),
        _labels(answers) if findings.study.config.corpus.multi_label else _confusion(answers),
        _Plan(
            name="latency",
            title="Latency distribution",
            caption="The part of texts that is answered within a time, from raw text to label, one after the other, on one thread. A steep line is a "
            "predictable one.",
            draw=partial(latency_picture, results) if results and timed else None,
            needs="quantiles of the timing",
        ),
    ]


def _labels(answers: Answers | None) -> _Plan:
    shown = shown_labels(answers) if answers else []
    which = "Of each label the F1 on test"
    if answers and len(shown) < len(answers.names):
        which = f"Of {len(shown)} of {len(answers.names)} labels, those with the lowest, the F1 on test"
        if len(shown) < SHOWN_LABELS:
            which = f"Of {len(shown)} of {len(answers.names)} labels, as the others have no test text, the F1 on test"
    return _Plan(
        name="labels",
        title="F1 of each label",
        caption=f"{which}, those that the student answers worst at the top: circles are the student, diamonds its teacher, and in "
        "brackets is the number of test texts with the label. Labels that both answer badly are rare or lie in the data; where only the student is bad, something was lost.",
        draw=partial(labels_picture, answers) if answers and shown else None,
        needs="answers on test texts that have labels",
    )


def _confusion(answers: Answers | None) -> _Plan:
    """The matrix, or of many classes the pairs that are confused most."""
    if answers and has_many_classes(answers):
        if not confused_pairs(answers, 1):
            return _Plan(name="confusion", title="Most confused pairs", caption="", draw=None)
        return _Plan(
            name="confusion",
            title="Most confused pairs",
            caption=f"Of {len(answers.names)} labels, the pairs (label → answer) that the student confuses in most test texts, and in how many "
            "the teacher does. What both confuse lies in the data; what only the student confuses was lost.",
            draw=partial(pairs_picture, answers),
        )
    return _Plan(
        name="confusion",
        title="Confusion matrix",
        caption="Test texts by their label and by the answer. The diagonal is right.",
        draw=partial(confusion_picture, answers) if answers else None,
        needs="answers on the test texts",
    )


def write_html(pictures: Sequence[Picture], folder: Path) -> None:
    """Write each picture as HTML, all with one plotly.min.js next to them."""
    for picture in pictures:
        picture.figure.write_html(folder / f"{picture.name}.html", include_plotlyjs="directory", config=CONFIG)


def write_pngs(pictures: Sequence[Picture], folder: Path) -> list[Path]:
    """Write each picture as PNG, in one start of the machine's Chromium. Without one, say so and write none."""
    try:
        import kaleido
    except ImportError:
        _log.info(
            f"no PNGs of the pictures ({', '.join(picture.name for picture in pictures)}): the package kaleido is not installed; "
            "pip install 'distune[pictures]', and `distune report` draws them"
        )
        return []
    files = [folder / f"{picture.name}.png" for picture in pictures]
    jobs = [
        {
            "fig": picture.figure,
            "path": file,
            "opts": {"format": "png", "width": PNG_WIDTH, "height": picture.figure.layout.height, "scale": 2},
        }
        for picture, file in zip(pictures, files, strict=True)
    ]
    settings = {"mathjax": False, "timeout": PNG_TIMEOUT_S, "proxy_server": NO_NETWORK}
    characters = wide_characters(str(picture.figure.to_plotly_json()) for picture in pictures)
    with fonts_for(characters):
        try:
            kaleido.write_fig_from_object_sync(jobs, cancel_on_error=True, kopts=settings)
        except Exception as error:  # noqa: BLE001  (pictures never end a search)
            first_sentence = first_line(error).split(". ")[0].rstrip(".")
            _log.info(
                f"no PNGs of the pictures ({', '.join(file.stem for file in files)}): {first_sentence}; `distune report` on a "
                "machine with Chromium draws them"
            )
            return []
        lacking = first_without_font(characters)
    if lacking:
        _log.info(
            f"the PNGs of the pictures have boxes instead of characters such as {lacking}: no font of this machine or of Distune "
            "has it; install one (apt-get install fonts-noto-cjk), and `distune report` draws them again"
        )
    return files
