"""The page of the tables, from what is recorded of their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.bootstrap import (
    Scorer,
    Weighed,
    paired_difference,
    paired_score_difference,
    paired_weighed_difference,
)
from distune.tuning.champion.columns import spread
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.metric import Metric
from distune.tuning.metric.set_metric import SetMetric
from distune.tuning.metric.task import AnyMetric, task_of

BERT_BASE_NAME = "BERT-base shape"
NOT_DONE = "Not done"
N_DRAWS, N_DRAWS_OF_PROBABILITIES = 4000, 1000
"""A metric of probabilities sorts all texts for each draw."""
Labels = NDArray[np.int64]
Record = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One method on one study: what was chosen and what it answered, each by seed."""

    name: str
    choices: tuple[Record, ...]
    readings: tuple[Record, ...]

    @property
    def title(self) -> str:
        """Its name, and for how many seeds no student of its search met its rule."""
        missed = sum(not one["about"].get("meets the rule", True) for one in self.choices)
        rule = f"no student met the rule with {missed} of {len(self.choices)} seeds: the most accurate"
        return f"{self.name} ({rule})" if missed else self.name

    def accuracies(self, title: str, labels: Labels) -> list[float]:
        """On a final set, by seed."""
        return [float(one.mean()) for one in self.right(title, labels)]

    def answers(self, title: str) -> Labels:
        """`[seeds, texts]`: the classes that it answered on a final set; of several labels a text `[seeds, texts, labels]`."""
        return np.array([reading["classes"][title] for reading in self.readings])

    def right(self, title: str, labels: Labels) -> NDArray[np.bool_]:
        """`[seeds, texts]`: whether it was right on a final set."""
        return np.asarray(self.answers(title) == labels)

    def scorer(self, metric: Metric, title: str, labels: Labels) -> Scorer:
        """Its scores by a metric, by seed, on some texts of a final set; answers are those of the threshold that dev chose."""
        n_classes = len(metric.labels)
        if metric.is_of_answers:
            pairs = labels * n_classes + self.answers(title)

            def of_answers(texts: Labels) -> NDArray[np.float64]:
                counts = [np.bincount(one[texts], minlength=n_classes**2) for one in pairs]
                return metric.scores(np.stack(counts).reshape(-1, n_classes, n_classes))

            return of_answers
        margins = np.array([reading["margins"][title] for reading in self.readings])
        logits = np.stack([np.zeros_like(margins), margins], axis=-1)
        return lambda texts: np.array([metric.score(one[texts], labels[texts]) for one in logits])

    def weighed(self, metric: SetMetric, title: str, labels: Labels) -> Weighed:
        """Its scores by a metric of several labels, by seed, on a final set whose texts have weights; answers are those of the
        thresholds that dev chose."""
        # Logits that say at a probability of 0.5 what was answered.
        logits = 2.0 * self.answers(title) - 1.0
        return lambda weights: np.stack([metric.scores(one, labels, None, weights) for one in logits])

    def scores(self, metric: AnyMetric, title: str, labels: Labels) -> list[float]:
        """Its score by a metric on a final set, by seed."""
        if isinstance(metric, SetMetric):
            found = self.weighed(metric, title, labels)(np.ones((1, len(labels))))[:, 0]
        else:
            found = self.scorer(metric, title, labels)(np.arange(len(labels)))
        return [float(one) for one in found]


def page(studies: Mapping[str, Sequence[Record]], before: str = "") -> str:
    """docs/results.md as a whole; studies that are not read to the end here, but may have been on another machine, stay as
    they were `before`."""
    kept = {part.split("\n", 1)[0]: f"\n## {part.rstrip()}\n" for part in before.split("\n## ")[1:]}
    kept.pop(HOW, None)
    for name, records in studies.items():
        found = section(name, records)
        if name not in kept or NOT_DONE not in found:
            kept[name] = found
    return HEAD + "".join(kept.values())


