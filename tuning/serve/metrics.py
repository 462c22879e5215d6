"""The metrics of `distune serve` in the form of Prometheus: requests, texts, answers, and what waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from distune.models.answers import AnyAnswer, confidence_of

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""The upper ends of the ranges in which the seconds of requests are counted."""
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""The same for the texts of a batch."""
CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""The same for the confidence of an answer."""


class Metrics:
    """The counts of one server, from its start."""

    def __init__(self, labels: Sequence[str], n_waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "distune_requests", "Answered requests, by route and status", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "distune_request_seconds",
            "Seconds from the header of a request to its answer",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "distune_batch_texts", "Texts that were answered together", buckets=TEXTS, registry=self._registry
        )
        self._answers = Counter("distune_answers", "Answers that have a label", ["label"], registry=self._registry)
        self._confidences = Histogram(
            "distune_confidence", "The confidence of an answer", buckets=CONFIDENCES, registry=self._registry
        )
        self._abstained = Counter("distune_abstained", "Answers that abstained", registry=self._registry)
        self._unknown = Counter(
            "distune_texts_without_known_token",
            "Texts of which the vocabulary knows no token",
            registry=self._registry,
        )
        self._version = Gauge(
            "distune_model_version_info", "1 for the version that answers now", ["version"], registry=self._registry
        )
        self._swaps = Counter("distune_model_swaps", "Versions that took the place of another", registry=self._registry)
        self._faults = Counter(
            "distune_model_version_faults", "Versions that could not be fetched or served", registry=self._registry
        )
        self._present: str | None = None
        waiting = Gauge("distune_waiting_texts", "Texts that wait for their answers", registry=self._registry)
        waiting.set_function(n_waiting)
        self._know(labels)

    def _know(self, labels: Sequence[str]) -> None:
        for label in labels:
            self._answers.labels(label)  # A label that is never answered is 0, and not missing.

    def begin_version(self, version: str | None, labels: Sequence[str]) -> None:
        """Tell the version that answers from now on; None if it has none."""
        self._know(labels)
        if self._present is not None:
            self._version.remove(self._present)
            self._swaps.inc()
        if version is not None:
            self._version.labels(version).set(1)
        self._present = version

    def count_fault_of_version(self) -> None:
        self._faults.inc()

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request by the name of its route; one to no route is `other`, as a path that a client makes up must be no label."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_batch(self, n_texts: int) -> None:
        self._batches.observe(n_texts)

    def count_answers(self, answers: Sequence[AnyAnswer]) -> None:
        for answer in answers:
            for label in answer["labels"] if "labels" in answer else [answer["label"]]:
                self._answers.labels(label).inc()
            self._confidences.observe(confidence_of(answer))
            self._abstained.inc(bool(answer.get("abstained")))
            self._unknown.inc(not answer["has_known_token"])

    def shown(self) -> tuple[bytes, str]:
        """All of them as text, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
