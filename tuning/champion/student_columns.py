"""The columns of the students in the table of a search: the student alone, and the distilled one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from distune.models.decision import Decision, EachLabel
from distune.models.students.student import count_parameters
from distune.tuning.champion.answers import Answers
from distune.tuning.champion.columns import Column, Kept, quality
from distune.tuning.champion.confidence import confidence_of
from distune.tuning.champion.decisions import decision_of, scaled_decision_of
from distune.tuning.champion.finalists import Finalist
from distune.tuning.metric.task import AnyMetric
from distune.tuning.search.preparation import Prepared
from distune.tuning.speed.figures import Latency
from distune.tuning.study.describe import HARD_LABEL_STUDENT, STUDENT_ALONE
from distune.tuning.trial.inputs import encode_texts


def student_columns(
    prepared: Prepared, finalist: Finalist, name: str, latency: Latency, path: Path
) -> tuple[Column, Column, Answers]:
    """The student alone and the distilled one, and what the seed of it that is kept says; here, and only here, a student
    sees the test split."""
    corpus, inputs = prepared.corpus, prepared.of(finalist.record.config)
    rule = prepared.study.config.champion
    rows = encode_texts(inputs.encoder, corpus.test.texts)
    teacher = prepared.teachers.of(corpus.test.texts)
    n_parameters, size_mb = count_parameters(finalist.best.student), network_mb(path)
    by_teacher = prepared.teacher_decision.of_logits(teacher)
    columns = []
    alone = HARD_LABEL_STUDENT if corpus.labelled_by else STUDENT_ALONE
    for title, results in ((alone, finalist.plain), (name, finalist.distilled)):
        figures = quality(
            prepared.metric,
            [result.score for result in results],
            [result.logits(rows) for result in results],
            corpus.test.labels,
            by_teacher,
            [decision_of(result, inputs.data, rule) for result in results],
        )
        columns.append(Column(name=title, quality=figures, n_parameters=n_parameters, size_mb=size_mb, latency=latency))
    scaled = scaled_decision_of(finalist.best, inputs.data, rule)
    answers = Answers(
        trial=finalist.record.number,
        names=corpus.labels,
        labels=corpus.test.labels,
        teacher=teacher,
        student=finalist.best.logits(rows),
        by_teacher=prepared.teacher_decision,
        by_student=scaled.decision,
    )
    sure = confidence_of(prepared.metric, scaled.decision, answers.student, answers.labels, scaled.note)
    return columns[0], replace(columns[1], kept=_kept(answers, prepared.metric), confidence=sure), answers


def _kept(answers: Answers, metric: AnyMetric) -> Kept:
    """The score of the seed that is kept, and how it answers."""
    by = answers.by_student
    return Kept(
        test_score=metric.score(answers.student, answers.labels, by),
        threshold=by.answers_from if isinstance(by, Decision) else None,
        thresholds=by.named(answers.names) if isinstance(by, EachLabel) else None,
    )


def network_mb(checkpoint: Path) -> float:
    """The size of the network in a checkpoint folder."""
    return (checkpoint / "model.onnx").stat().st_size / 1e6
