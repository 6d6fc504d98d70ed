"""A receiver of OTLP over HTTP that decodes what it gets.

    python -m tests.servers.otlp

prints its base URL and serves until it is stopped: `POST /v1/traces` and `/v1/metrics` as exporters
send them, `GET /spans` and `GET /metrics` for what has come, as JSON. Loopback only.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.paths import ROOT


def spans_of(body: bytes) -> list[dict[str, Any]]:
    """Spans as plain values, with their scope and the resource."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        {
            "name": span.name,
            "kind": span.kind,
            "trace": span.trace_id.hex(),
            "id": span.span_id.hex(),
            "parent": span.parent_span_id.hex(),
            "error": span.status.code == 2,
            "attributes": _plain(span.attributes),
            "scope": scope.scope.name,
            "schema": scope.schema_url,
            "resource": _plain(resource.resource.attributes),
        }
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def metrics_of(body: bytes) -> list[dict[str, Any]]:
    """Data points of metrics as plain values: sums, or count and sum of histograms."""
    request = ExportMetricsServiceRequest.FromString(body)
    points = []
    for resource in request.resource_metrics:
        for metric in (m for scope in resource.scope_metrics for m in scope.metrics):
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                value = point.sum if kind == "histogram" else point.as_double
                points.append(
                    {
                        "name": metric.name,
                        "value": value,
                        "count": getattr(point, "count", 1),
                        "attributes": _plain(point.attributes),
                    }
                )
    return points


def _plain(attributes: Any) -> dict[str, Any]:
    return {entry.key: _value(entry.value) for entry in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(v) for v in value.array_value.values]
    return getattr(value, kind)


@dataclass
class Received:
    """Everything that has come; of metrics the latest export only, since they are cumulative."""

    spans: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    received: Received

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.headers.append({k.lower(): v for k, v in self.headers.items()})
        if self.path.endswith("/v1/traces"):
            self.received.spans += spans_of(body)
        elif self.path.endswith("/v1/metrics"):
            self.received.metrics = metrics_of(body)
        self._send(b"", 200 if "/v1/" in self.path else 404)

    def do_GET(self) -> None:
        self._send(json.dumps(getattr(self.received, self.path.strip("/"))).encode(), 200)

    def _send(self, body: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@dataclass(frozen=True)
class Receiver:
    """A receiver that runs; `url` is an exporter's endpoint."""

    url: str

    def get(self, what: str) -> list[dict[str, Any]]:
        """`spans`, `metrics`, or the `headers` of requests."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.url}/{what}", timeout=60) as reply:
            values: list[dict[str, Any]] = json.loads(reply.read())
        return values


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver in a process of its own."""
    command = [sys.executable, "-m", "tests.servers.otlp"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Receiver(process.stdout.readline().strip())
        finally:
            process.terminate()
            process.wait(10)


def main() -> None:
    """Serve until stopped."""
    handler = type("Handler", (_Handler,), {"received": Received()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
