from __future__ import annotations

from distune.models.answers import Answer, SetAnswer
from distune.tuning.serve.metrics import Metrics


def shown(metrics: Metrics) -> dict[str, float]:
    """The value of each line."""
    lines = metrics.shown()[0].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_answers_are_counted_by_label_confidence_and_what_they_lack() -> None:
    metrics = Metrics(["bad", "good"], lambda: 3)
    one: Answer = {"label": "good", "probabilities": {"bad": 0.25, "good": 0.75}, "has_known_token": True}
    unsure: Answer = {**one, "has_known_token": False, "abstained": True}
    metrics.count_answers([one, unsure])
    found = shown(metrics)
    assert found['distune_answers_total{label="good"}'] == 2
    assert found['distune_answers_total{label="bad"}'] == 0
    assert found['distune_confidence_bucket{le="0.7"}'] == 0
    assert found['distune_confidence_bucket{le="0.8"}'] == 2
    assert found["distune_abstained_total"] == 1
    assert found["distune_texts_without_known_token_total"] == 1
    assert found["distune_waiting_texts"] == 3


def test_each_label_of_an_answer_of_several_counts() -> None:
    metrics = Metrics(["a", "b", "c"], lambda: 0)
    answer: SetAnswer = {"labels": ["a", "c"], "probabilities": {"a": 0.9, "b": 0.4, "c": 0.8}, "has_known_token": True}
    metrics.count_answers([answer])
    found = shown(metrics)
    assert [found[f'distune_answers_total{{label="{label}"}}'] for label in "abc"] == [1, 0, 1]
    # As sure as the least sure label: b is not answered, with 0.6.
    assert found['distune_confidence_bucket{le="0.6"}'] == 1


def test_requests_are_counted_by_route_and_status_and_timed() -> None:
    metrics = Metrics(["a"], lambda: 0)
    metrics.count_request("predict", 200, 0.004)
    metrics.count_request("predict", 503, 0.2)
    metrics.count_batch(7)
    found = shown(metrics)
    assert found['distune_requests_total{route="predict",status="200"}'] == 1
    assert found['distune_requests_total{route="predict",status="503"}'] == 1
    assert found['distune_request_seconds_bucket{le="0.005",route="predict"}'] == 1
    assert found['distune_request_seconds_count{route="predict"}'] == 2
    assert found['distune_batch_texts_bucket{le="4.0"}'] == 0
    assert found['distune_batch_texts_bucket{le="8.0"}'] == 1
