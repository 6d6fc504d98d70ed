"""What telemetry costs: CPU per call without and with it, in one run, one after the other.

Spans and metrics go by OTLP to a receiver in another process; the exporters' threads and the last
flush count. One in ten: as `OTEL_TRACES_SAMPLER=parentbased_traceidratio` samples; metrics count
every call.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue
from rich.table import Table

from abgnn.data.catalogue import Catalogue
from abgnn.rollout import Caps, Executor, OpenAIClient, Recording, RolloutSettings, Telemetry
from abgnn.rollout.clients.base import Client
from abgnn.rollout.telemetry import conventions as names
from abgnn.rollout.telemetry.provider import new_tracers
from abgnn.rollout.telemetry.switch import set_up
from scripts.bench.rollouts import Sleeper, catalogue, plans
from tests.servers.fixtures import spawned
from tests.servers.otlp import receiver

NewClient = Callable[[], Client]


class Switched(Sampler):
    """All traces, or the share of them that `inner` takes; a child follows its parent."""

    inner: Sampler = ALWAYS_ON

    def should_sample(self, parent_context: Context | None, *args: Any) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            sampled = parent.trace_flags.sampled
            decision = Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP
            return SamplingResult(decision, args[3] if sampled else None)
        return self.inner.should_sample(parent_context, *args)

    def get_description(self) -> str:
        return "Switched"


SAMPLER = Switched()
Said = tuple[str, SpanKind, dict[str, AttributeValue]]
EMPTY: list[Said] = 400 * [
    *5 * [("call", SpanKind.CLIENT, {}), ("turn", SpanKind.INTERNAL, {})],
    ("rollout", SpanKind.INTERNAL, {}),
]
MEASURED = (names.OPERATION, names.PROVIDER, names.MODEL, names.BACKBONE)
"""Of an attempt's attributes, those that its measurements have too."""


def telemetry(table: Table, n: int = 200, repetitions: int = 5) -> None:
    """Rows with the SDK and a server, as users have it, and of the executor alone."""
    with receiver() as otlp, spawned("--delay", "0.001") as server:
        on = Telemetry(otel=True, endpoint=otlp.url)
        trace.set_tracer_provider(new_tracers(otlp.url, SAMPLER))
        set_up(on)
        served = catalogue(64, server.base_url)
        cases: list[tuple[str, NewClient, Catalogue, bool]] = [
            ("with the SDK, recorded, capped", OpenAIClient, served, True),
            ("executor alone, recorded, capped", lambda: Sleeper(0), catalogue(1000), True),
            ("executor alone, in memory", lambda: Sleeper(0), catalogue(1000), False),
        ]
        for name, client, llms, guarded in cases:
            runs = [_three(client, llms, guarded, on, n) for _ in range(repetitions)]
            off, whole, sampled = (statistics.median(side) for side in zip(*runs, strict=True))
            table.add_row(f"CPU per call, {name}: off", f"{off:.3f} ms", "", "")
            for what, ms, i in (("all traces", whole, 1), ("one in ten", sampled, 2)):
                ratio = statistics.median(run[i] / run[0] for run in runs)
                table.add_row(f"  {what}", f"{ms:.3f} ms", f"{1.1 * off:.3f} ms", f"{ratio:.3f}")
        for what, spans in (
            ("2.2 spans without attributes, 4 measurements a call", EMPTY),
            ("the same spans and measurements, what they hold as well", spans_of(on, n)),
        ):
            floor = statistics.median(sdk_alone(spans) for _ in range(repetitions))
            table.add_row(f"the SDK alone: {what}", f"{floor:.3f} ms", "", "")
        table.add_row("  spans that arrived", f"{len(otlp.get('spans')):,}", "", "")
        _providers()[0].shutdown()
        _providers()[1].shutdown()


class Kept(SpanProcessor):
    """Keeps what ends, until it is told to stop: name, kind and attributes."""

    def __init__(self) -> None:
        self.spans, self.open = list[Said](), True

    def on_end(self, span: ReadableSpan) -> None:
        if self.open:
            self.spans.append((span.name, span.kind, dict(span.attributes or {})))


def spans_of(on: Telemetry, n: int) -> list[Said]:
    """The spans of n chains of five calls to a server, as they end."""
    kept, (tracers, _) = Kept(), _providers()
    tracers.add_span_processor(kept)
    SAMPLER.inner = ALWAYS_ON
    with spawned("--delay", "0.001") as server:
        cpu_per_call(OpenAIClient, catalogue(64, server.base_url), True, on, n)
    kept.open = False
    return kept.spans


def sdk_alone(spans: Sequence[Said]) -> float:
    """Milliseconds a call of what the SDK takes for these spans and the metrics of their calls."""
    tracers, meters = _providers()
    SAMPLER.inner = ALWAYS_ON
    tracer, meter = tracers.get_tracer("bench"), meters.get_meter("bench")
    seconds, usd = meter.create_histogram("bench.seconds"), meter.create_counter("bench.usd")
    above = trace.set_span_in_context(tracer.start_span("above"), Context())
    chats = [{name: at[name] for name in MEASURED if name in at} for _, kind, at in spans
             if kind is SpanKind.CLIENT]  # fmt: skip
    tracers.force_flush()
    began = time.process_time()
    for i, (name, kind, attributes) in enumerate(spans):
        tracer.start_span(name, above, kind, attributes).end()
        if i % 400 == 399:
            tracers.force_flush()  # the queue is short, and a full one drops spans
    for of in chats:
        for _ in range(3):
            seconds.record(1.0, of)
        usd.add(1.0, of)
    tracers.force_flush()
    meters.force_flush()
    return (time.process_time() - began) / len(chats) * 1e3


def _three(
    client: NewClient, llms: Catalogue, guarded: bool, on: Telemetry, n: int
) -> tuple[float, float, float]:
    """Without telemetry, with all traces, with one trace in ten."""
    off = cpu_per_call(client, llms, guarded, None, n)
    SAMPLER.inner = ALWAYS_ON
    whole = cpu_per_call(client, llms, guarded, on, n)
    SAMPLER.inner = TraceIdRatioBased(0.1)
    return off, whole, cpu_per_call(client, llms, guarded, on, n)


def cpu_per_call(
    client: NewClient, llms: Catalogue, guarded: bool, on: Telemetry | None, n: int
) -> float:
    """Milliseconds of this process per call, over n chains of five."""
    tracers, meters = _providers()
    with settings_of(guarded) as settings:
        settings = settings if on is None else replace(settings, telemetry=on)
        with Executor(client(), llms, settings=settings, max_in_flight=64) as executor:
            executor.run(plans(20, first=n))
            tracers.force_flush()
            began = time.process_time()
            outcomes = executor.run(plans(n))
            tracers.force_flush()
            if on is not None:
                meters.force_flush()
            spent = time.process_time() - began
    assert all(o.error is None for o in outcomes)
    return spent / (5 * n) * 1e3


@contextmanager
def settings_of(guarded: bool) -> Iterator[RolloutSettings]:
    """The defaults, or a fresh recording with caps."""
    if not guarded:
        yield RolloutSettings()
        return
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(str(Path(folder) / "calls.sqlite"), "record")
        yield RolloutSettings(recording, Caps(run_usd=100.0, query_usd=1.0, max_tokens=64))


def _providers() -> tuple[TracerProvider, MeterProvider]:
    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    assert isinstance(tracers, TracerProvider)
    assert isinstance(meters, MeterProvider)
    return tracers, meters