def section(name: str, records: Sequence[Record]) -> str:
    """The table of a study; of a run that has not read its final rows yet, how far it came."""
    plan = plan_of(records)
    if plan is None:
        return ""
    by_key = {kind: {one["key"]: one for one in records if one.get("record") == kind} for kind in ("choice", "reading")}
    keys = [cell["key"] for cell in plan["cells"]]
    texts = ", ".join(f"{count:,} {split}" for split, count in plan["texts"].items())
    found = f"\n## {name}\n\n{texts}; {_labels_text(plan)}. Teacher: {plan['teacher']}. {_effort(plan)}\n\n"
    n_read = sum(key in by_key["reading"] for key in keys)
    if n_read < len(keys):
        n_chosen = sum(key in by_key["choice"] for key in keys)
        return found + f"{NOT_DONE}: {n_chosen} of {len(keys)} cells are chosen, {n_read} read.\n"
    rows = rows_of(records)
    speed = next((one for one in reversed(records) if one.get("record") == "speed"), None)
    for title, labels in plan["finals"].items():
        found += _quality_table(title, np.array(labels), plan, rows)
    return found + _passed(rows) + (_speed_table(speed, rows) if speed else "")


def _passed(rows: Sequence[Row]) -> str:
    """After how many trials each search passed the mean dev score of the best fixed setting."""
    fixed = {
        row.name: np.mean([one["about"]["dev_accuracies"] for one in row.choices])
        for row in rows
        if row.choices[0]["about"].get("trials") == 0
    }
    metric = next((row.choices[0]["about"].get("metric") for row in rows if row.name in fixed), None)
    found, told = "", []
    for row in rows:
        curves = [one["about"].get("trial_accuracies") for one in row.choices]
        # Of searches alone there are trials; rows that differ in their rule alone share theirs.
        by_same = row.choices[0]["about"].get("metric") == metric
        if fixed and all(curves) and by_same and curves not in told:
            told.append(curves)
            searches = [curve for number, curve in enumerate(curves) if curve not in curves[:number]]
            name = max(fixed, key=lambda one: float(fixed[one]))
            firsts = [
                min((number + 1 for number, one in curve or () if one > fixed[name]), default=None)
                for curve in searches
            ]
            shown = ", ".join("never" if first is None else str(first) for first in firsts)
            found += (
                f"Trials until *{row.name}* passed the mean dev {metric or 'accuracy'} of *{name}* "
                f"({fixed[name]:.4f}){', by seed' if len(searches) > 1 else ''}: {shown}.\n\n"
            )
    return found


def _labels_text(plan: Record) -> str:
    n = len(plan["labels"])
    return f"{n} labels, any number of them a text" if plan.get("is_multi_label") else f"{n} classes"


def _effort(plan: Record) -> str:
    """What was searched and trained for each row."""
    times = {1: "once", 2: "twice", 3: "three times"}.get(plan["retrainings"], f"{plan['retrainings']} times")
    seeds = "one search with the first seed, trainings with each" if plan["one_search"] else "a search for each seed"
    kept = "" if plan["retrainings"] == 1 else ", the best on dev kept"
    return f"Searches have {plan['trials']} trials: {seeds}; each student is trained {times}{kept}."


def plan_of(records: Sequence[Record]) -> Record | None:
    """What the last run was to compute."""
    return next((one for one in reversed(records) if one.get("record") == "plan"), None)


def rows_of(records: Sequence[Record]) -> list[Row]:
    """The methods of the last plan, all of whose cells must be read; of those that are the same, as some are where there is one
    teacher, the one that others are held against, or else the first."""
    plan = plan_of(records) or {"cells": []}
    by_key = {kind: {one["key"]: one for one in records if one.get("record") == kind} for kind in ("choice", "reading")}
    keys: dict[str, list[str]] = {}
    for cell in plan["cells"]:
        keys.setdefault(cell["method"], []).append(cell["key"])
    names: dict[tuple[str, ...], str] = {}
    for name, those in keys.items():
        if name == plan.get("against") or tuple(those) not in names:
            names[tuple(those)] = name
    return [
        Row(name, tuple(by_key["choice"][key] for key in those), tuple(by_key["reading"][key] for key in those))
        for name, those in keys.items()
        if name in names.values()
    ]


