"""What rollouts tell OpenTelemetry, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_DELTA = AggregationTemporality.DELTA


@dataclass
class Seen:
    """What has come since the test began."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(
        default_factory=lambda: InMemoryMetricReader({Histogram: _DELTA, Counter: _DELTA})
    )

    def spans(self, start: str = "") -> list[ReadableSpan]:
        """Ended spans whose name begins so, by their start."""
        ended = [s for s in self.exporter.get_finished_spans() if s.name.startswith(start)]
        return sorted(ended, key=lambda s: s.start_time or 0)

    def one(self, start: str) -> ReadableSpan:
        [span] = self.spans(start)
        return span

    def parent(self, span: ReadableSpan) -> ReadableSpan:
        assert span.parent is not None
        [found] = [s for s in self.spans() if s.context.span_id == span.parent.span_id]
        assert found.context.trace_id == span.context.trace_id
        return found

    def points(self, name: str) -> list[Any]:
        """The data points of a metric since they were last read."""
        data = self.reader.get_metrics_data()
        scopes = [s for r in (data.resource_metrics if data else ()) for s in r.scope_metrics]
        return [p for s in scopes for m in s.metrics if m.name == name for p in m.data.data_points]

    def clear(self) -> None:
        self.exporter.clear()
        self.reader.get_metrics_data()


@pytest.fixture(scope="session")
def _providers() -> Seen:
    """The program's own providers, which can be set once in a process."""
    seen = Seen()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(seen.exporter))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([seen.reader]))
    return seen


@pytest.fixture
def seen(_providers: Seen) -> Iterator[Seen]:
    _providers.clear()
    yield _providers
    _providers.clear()
