from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distune.tuning.champion.columns import quality, spread
from distune.tuning.champion.table import distillation_ratio, in_mb, ratio_text, table_text
from distune.tuning.metric.config import MetricConfig
from distune.tuning.metric.interval import wilson_interval
from distune.tuning.metric.metric import BY_ACCURACY
from distune.tuning.study.rule import teacher_ratio
from tests.making.columns import COLUMNS, column


def test_a_spread_is_a_mean_and_the_sample_standard_deviation() -> None:
    found = spread([0.1, 0.2, 0.3])
    assert (found.mean, found.sd) == (pytest.approx(0.2), pytest.approx(0.1))
    assert str(found) == "0.2000 ± 0.1000"
    assert str(spread([0.5])) == "0.5000"


def test_quality_is_counted_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    student = np.array([[2, 1], [1, 2], [1, 2], [1, 2]], np.float32)  # says 0 1 1 1
    teacher = np.array([[1, 2], [1, 2], [1, 2], [2, 1]], np.float32)  # says 1 1 1 0
    found = quality(BY_ACCURACY, [0.5], [student], labels, teacher.argmax(1))
    assert found.test_accuracy.mean == 0.75
    # F1 of class 0: precision 1, recall 1/2 -> 2/3; of class 1: precision 2/3, recall 1 -> 4/5
    assert found.macro_f1.mean == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.agreement is not None
    assert found.agreement.mean == 0.5


# Of three classes, the third of which no test text has.
TWO_OF_THREE = np.array([0, 0, 1, 1])


@pytest.mark.parametrize(
    ("said", "f1"),
    [
        # Class 0: 1. Class 1: precision 1, recall 1/2 -> 2/3. Class 2 is said once and never right: 0. (1 + 2/3 + 0) / 3.
        ([0, 0, 1, 2], 0.5556),
        # Class 0: precision 2/3, recall 1 -> 4/5. Class 1: 2/3. Class 2 stands nowhere: 0, as in every column. It was
        # (4/5 + 2/3) / 2 = 0.7333, a mean over other classes than that of the column above.
        ([0, 0, 1, 0], 0.4889),
        ([0, 0, 1, 1], 0.6667),
        ([2, 2, 2, 2], 0.0),
    ],
)
def test_macro_f1_is_the_mean_over_the_same_classes_in_every_column(said: list[int], f1: float) -> None:
    logits = np.eye(3, dtype=np.float32)[said]
    assert quality(BY_ACCURACY, [0.5], [logits], TWO_OF_THREE, None).macro_f1.mean == pytest.approx(f1, abs=5e-5)


def test_a_student_keeps_no_part_of_a_teacher_that_is_never_right() -> None:
    assert teacher_ratio(0.72, 0.8) == pytest.approx(0.9)
    assert teacher_ratio(0.5, 0.0) is None


def test_the_distillation_ratio_is_the_part_of_the_way_to_the_teacher() -> None:
    assert distillation_ratio(*COLUMNS) == pytest.approx(0.75)  # 0.15 of 0.20


def test_there_is_no_ratio_where_the_teacher_is_no_better() -> None:
    assert distillation_ratio(column("t", 0.7), column("s", 0.7), column("d", 0.8)) is None


def test_a_way_that_is_only_the_rounding_of_a_sum_is_none() -> None:
    # Three seeds of 0.7 each are 0.6999999999999998 in the mean.
    alone = spread([0.7, 0.7, 0.7]).mean - 2e-16
    assert distillation_ratio(column("t", 0.7), column("s", alone), column("d", 0.75)) is None


def test_a_ratio_of_a_small_way_says_how_small() -> None:
    columns = column("t", 0.9004), column("s", 0.9), column("d", 0.9016)
    assert ratio_text(*columns) == "4.00 (the whole way is 0.0004, so that it says little)"
    assert "on test: 4.00 (the whole way is 0.0004" in " ".join(table_text("demo", "rule", columns, "a CPU").split())
    assert ratio_text(column("t", 0.7), *COLUMNS[1:]) == "- (the teacher is no better than the student alone)"
    assert ratio_text(*COLUMNS) == "0.75"


def test_a_small_size_is_no_zero() -> None:
    assert [in_mb(size) for size in (12.34, 0.1, 0.0987, 0.0044)] == ["12.3", "0.1", "0.099", "0.0044"]


def test_the_ratio_names_its_baseline() -> None:
    assert "ratio (distilled - alone) / (teacher - alone), on test: 0.75" in table_text("a", "b", COLUMNS, "a CPU")
    hard = column("teacher", 0.9), column("hard-label student", 0.7), column("distilled champion", 0.85)
    text = " ".join(table_text("a", "b", hard, "c").split())
    assert "ratio (distilled - hard-label) / (teacher - hard-label), on test: 0.75" in text
    assert ratio_text(column("t", 0.7), *hard[1:]) == "- (the teacher is no better than the hard-label student)"


def test_the_notes_of_the_table_fit_a_terminal_of_80_columns() -> None:
    timed = "one thread of AMD EPYC, without the teacher (the search used only its logits), while other work"
    notes = table_text("demo", "the fastest", COLUMNS, timed).split("┘\n")[1]
    assert max(map(len, notes.splitlines())) <= 80
    assert f"timed from raw text to label on {timed}" in " ".join(notes.split())


def test_the_interval_of_the_table_says_that_the_spread_between_seeds_is_not_in_it() -> None:
    said = "95 % interval: over draws of the test texts; the spread between seeds is ±, and not in it"
    assert said not in table_text("demo", "rule", COLUMNS, "a CPU")  # The table of accuracies has no interval.
    by_f1 = tuple(replace(one, quality=replace(one.quality, metric=MetricConfig(kind="macro_f1"))) for one in COLUMNS)
    text = table_text("demo", "rule", (by_f1[0], by_f1[1], by_f1[2]), "a CPU")
    assert said in " ".join(text.split())


def test_the_table_shows_the_ratio_of_the_latencies() -> None:
    text = table_text("demo", "the fastest", COLUMNS, "a CPU")
    faster = next(line for line in text.splitlines() if "times faster" in line)
    assert [cell.strip() for cell in faster.split("│")[2:5]] == ["1.0", "32.0", "32.0"]
    assert "on test: 0.75" in text


def test_what_was_not_measured_is_a_dash() -> None:
    text = table_text("demo", "rule", (column("teacher", 0.9), *COLUMNS[1:]), "a CPU")
    faster = next(line for line in text.splitlines() if "times faster" in line)
    assert [cell.strip() for cell in faster.split("│")[2:5]] == ["-", "-", "-"]


def test_the_interval_of_an_accuracy_is_wilsons() -> None:
    # By hand: p = 0.9, n = 100, z = 1.96.
    assert wilson_interval(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert wilson_interval(1.0, 50)[1] == pytest.approx(1.0)
    assert wilson_interval(0.0, 50)[0] == 0.0
    assert wilson_interval(0.0, 0) == (0.0, 1.0)


def test_a_label_in_brackets_is_no_markup_of_the_table() -> None:
    columns = [
        replace(one, quality=replace(one.quality, metric=MetricConfig.model_validate({"f1": "[red]"})))
        for one in COLUMNS
    ]
    text = table_text(
        "demo", "the fastest by F1 of [red]", (columns[0], columns[1], columns[2]), "a CPU", "F1 of [red]"
    )
    assert text.count("F1 of [red]") == 4  # In the title, the rows of dev and test, and the note about the baseline.
