"""The section of a model card about its confidence: the temperature, the calibration, and the answers of which it is sure."""

from __future__ import annotations

from collections.abc import Sequence

from distune.tuning.champion.calibration import Calibration
from distune.tuning.champion.columns import Column
from distune.tuning.champion.confidence import Confidence

FIGURES = (("calibration error", "error"), ("classwise calibration error", "classwise_error"), ("log loss", "log_loss"))


def confidence_section(columns: Sequence[Column]) -> str:
    """The section about student and teacher; empty for columns that do not say it."""
    teacher, student = columns[0], columns[-1]
    if teacher.confidence is None or student.confidence is None:
        return ""
    return f"""## How sure it is

{_about_temperature(student.confidence)} On the test texts:

{_calibration_table(student.confidence, teacher.confidence)}

A calibration error is the mean distance between the confidence and the share of right answers, in ten bins; less is better.

The student is right more often if it leaves out the texts of which it is least sure. In this table student and teacher each leave out their own:

{_coverage_table(student, teacher)}

`python FOLDER --abstain-below P` marks the answers below a probability P as `abstained`; the table has the P of each share on these texts. \
The area under the risk-coverage curve, the mean error over all shares, is {student.confidence.area_under_risk_coverage:.4f}; the teacher's is \
{teacher.confidence.area_under_risk_coverage:.4f}.

"""


def _about_temperature(student: Confidence) -> str:
    if student.note:
        return f"The probabilities are not calibrated (temperature 1): {student.note}."
    return (
        f"Its probabilities are calibrated: they are those of its logits over {student.temperature:g}, a temperature fitted on dev. It is "
        "`temperature` in `config.json`, and does not change labels."
    )


def _calibration_table(student: Confidence, teacher: Confidence) -> str:
    sides: dict[str, Calibration] = {"student": student.calibration}
    if student.uncalibrated is not None:
        sides = {"student before scaling": student.uncalibrated, "student": student.calibration}
    sides |= {"teacher": teacher.calibration}
    header = [f"| | {' | '.join(sides)} |", f"|---|{'---:|' * len(sides)}"]
    rows = [
        f"| {title} | {' | '.join(f'{getattr(one, name):.4f}' for one in sides.values())} |" for title, name in FIGURES
    ]
    return "\n".join([*header, *rows])


def _coverage_table(student: Column, teacher: Column) -> str:
    ours, theirs = (one.confidence.covered if one.confidence else () for one in (student, teacher))
    metric, whole = student.quality.metric, "exact match" if student.quality.is_multi_label else "accuracy"
    has_score = any(one.score is not None for one in ours)
    heads = ["answered", "from P on", whole, f"teacher's {whole}"]
    heads += [metric.title, f"teacher's {metric.title}"] if has_score else []
    rows = []
    for one, other in zip(ours, theirs, strict=True):
        cells = [f"{100 * one.share:.1f} %", f"{one.abstain_below:.4f}", f"{one.accuracy:.4f}", f"{other.accuracy:.4f}"]
        if has_score:
            cells += ["-" if score is None else f"{score:.4f}" for score in (one.score, other.score)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---:|' * len(heads)}", *rows])
