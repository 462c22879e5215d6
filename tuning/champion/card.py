"""The model card of a checkpoint, in Hugging Face's format: a header of metadata in YAML, then Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from distune._plural import n_of
from distune.tuning.champion.columns import Column, Quality, interval_of
from distune.tuning.champion.confidence_section import confidence_section
from distune.tuning.champion.outcome import outcome
from distune.tuning.champion.table import rows_of_table
from distune.tuning.champion.thresholds import threshold_section
from distune.tuning.metric.config import TITLES
from distune.tuning.speed.figures import TeacherTimed
from distune.tuning.study.config import CardConfig

_USE = re.compile(r"^## Use\n.*?^```python\n.*?^```\n", re.MULTILINE | re.DOTALL)
_HUB_TYPES = {"accuracy": "accuracy", "micro_f1": "f1", "macro_f1": "f1"}
_PRINTED = """
Each line is answered by an object, whose `labels` may be empty:

```
{"labels": ["...", "..."], "probabilities": {"...": 0.9, ...}, "has_known_token": true}
```
"""


@dataclass(frozen=True, kw_only=True)
class Card:
    """The content of a card; `columns` are the teacher, the student alone and the distilled student."""

    name: str
    settings: CardConfig
    source: str
    about: Mapping[str, Any]
    columns: Sequence[Column]
    n_test: int
    timed: str
    """How its speed was taken."""
    teacher_timed: TeacherTimed | None
    limits: Sequence[str]
    packages: Sequence[str]
    """The packages of its tokens, in addition to onnxruntime and numpy."""
    of_pairs: bool = False
    """Whether it answers pairs of texts."""


def model_card(card: Card) -> str:
    """The README.md of a checkpoint folder: what it is, how it was made, what it reaches, its limits, how to use it."""
    quality = card.columns[-1].quality
    title, (low, high) = quality.metric.title, interval_of(quality, card.n_test) or (math.nan, math.nan)
    how = "Wilson" if quality.metric.is_share_of_texts else "bootstrapped"
    facts = "\n".join(f"- {key}: {value}" for key, value in card.about.items())
    limits = "\n".join(f"- {limit}" for limit in (*card.settings.limits, *card.limits))
    licence = card.settings.data_license or "Whoever made this model has not said under what licence its data stand."
    # No line breaks in a paragraph: MLflow shows them as such.
    return f"""---
{yaml.safe_dump(_metadata(card), allow_unicode=True, sort_keys=False)}---
# {card.name}

{outcome(card.columns, teacher_timed=card.teacher_timed)}. A text classifier for the CPU, distilled by Distune.{_about_labels(quality)}

{facts}

## Results

{markdown_table(card.columns)}

Test {title} over {n_of(card.n_test, "text")}: {quality.test_score.mean:.4f}, 95 % confidence interval {low:.4f} to {high:.4f} \
({how}, over draws of the test texts). ± is the sample standard deviation over the seeds of the training, and no part of the interval. {_about_kept(card.columns[-1])}The test texts were read once, for \
this table.

## Speed

From raw text to label, ONNX Runtime, warm, on {card.timed}.

{threshold_section(card.columns[-1])}{confidence_section(card.columns)}## Limits

{limits}

## Licence of the data

{licence}

{use_section(card.packages, card.of_pairs, quality.is_multi_label)}"""


def _about_labels(quality: Quality) -> str:
    return " A text has any number of labels, also none." if quality.is_multi_label else ""


def _about_kept(column: Column) -> str:
    """The sentence about the seed that is served, whose score is not the mean over seeds; empty if it is not known."""
    if column.kept is None:
        return ""
    return f"This model is the seed that is best on dev; its own test {column.quality.metric.title} is {column.kept.test_score:.4f}. "


def markdown_table(columns: Sequence[Column]) -> str:
    """The table of results."""
    header = f"| | {' | '.join(column.name for column in columns)} |\n|---|{'---:|' * len(columns)}"
    return "\n".join([header, *(f"| {row} | {' | '.join(cells)} |" for row, cells in rows_of_table(columns))])


def _metadata(card: Card) -> dict[str, Any]:
    """The metadata that the hub reads."""
    quality = card.columns[-1].quality
    name = Path(card.source).name
    metrics = [
        {"type": _HUB_TYPES[kind], "name": f"test {TITLES[kind]}", "value": round(one.mean, 4)}
        for kind, one in quality.beside.items()
        if kind in _HUB_TYPES
    ]
    if quality.metric.kind not in _HUB_TYPES:
        value = round(quality.test_score.mean, 4)
        metrics.insert(0, {"type": quality.metric.kind, "name": f"test {quality.metric.title}", "value": value})
    result = {
        "task": {"type": "text-classification"},
        "dataset": {"name": name, "type": name},
        "metrics": metrics,
    }
    known = {"language": card.settings.language, "license": card.settings.license}
    return {
        **{key: value for key, value in known.items() if value is not None},
        "pipeline_tag": "text-classification",
        "tags": [
            "text-classification",
            *(["multi-label-classification"] if quality.is_multi_label else []),
            "knowledge-distillation",
            "onnx",
            "distune",
        ],
        "metrics": list(dict.fromkeys(str(one["type"]) for one in metrics)),
        "model-index": [{"name": card.name, "results": [result]}],
    }


def use_section(packages: Sequence[str], of_pairs: bool = False, is_multi_label: bool = False) -> str:
    """The section about using a checkpoint folder with these packages for its texts, or pairs of texts."""
    line, asked = (
        ("A pair a line, with a tab between its two texts", '("...", "...")')
        if of_pairs
        else ("One text a line", '"..."')
    )
    ask = "labels_of" if is_multi_label else "label"
    return f"""## Use

It needs `pip install {" ".join(["onnxruntime", "numpy", *packages])}` and nothing else. {line}, where `FOLDER` is this folder:

```
python FOLDER < texts.txt
```
{_PRINTED if is_multi_label else ""}
or in a program, with this folder on the path (`sys.path.insert(0, "FOLDER")`):

```python
from distune_student import load

student = load()
print(student.{ask}({asked}))
```
"""


def with_present_use(card: str, packages: Sequence[str], of_pairs: bool = False, is_multi_label: bool = False) -> str:
    """A card with the present section on use in place of its own, if it has one."""
    return _USE.sub(lambda found: use_section(packages, of_pairs, is_multi_label), card, count=1)