def _quality_table(title: str, labels: Labels, plan: Record, rows: Sequence[Row]) -> str:
    names = tuple(plan["labels"])
    task = task_of(plan.get("is_multi_label", False))
    judges = [
        task.metric(MetricConfig.model_validate(one), names, {title: labels})
        for one in (plan.get("metric", {}), *task.beside, *plan.get("beside", ()))
    ]
    shown = list({judge.config.title: judge for judge in judges}.values())
    heads = ["", "seeds", f"dev {shown[0].config.title}", *(judge.config.title for judge in shown)]
    at_threshold = shown[0].config.kind == "recall_at_precision"
    heads += ["precision and recall at dev's threshold"] if at_threshold else []
    reference = next((row for row in rows if row.name == plan["against"]), None)
    heads.append(f"difference from *{plan['against']}*")
    found = f"`{title}`, {len(labels):,} texts:\n\n| {' | '.join(heads)} |\n|---|{'---:|' * (len(heads) - 2)}---|\n"
    found = found.replace("|  |", "| |", 1)
    for row in rows:
        cells = [row.title, str(len(row.readings)), str(spread([one["dev_score"] for one in row.choices]))]
        cells += [str(spread(row.scores(judge, title, labels))) for judge in shown]
        cells += [_precision_and_recall(row.answers(title), labels, shown[0].index or 0)] if at_threshold else []
        is_other = reference is not None and row is not reference
        cells.append(_difference(row, reference, shown[0], title, labels) if reference and is_other else "–")
        found += f"| {' | '.join(cells)} |\n"
    return found + "\n"


def _difference(row: Row, reference: Row, metric: AnyMetric, title: str, labels: Labels) -> str:
    if isinstance(metric, SetMetric):
        one, other = (of.weighed(metric, title, labels) for of in (row, reference))
        return str(paired_weighed_difference(one, other, len(labels)))
    if metric.config.is_accuracy:
        return str(paired_difference(row.right(title, labels), reference.right(title, labels)))
    first, second = (one.scorer(metric, title, labels) for one in (row, reference))
    n_draws = N_DRAWS if metric.is_of_answers else N_DRAWS_OF_PROBABILITIES
    return str(paired_score_difference(first, second, labels, n_draws=n_draws))


def _precision_and_recall(answers: Labels, labels: Labels, index: int) -> str:
    """Those of one class, by the mean over seeds."""
    right = [float(((one == index) & (labels == index)).sum()) for one in answers]
    precision = spread([n / max(1, int((one == index).sum())) for n, one in zip(right, answers, strict=True)])
    return f"{precision}; {spread([n / int((labels == index).sum()) for n in right])}"


