"""The SDK's providers for the command line: batches of spans, and metrics, by OTLP over HTTP.

The standard variables of OpenTelemetry apply: `OTEL_EXPORTER_OTLP_ENDPOINT` and `…_HEADERS` (keys
belong there), `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_EXPORTER=none`,
`OTEL_METRICS_EXPORTER=none`, `OTEL_SDK_DISABLED`, and those of batches and intervals.

Langfuse and Phoenix take traces only (`OTEL_METRICS_EXPORTER=none`). Endpoints and headers:

    https://cloud.langfuse.com/api/public/otel
        Authorization=Basic BASE64,x-langfuse-ingestion-version=4    (BASE64 of PUBLIC:SECRET)
    http://localhost:6006
        Authorization=Bearer KEY
"""

from __future__ import annotations

import logging
import os
import threading
from importlib.metadata import version
from random import Random

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

_log = logging.getLogger(__name__)


class FreshIds(IdGenerator):
    """Ids that no seed repeats: the SDK's own come from `random`, which a run's seed sets.

    Draws of its own, from a seed of the system's: one for each id would be a fifth of a span's CPU.
    """

    def __init__(self) -> None:
        self._random = Random()  # seeded by the system
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._random.seed)  # else a child repeats ours

    def generate_span_id(self) -> int:
        """64 bits, not 0."""
        return self._random.getrandbits(64) or self.generate_span_id()

    def generate_trace_id(self) -> int:
        """128 bits, not 0."""
        return self._random.getrandbits(128) or self.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """They are."""
        return True


class HashedResource(Resource):
    """A resource that is hashed once: the SDK's writes itself as JSON for every span that is sent,
    which is a tenth of what sending it takes."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.attributes, resource.schema_url)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)


def new_tracers(endpoint: str | None, sampler: Sampler | None = None) -> TracerProvider:
    """The provider of spans that `set_providers` sets.

    Args:
        endpoint: see `set_providers`.
        sampler: None: what the standard variables state.
    """
    made = TracerProvider(sampler, HashedResource(_resource()), id_generator=FreshIds())
    exporter = OTLPSpanExporter(_signal(endpoint, "traces"))
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def set_providers(endpoint: str | None) -> None:
    """Make ours the global providers, each unless there is one already.

    Args:
        endpoint: base URL of the receiver; None: what the standard variables state.
    """
    if _wanted("TRACES") and not _is_set(trace.get_tracer_provider()):
        trace.set_tracer_provider(new_tracers(endpoint))
    if _wanted("METRICS") and not _is_set(metrics.get_meter_provider()):
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(_signal(endpoint, "metrics")))
        # exemplars would keep a span's id beside each bucket, for a third of a metric's time
        off = None if "OTEL_METRICS_EXEMPLAR_FILTER" in os.environ else AlwaysOffExemplarFilter()
        metrics.set_meter_provider(MeterProvider([reader], _resource(), exemplar_filter=off))


def flush(seconds: float = 5.0) -> None:
    """Send all that the SDK's providers hold, in at most so long: a receiver may be away."""
    sending = threading.Thread(target=_flush, daemon=True)
    sending.start()
    sending.join(seconds)


def _flush() -> None:
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        if isinstance(provider, (TracerProvider, MeterProvider)):
            try:
                provider.force_flush()
            except Exception as error:  # of many kinds; the exporter's own are logged by the SDK
                _log.warning("telemetry was not sent: %s", error)


def _resource() -> Resource:
    """What the standard variables say of this process, by the name `abgnn` if they state none."""
    resource = Resource.create({"service.version": version("abgnn")})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "abgnn"}))
    return resource


def _wanted(signal: str) -> bool:
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() != "none"


def _is_set(provider: object) -> bool:
    """Whether it is a program's own, not the API's stand-in."""
    return not type(provider).__module__.startswith(
        ("opentelemetry.trace", "opentelemetry.metrics")
    )


def _signal(endpoint: str | None, name: str) -> str | None:
    if endpoint is None:
        return None
    return f"{endpoint.rstrip('/').removesuffix('/v1/traces')}/v1/{name}"
