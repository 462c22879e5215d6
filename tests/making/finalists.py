"""A finalist of one seed, trained here."""

from __future__ import annotations

from typing import Any

from distune.tuning.champion.finalists import Finalist
from distune.tuning.search.preparation import Prepared
from distune.tuning.storage.records import TrialRecord
from distune.tuning.trial.config import TrialConfig
from distune.tuning.trial.run import run_trial


def trial_of(document: dict[str, Any], **settings: Any) -> TrialConfig:
    """A trial over the tokens and vectors of a study: an average student that learns from the teacher's logits."""
    trial = document["trial"]
    learning = {"student": {"kind": "average"}, "loss": {"kd_weight": 0.5, "teacher_term": {"kind": "mse"}}}
    return TrialConfig.model_validate({"tokens": trial["tokens"], "vectors": trial["vectors"], **learning, **settings})


def trained_finalist(prepared: Prepared, config: TrialConfig) -> Finalist:
    """The student of a trial, and the same network alone."""
    distilled, alone = (run_trial(one, prepared.of(one).data, lambda report: None) for one in (config, config.plain()))
    return Finalist(TrialRecord(number=0, state="complete", config=config), (distilled,), (alone,))