def _speed_table(speed: Record, rows: Sequence[Row]) -> str:
    latencies = speed["latencies"]
    by_name = {row.name: row for row in rows}
    head = (
        f"Speed on one thread of {speed['cpu']}, texts of {speed['mean_characters']:.0f} characters on average:\n\n"
        f"| | parameters | MB | p50 ms | p95 ms | texts/s | times teacher | times {BERT_BASE_NAME} |\n"
    )
    lines = [head + "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name, one in latencies.items():
        about: Record = {}
        if name in by_name:
            about = max(by_name[name].choices, key=lambda choice: choice["dev_score"])["about"]
        elif name not in ("teacher", BERT_BASE_NAME):
            continue  # Another row has it.
        size = f"{about['parameters']:,} | {about['size_mb']:.2f}" if about else "– | –"
        ratios = [
            f"{latencies[slow]['p50_ms'] / one['p50_ms']:,.1f}" if slow in latencies else "–"
            for slow in ("teacher", BERT_BASE_NAME)
        ]
        lines.append(
            f"| {name} | {size} | {one['p50_ms']:.3f} | {one['p95_ms']:.3f} | {one['texts_per_s']:,.0f} | "
            f"{' | '.join(ratios)} |"
        )
    return "\n".join(lines) + "\n"


HOW = "How the tables are made"
HEAD = f"""# Results

`python -m benchmarks.tables.run examples/hotel.yaml` wrote the tables of `hotel`, and the other studies have the same command. The methods are in
`benchmarks/tables/tables.yaml`, and the data are in [data.md](data.md). Sets of pairs and skewed sets have methods of their own: add
`--table benchmarks/tables/pairs.yaml` for `mrpc` and `afqmc`, and `--table benchmarks/tables/skewed.yaml` for `sms_spam`, `clinc150` and `tnews_tail`. Texts
with several labels have `--table benchmarks/tables/several_labels.yaml`, for `goemotions` and `bdci_car`.

## {HOW}

- **Split first.** Train, transfer, dev and the final rows are split by content before anything else. Vocabulary, word vectors and augmented texts come from
  train and transfer texts. A final text that is in any other split ends the run.
- **The metric** of a study judges all its methods. Dev chooses the threshold of each method and seed, if the metric has one, and the final rows are answered by it.
  This holds for TF-IDF, for the teacher and for students that were searched by another metric too. `recall_at_precision` is the largest recall of any threshold
  that reaches the precision on the final rows; the precision and recall of the threshold that dev chose are next to it.
- **Dev chooses** the best epoch of a training, the trials that a search stops, the settings of the logistic regression, the student of a search, and which of
  its trainings is kept. For TF-IDF over characters these settings are also the weights of the classes and, for pairs, the use of overlap
  features; with more than two classes it has a linear SVM.
- **The final rows are read once**, after every method is chosen with every seed. Students answer as they are served, from raw text by ONNX Runtime.
- **A seed** sets the search, the word vectors and the trainings. If a study was searched once, a seed sets only the trainings, so ± does not contain the luck of
  the search. For each seed a student is trained as often as its table says. The training with the best dev accuracy is kept, for searched and fixed students.
- **±** is the sample standard deviation over seeds. A method with one seed has none, because it is the same for every seed.
- **Searched**: the student alone and the distilled student have the same number of trials in the same space, but the student alone has `kd_weight` 0. The best
  trials on dev are trained again, three of them, or two in `mrpc`, `afqmc`, `clinc150`, `tnews_tail` and `bdci_car`, and the best mean of these wins. The plain
  trial that begins a search does not count as distilled. "The fastest with 97 %" comes from the same search and is chosen by the hint of the latency.
- **Several teachers**: the papers' methods use the study's first teacher as it is. A study with more teachers is also searched with the first alone. This
  separates the gain of the search from the gain of the teachers.
- **Fixed**: the papers' loss, student and weight, with the study's tokens, word vectors and epochs. The optimiser is AdamW, not the paper's.
- **Searched by accuracy**: the same space without weights of the classes, searched by accuracy from the epochs of its students to its choice. It has the same
  teacher, and the student that it ends with is judged by the study's metric.
- **A difference** is between scores by the metric of the study, with the 95 % percentile interval of a paired bootstrap. Each of 4,000 draws takes texts and seeds with replacement, the
  same for both methods. If the interval contains 0, the table says "none". With five seeds a bootstrap sees slightly less spread than there is (by the factor
  √(4/5) in the part that comes from seeds). For another metric than accuracy it draws the texts label by label, with 1,000 draws if the metric is of probabilities.
- **Several labels a text**: the logistic regression is one for each label, from TF-IDF of words or of characters. Each method has a threshold for each label,
  which dev chooses. "One answer for every text" knows how frequent each label is, and its thresholds are chosen in the same way. Each draw of an interval
  gives the texts exponential weights and holds the score under these (the Bayesian bootstrap, Rubin 1981): a draw of whole texts can leave a rare label out.
- **Speed**: from raw text, one thread, one text at a time (texts/s: batches of 32). All contenders take turns in one run: see [speed.md](speed.md). For each
  method the student of the best seed on dev is timed. The BERT-base shape is the shape of bert-base-chinese (12 layers of 768, vocabulary 21,128) with random
  weights, because weights do not change the speed. It reads as many tokens as the teacher. "Teacher" is the study's first teacher, if its weights are available.
"""
