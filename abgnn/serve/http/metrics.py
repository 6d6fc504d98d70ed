"""The server's metrics, for Prometheus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from abgnn.data.outcome import Outcome
from abgnn.serve.http.shared_folder import METRICS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_processes: Any = multiprocess  # has no types
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)


class Metrics:
    """Counters of one server; every name starts with `abgnn_`; a label states how calls are made.

    Where the environment has `PROMETHEUS_MULTIPROC_DIR`, as in workers, they are sums over all
    processes: what a dead one has counted stays, but nothing of it is in flight.

    Args:
        label: `simulated`, `recorded` or `live`.
    """

    def __init__(self, label: str) -> None:
        self._registry = CollectorRegistry()
        self._calls_are = label
        self._requests = Counter(
            "abgnn_requests", "Requests by HTTP status.", ["status"], registry=self._registry
        )
        self._failures = self._counter("failures", "Questions without an answer.", "kind")
        self._calls = self._counter("calls", "LLM calls.", "backbone")
        self._tokens = self._counter("tokens", "Tokens of all calls.", "kind")
        self._usd = self._counter("cost_usd", "USD of all calls.")
        self._paid = self._counter("paid_usd", "USD paid: recorded calls are free.")
        self._abandoned = self._counter("abandoned", "Questions whose client went away.")
        self._latency = Histogram(
            "abgnn_latency_seconds",
            "Critical path of the calls.",
            ["calls_are"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._first_token = Histogram(
            "abgnn_first_token_seconds",
            "From a streamed question to the first piece of its answer.",
            ["calls_are"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "abgnn_in_flight",
            "Questions under way.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"abgnn_{name}", text, ["calls_are", *labels], registry=self._registry)

    def answered(self, status: int) -> None:
        """Count a request by its HTTP status."""
        self._requests.labels(str(status)).inc()

    def abandoned(self) -> None:
        """Count a client that left before its answer."""
        self._abandoned.labels(self._calls_are).inc()

    def first_token(self, seconds: float) -> None:
        """Observe how long a reader of a stream waited for the answer to begin."""
        self._first_token.labels(self._calls_are).observe(seconds)

    def outcome(self, outcome: Outcome) -> None:
        """Count a question's outcome, also when its client left."""
        are = self._calls_are
        if outcome.kind is not None:
            self._failures.labels(are, outcome.kind).inc()
        for record in outcome.calls:
            self._calls.labels(are, record.backbone).inc()
        self._tokens.labels(are, "prompt").inc(outcome.usage.prompt_tokens)
        self._tokens.labels(are, "completion").inc(outcome.usage.completion_tokens)
        self._usd.labels(are).inc(outcome.cost)
        self._paid.labels(are).inc(outcome.paid)
        self._latency.labels(are).observe(outcome.latency)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        folder = os.environ.get(METRICS)
        if folder is None:
            return generate_latest(self._registry)
        _forget_dead(Path(folder))
        shared = CollectorRegistry()
        _processes.MultiProcessCollector(shared, folder)
        return generate_latest(shared)


def _forget_dead(folder: Path) -> None:
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):  # gone, or by now another user's
            _processes.mark_process_dead(pid, str(folder))
