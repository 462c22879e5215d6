"""The assumptions of a study about its teachers' numbers and its metric: lines that `check` and a search print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distune._plural import n_of
from distune.corpora.answers_file import N_VOTES
from distune.corpora.label_logits import FLOOR_OF_LABEL, SMALLEST_PROBABILITY
from distune.corpora.labelling import n_texts_of
from distune.corpora.logits_columns import FLOOR
from distune.corpora.logits_file import LogitsFile
from distune.corpora.split import Split
from distune.losses.config import LossConfig
from distune.tuning.metric.config import WITHOUT_ANSWERS, MetricConfig
from distune.tuning.metric.set_metric import Labels, Logits, SetMetric
from distune.tuning.metric.task import AnyMetric
from distune.tuning.study.file import Study
from distune.tuning.study.points import upper_bound, values_at
from distune.tuning.study.space import Space
from distune.tuning.teachers.assignment import about_few_texts
from distune.tuning.teachers.no_label import about_no_label
from distune.tuning.teachers.one_answer import about_one_answer
from distune.tuning.teachers.teachers import TeacherPlace, Teachers

LARGE_LOGIT = 100.0
"""Those of classifiers stay below 20; logarithms of probabilities end at -16."""
RARE = 0.05
"""A label with a smaller part of dev is hardly counted by accuracy."""


def of_settings(study: Study, labels: Labels, names: Sequence[str], places: Sequence[TeacherPlace]) -> list[str]:
    """The lines that are known before any teacher answers; `labels` are those of dev."""
    files = [place.logits_file for place in places if place.logits_file is not None]
    return [
        *(f"{file.path}: {note}" for file in files for note in file.notes),
        *_of_few_texts(labels, names, places),
        *_of_sums(places),
        *_of_zeros(study.space, places),
        *_of_votes(study.space, places),
        *_of_weights(study.space, places),
    ]


def of_seen_texts(drawn: Sequence[str], places: Sequence[TeacherPlace]) -> list[str]:
    """The line about a teacher that was trained elsewhere and may have learnt the rows of the splits that were drawn."""
    elsewhere = [
        place.name
        for place in places
        # Of a file that Distune wrote, the teacher is described.
        if (place.settings.checkpoint and not place.settings.epochs)
        or (not place.settings.checkpoint and place.logits_file is not None and _is_of_others(place.logits_file))
    ]
    if not drawn or not elsewhere:
        return []
    return [
        f"{', '.join(elsewhere)}: trained elsewhere; if it has learnt rows of corpus.source, it looks better on {' and '.join(drawn)} "
        f"than it is, as they are drawn from it; give texts that it has not seen as {' and '.join(f'corpus.{name}' for name in drawn)}"
    ]


def _is_of_others(file: LogitsFile) -> bool:
    """Whether a file has the answers of a teacher of which nothing is known."""
    return not file.about or N_VOTES in file.about


def of_rare_labels(metric: MetricConfig, labels: Labels, names: Sequence[str]) -> list[str]:
    """A line if accuracy hardly counts a label: one that has less than 5 % of dev, and less than half of an equal share."""
    if not metric.is_accuracy:
        return []
    shares = n_texts_of(labels, len(names)) / len(labels)
    rare = [index for index, share in enumerate(shares) if share < min(RARE, 0.5 / len(shares))]
    if not rare:
        return []
    first = min(rare, key=lambda index: shares[index])
    more = f", and {len(rare) - 1} more of the {len(shares)} labels are rare too" if len(rare) > 1 else ""
    return [
        f"metric: accuracy hardly counts {names[first]!r}, which is {100 * shares[first]:.1f} % of dev{more}. A student that never "
        "answers it loses no more than that. macro_f1, balanced_accuracy and {f1: LABEL} count it"
    ]


def of_threshold(metric: AnyMetric, labels: Labels) -> list[str]:
    """The line about the labels that are answered from a threshold on, by those of dev."""
    if metric.without_dev is not None:
        return _of_no_threshold(metric.config) if isinstance(metric, SetMetric) else []
    if isinstance(metric, SetMetric):
        counts = n_texts_of(labels, len(metric.labels))
        without = [repr(label) for label, n in zip(metric.labels, counts, strict=True) if not n]
        more = f", and {len(without) - 5} more" if len(without) > 5 else ""
        kept = f". Dev has no text of {', '.join(without[:5])}{more}: there it stays 0.5" if without else ""
        return [
            f"metric: each label is answered from a probability on that is chosen on dev by {metric.config.title}; the teacher is "
            f"held against students in the same way. metric.threshold: none answers each from 0.5 on{kept}"
        ]
    if metric.threshold_index is None:
        return []
    return [
        f"metric: students answer {metric.labels[metric.threshold_index]!r} from a probability on that is chosen on dev by "
        f"{metric.config.title}; the teacher is held against them in the same way. metric.threshold: none answers the likeliest label"
    ]


def _of_no_threshold(config: MetricConfig) -> list[str]:
    """The line about several labels a text whose metric can choose no threshold on dev; nothing if the study has chosen so."""
    if config.kind not in (*WITHOUT_ANSWERS, "exact_match"):
        return []
    return [
        f"metric: {config.title} chooses no thresholds, so each label is answered from 0.5 on, and a rare one may never be. "
        "micro_f1 and macro_f1 choose a threshold for each label on dev"
    ]


def of_answers(study: Study, teachers: Teachers, each: Logits, labels: Labels, metric: AnyMetric) -> list[str]:
    """The lines about the answers on dev of `each` of the teachers, `[teachers, texts, classes]`."""
    found = [
        line
        for place, logits in zip(teachers.places, each, strict=True)
        for line in about_one_answer(place.name, logits, labels, metric.labels)
    ]
    together = teachers.combined(each)
    largest = float(np.abs(together).max())
    if largest > LARGE_LOGIT and fits_logits(study.space):
        found.append(
            f"the teacher's logits reach {largest:,.0f} on dev, which students learn to reach where their loss is mse; "
            "teacher.temperature divides them"
        )
    if metric.score(together, labels) == 0:
        found.append(
            f"the teacher's dev {metric.config.title} is 0: there is no part of it to keep, so that every student "
            "meets champion.min_teacher_ratio"
        )
    return found + about_no_label(study.config.champion, labels, together, metric)


def of_files(dev: Split, names: Sequence[str], places: Sequence[TeacherPlace]) -> list[str]:
    """The lines about the answers on dev of teachers that are files, before they are in the cache."""
    return [
        line
        for place in places
        if place.logits_file is not None
        for line in about_one_answer(place.name, place.logits_file.of(dev.texts).logits, dev.labels, names)
    ]


def fits_logits(space: Space) -> bool:
    """Whether some trial's loss compares logits themselves with the teacher's."""
    kinds = values_at(space, "loss.teacher_term.kind") or [LossConfig().teacher_term.kind]
    weighed = max(upper_bound(space, "loss.kd_weight"), upper_bound(space, "loss.final_kd_weight"))
    return "mse" in kinds and (weighed > 0 or not values_at(space, "loss.kd_weight"))


def _of_few_texts(labels: Labels, names: Sequence[str], places: Sequence[TeacherPlace]) -> list[str]:
    """The line about columns without names, if dev is too small to check their order."""
    orders = [
        (place.name, one)
        for place in places
        for one in (*([place.logits_file.columns] if place.logits_file else []), *place.columns)
        if not one.by_name
    ]
    unknown = about_few_texts(labels, names) if orders else ""
    if not unknown:
        return []
    found = [f"{name}: {unknown}; the order taken is: {', '.join(one.by_column(names))}" for name, one in orders]
    return list(dict.fromkeys(found))


def _of_sums(places: Sequence[TeacherPlace]) -> list[str]:
    files = [place.logits_file for place in places if place.logits_file is not None]
    found = []
    for file, n in ((one, n) for one in files if (n := one.n_like_probabilities)):
        rows = "every row" if n == len(file.logits) else f"{n:,} of {n_of(len(file.logits), 'row')}"
        how = "all lie between 0 and 1" if file.is_multi_label else f"are >= 0 and add up to 1 in {rows}"
        learnt = (
            "that every label is there" if file.is_multi_label else "answers that are far less sure than the teacher's"
        )
        found.append(
            f"{file.path}: its logits {how}, as probabilities do; if they are, call the columns probabilities or probability_LABEL, or "
            f"students learn {learnt}"
        )
    found += [
        f"{file.path}: its logits are >= 0 and add up to 100 in every row, as percentages do; if they are, divide them by 100 and call the "
        "columns probabilities or probability_LABEL, or students learn answers that are far surer than the teacher's"
        for file in files
        if file.are_like_percentages
    ]
    found += [
        f"{file.path}: its logits are 1 for one class of each text and 0 for the others; if each 1 is an answer, give the answers as "
        "teacher.answers, or students learn ones that are hardly sure"
        for file in files
        if file.are_answers
    ]
    found += [
        f"{file.path}: its logits are all >= 0, so that each text has a probability of 0.5 or more for every label; if they are percentages, "
        "divide them by 100 and call the columns probabilities or probability_LABEL"
        for file in files
        if file.is_multi_label and len(file.logits) > 1 and (file.logits >= 0).all() and not file.n_like_probabilities
    ]
    found += [
        f"{file.path}: its logits are all <= 0, so that it gives no label a probability above 0.5; if they are logarithms of probabilities, write "
        "the probabilities themselves, as a column probabilities or probability_LABEL"
        for file in files
        if file.is_multi_label and not file.is_of_softmax and len(file.logits) > 1 and (file.logits <= 0).all()
    ]
    found += [
        f"{file.path}: its probabilities add up to 1 in every row, as those of a softmax do; each is taken by itself"
        for file in files
        if file.is_of_softmax
    ]
    return found


def _of_zeros(space: Space, places: Sequence[TeacherPlace]) -> list[str]:
    found = []
    for place in places:
        file = place.logits_file
        n_floored = file.n_floored if file else 0
        if file and n_floored and fits_logits(space):
            given = f"a class the probability 0, which counts as {SMALLEST_PROBABILITY:g}"
            fitted = f"its logarithm, {FLOOR:.1f}"
            if file.is_multi_label:
                given = f"a label the probability 0 or 1, which counts as {SMALLEST_PROBABILITY:g} or 1 - {SMALLEST_PROBABILITY:g}"
                fitted = f"their logits, {FLOOR_OF_LABEL:.1f} and {-FLOOR_OF_LABEL:.1f}"
            found.append(
                f"{file.path}: {n_floored:,} of {n_of(len(file.logits), 'row gives', 'rows give')} {given}; where the loss is mse, students "
                f"learn to answer {fitted}. kl compares probabilities instead"
            )
    return found


def _of_votes(space: Space, places: Sequence[TeacherPlace]) -> list[str]:
    """The lines about votes whose logits a loss would fit."""
    return [
        f"{file.path}: the logits of votes, from {file.logits.min():.2f} to {file.logits.max():.2f}, are those of few votes and of "
        "teacher.answers.prior_strength; where the loss is mse, students learn to answer these numbers. kl compares probabilities instead"
        for place in places
        if (file := place.logits_file) is not None and file.about.get(N_VOTES) and fits_logits(space)
    ]


def _of_weights(space: Space, places: Sequence[TeacherPlace]) -> list[str]:
    weights = [place.settings.weight for place in places]
    if len(set(weights)) == 1 or "mean" not in values_at(space, "loss.teachers"):
        return []
    shown = ", ".join(f"{weight:g}" for weight in weights)
    return [
        f"trial.loss.teachers: mean counts the {len(weights)} teachers alike, but the score that students are held "
        f"against weighs them {shown}; leave it out, and students learn from the same"
    ]
