"""The page of the tables, made of the records of a run."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.tables.tables_text import page


def test_macro_f1_of_the_page_is_over_the_classes_of_the_corpus() -> None:
    cells = [{"key": name, "method": name, "kind": "fixed", "seed": 1} for name in "ab"]
    # No text is of the third class; a says it once. By hand in tests/tuning/champion/test_report.py.
    classes = {"a": [0, 0, 1, 2], "b": [0, 0, 1, 0]}
    records: list[dict[str, Any]] = [
        {
            "record": "plan",
            "texts": {"test": 4},
            "labels": ["x", "y", "z"],
            "against": "b",
            "teacher": "a stone",
            "trials": 1,
            "one_search": False,
            "retrainings": 1,
            "finals": {"test": [0, 0, 1, 1]},
            "cells": cells,
        },
        *({"record": "choice", "key": key, "dev_score": 0.5, "about": {}} for key in classes),
        *({"record": "reading", "key": key, "classes": {"test": found}} for key, found in classes.items()),
    ]
    text = page({"s": records})
    assert "| a | 1 | 0.5000 | 0.7500 | 0.5556 |" in text
    assert "| b | 1 | 0.5000 | 0.7500 | 0.4889 |" in text


def records_of(
    metric: Any, classes: dict[str, list[int]], margins: dict[str, list[float]], **plan: Any
) -> list[dict[str, Any]]:
    """The records of one method for each key of `classes`, on four texts of the classes 0, 0, 1, 1."""
    cells = [{"key": name, "method": name, "kind": "fixed", "seed": 1} for name in classes]
    usual: dict[str, Any] = {
        "record": "plan",
        "texts": {"test": 4},
        "labels": ["ham", "spam"],
        "against": "b",
        "teacher": "a stone",
        "trials": 1,
        "one_search": False,
        "retrainings": 1,
        "metric": metric,
        "finals": {"test": [0, 0, 1, 1]},
        "cells": cells,
    }
    return [
        {**usual, **plan},
        *({"record": "choice", "key": key, "dev_score": 0.5, "about": {}} for key in classes),
        *(
            {"record": "reading", "key": key, "classes": {"test": classes[key]}, "margins": {"test": margins[key]}}
            for key in classes
        ),
    ]


def test_the_page_judges_by_the_studys_metric_at_the_threshold_of_dev() -> None:
    # a answers spam three times, from -1 on: both spams and one other. F1 = 4/5, and that of ham is 2/3.
    classes = {"a": [0, 1, 1, 1], "b": [0, 0, 0, 0]}
    margins = {"a": [-2.0, 1.0, -1.0, 3.0], "b": [0.0, 0.0, 0.0, 0.0]}
    beside = [{"kind": "roc_auc", "label": "spam"}]
    text = page({"s": records_of({"f1": "spam"}, classes, margins, beside=beside)})
    assert (
        "| | seeds | dev F1 of spam | F1 of spam | accuracy | macro-F1 | ROC AUC of spam | difference from *b* |"
        in text
    )
    # Of four pairs of a spam and a ham one is in the wrong order: -1 below 1.
    # The worst draw has the ham that is called spam twice: 2 of 4 answers are right, F1 = 2/3. The best has it not.
    assert "| a | 1 | 0.5000 | 0.8000 | 0.7500 | 0.7333 | 0.7500 | +0.8000 [+0.6667, +1.0000] |" in text
    assert "| b | 1 | 0.5000 | 0.0000 | 0.5000 | 0.3333 | 0.5000 | – |" in text


def test_recall_at_a_precision_stands_beside_what_the_threshold_of_dev_gives() -> None:
    metric = {"recall_at_precision": {"label": "spam", "precision": 0.9}}
    classes = {"a": [0, 1, 1, 1], "b": [0, 0, 0, 1]}
    margins = {"a": [-2.0, 1.0, -1.0, 3.0], "b": [-2.0, -1.0, -1.5, 3.0]}
    text = page({"s": records_of(metric, classes, margins)})
    assert "| recall of spam at precision 0.9 | accuracy | macro-F1 | precision and recall at dev's threshold |" in text
    # From 3 on, one of two spams is found without a mistake; the threshold of dev finds both with one.
    assert "| a | 1 | 0.5000 | 0.5000 | 0.7500 | 0.7333 | 0.6667; 1.0000 | none (" in text
    assert "| b | 1 | 0.5000 | 0.5000 | 0.7500 | 0.7333 | 1.0000; 0.5000 | – |" in text


def test_the_page_judges_several_labels_a_text_by_the_answers_to_each() -> None:
    # x: 1 of 2 is found, without a mistake: 2/3. y: both and one more: 4/5. Micro: 2 * 3 / (4 + 4); both of texts 1 and 4 are right.
    answers: dict[str, Any] = {"a": [[1, 0], [0, 1], [0, 1], [0, 1]], "b": [[0, 0]] * 4}
    labels = [[1, 0], [1, 1], [0, 0], [0, 1]]
    plan = {"labels": ["x", "y"], "is_multi_label": True, "finals": {"test": labels}}
    text = page({"s": records_of("macro_f1", answers, {key: [] for key in answers}, **plan)})
    assert "; 2 labels, any number of them a text. Teacher: a stone." in text
    assert "| | seeds | dev macro-F1 | macro-F1 | exact match | micro-F1 | difference from *b* |" in text
    assert "| a | 1 | 0.5000 | 0.7333 | 0.5000 | 0.7500 | +0.7333 [" in text
    assert "| b | 1 | 0.5000 | 0.0000 | 0.2500 | 0.0000 | – |" in text


def test_the_page_says_what_the_records_say() -> None:
    cells = [
        {"key": f"{name}{seed}", "method": name, "kind": "fixed", "seed": seed} for name in "ab" for seed in (1, 2)
    ]
    classes = {"a1": [0, 1, 1, 0], "a2": [0, 1, 0, 0], "b1": [0, 1, 1, 0], "b2": [0, 1, 1, 1]}
    records: list[dict[str, Any]] = [
        {
            "record": "plan",
            "texts": {"train": 1200, "dev": 3},
            "labels": ["x", "y"],
            "against": "b",
            "teacher": "a stone",
            "trials": 48,
            "one_search": False,
            "retrainings": 3,
            "finals": {"test": [0, 1, 1, 1]},
            "cells": cells,
        },
        *(
            {"record": "choice", "key": key, "dev_score": 0.5, "about": {"parameters": 1000, "size_mb": 0.1}}
            for key in classes
        ),
    ]
    assert "Not done: 4 of 4 cells are chosen, 0 read." in page({"s": records})
    records += [{"record": "reading", "key": key, "classes": {"test": found}} for key, found in classes.items()]
    latency = {"p50_ms": 2.0, "p95_ms": 3.0, "texts_per_s": 1000.0}
    records.append(
        {
            "record": "speed",
            "cpu": "a CPU",
            "mean_characters": 20.0,
            "latencies": {"a": latency, "BERT-base shape": {**latency, "p50_ms": 300.0}},
        }
    )
    text = page({"s": json.loads(json.dumps(records))})
    # a is right on 3 and 2 of 4, b on 3 and 4.
    deviation = np.std([0.75, 0.5], ddof=1)
    assert f"| a | 2 | 0.5000 | 0.6250 ± {deviation:.4f} |" in text
    assert "| b | 2 | 0.5000 | 0.8750 ± 0.1768 |" in text
    trials = {"a1": [(0, 0.5), (3, 0.8), (4, 0.9)], "a2": [(1, 0.7), (2, 0.75)]}
    for one in records:
        if one["record"] == "choice":
            one["about"] |= (
                {"trials": 48, "trial_accuracies": trials[one["key"]]}
                if one["key"] in trials
                else {"trials": 0, "trial_accuracies": [], "dev_accuracies": [0.7, 0.8]}
            )
    # A training of b is at 0.75 in the mean, which trial 3 of a's first search is above, the fourth of it.
    assert "Trials until *a* passed the mean dev accuracy of *b* (0.7500), by seed: 4, never." in page({"s": records})
    for one in records:
        if one.get("key") == "a2" and one["record"] == "choice":  # One search for both seeds.
            one["about"] |= {"trial_accuracies": trials["a1"]}
    assert "Trials until *a* passed the mean dev accuracy of *b* (0.7500): 4." in page({"s": records})
    for one in records:
        if one["record"] == "choice" and one["key"] in ("a1", "b1"):
            one["about"] |= {"meets the rule": one["key"] != "b1"}
    assert "| b (no student met the rule with 1 of 2 seeds: the most accurate) | 2 |" in page({"s": records})
    assert (
        "1,200 train, 3 dev; 2 classes. Teacher: a stone. Searches have 48 trials: a search for each seed; each student is "
        "trained three times, the best on dev kept."
    ) in text
    once = page({"s": [{**records[0], "one_search": True, "retrainings": 1}]})
    assert "48 trials: one search with the first seed, trainings with each; each student is trained once." in once
    assert "| a | 1,000 | 0.10 | 2.000 | 3.000 | 1,000 | – | 150.0 |" in text
    # Methods that are the same are one row, the one that the others are held against.
    twice = {**records[0], "cells": [*({**one, "method": f"as {one['method']}"} for one in cells), *cells]}
    lines = page({"s": [*records, twice]}).splitlines()
    assert [line.split(" |")[0] for line in lines if line.startswith("| as ")] == ["| as a"]
    assert not any(line.startswith("| a |") for line in lines)  # Not in the table of speeds either.
    # What was recorded elsewhere stays; the head is today's, and so is a study that has records.
    before = once.replace("# Results", "# Old") + "\n## hotel\n\nits table\n"
    again = page({"s": records, "new": []}, before)
    assert again.startswith("# Results")
    assert again.count("\n## ") == 3
    assert again.endswith("\n## hotel\n\nits table\n")
    assert "| a | 2 | 0.5000 |" in again
    unread = [one for one in records if one["record"] != "reading"]
    assert "| a | 2 | 0.5000 |" in page({"s": unread}, again)
