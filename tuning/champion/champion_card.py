"""The model card of the champion of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distune._plural import n_of
from distune.corpora.corpus_facts import CorpusFacts
from distune.corpora.encoding import needed_packages
from distune.tuning.champion.baseline import about_baseline
from distune.tuning.champion.card import Card, model_card
from distune.tuning.champion.table import ratio_formula, ratio_text
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.describe import HARD_LABEL_STUDENT, describe, describe_loss
from distune.tuning.trial.data import Inputs

if TYPE_CHECKING:
    from distune.tuning.champion.verdict import Verdict


def card_of_champion(
    verdict: Verdict, config: StudyConfig, corpus: CorpusFacts, about_teacher: Mapping[str, Any], inputs: Inputs
) -> str:
    """The card, as Markdown; `inputs` are those that the champion has learnt from."""
    record = verdict.finalists[verdict.shown].record.config
    about = {
        "Study": config.name,
        "Labels": ", ".join(corpus.labels),
        "Data": f"{corpus.source or config.corpus.source_name}: {_labelled_texts(corpus)} and {n_of(corpus.sizes['transfer'], 'text')} with the "
        "teacher's logits alone",
        "Teacher": about_teacher.get("description", "its logits came as a file that says no more"),
        "Student": f"{describe(record.student)}; {describe(record.tokens)}, {describe(record.vectors)}",
        "Loss": describe_loss(record.loss),
        "Compression": describe(record.compression),
        **({"Baseline": about_baseline(verdict.baseline, verdict.columns[-1])} if verdict.baseline else {}),
        f"Distillation ratio, {ratio_formula(verdict.columns[1])} on test": ratio_text(*verdict.columns),
    }
    limits = (
        f"It was measured on texts of the same source as those it has learnt from, {config.corpus.source_name}; on others it may "
        "be far worse.",
        f"It answers with {'any number' if corpus.is_multi_label else 'one'} of {len(corpus.labels)} labels whatever a text is about, and knows {len(inputs.vocabulary):,} "
        f"tokens; what lies behind the first {record.tokens.max_tokens} of a text it does not see.",
    )
    return model_card(
        Card(
            name=config.tracking.register_as or config.name,
            settings=config.card,
            source=config.corpus.short_name,
            about=about,
            columns=verdict.columns,
            n_test=corpus.sizes["test"],
            timed=verdict.timed,
            teacher_timed=verdict.teacher_timed,
            limits=limits,
            packages=needed_packages(inputs.encoder.settings),
            of_pairs=config.corpus.text_b is not None,
        )
    )


def _labelled_texts(corpus: CorpusFacts) -> str:
    n_train = corpus.sizes["train"]
    if not corpus.labelled_by:
        return n_of(n_train, "labelled text")
    learnt = "labels that have a probability of 0.5 or more in" if corpus.is_multi_label else "likeliest label of"
    return f"{n_of(n_train, 'text')} with the {learnt} {corpus.labelled_by}, from which the {HARD_LABEL_STUDENT} has learnt,"
