"""The rule by which a student's logits become its answers, chosen on dev."""

from __future__ import annotations

from distune.models.decision import AnyDecision
from distune.tuning.metric.temperature import Scaled, scaled
from distune.tuning.study.rule import ChampionConfig
from distune.tuning.trial.data import TrialData
from distune.tuning.trial.run import TrialResult


def decision_of(result: TrialResult, data: TrialData, rule: ChampionConfig) -> AnyDecision:
    """The rule by which the answers of a student, as it is served, score best on dev, for figures of its answers alone:
    it is not calibrated if dev chooses no threshold."""
    return data.metric.without_dev or scaled_decision_of(result, data, rule).decision


def scaled_decision_of(result: TrialResult, data: TrialData, rule: ChampionConfig) -> Scaled:
    """The rule by which the answers of a student score best on dev, in calibrated probabilities if the study asks for
    these, which give the same answers."""
    logits = result.logits(data.dev)
    decision = data.metric.without_dev or data.metric.decision(logits, data.dev_labels)
    if rule.calibration == "none":
        return Scaled(decision, "the study says `champion.calibration: none`")
    return scaled(decision, logits, data.dev_labels)
