"""Turns telemetry on where settings ask for it; OpenTelemetry is imported only then."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from abgnn.errors import ConfigError
from abgnn.rollout.clients.base import Client
from abgnn.rollout.settings import RolloutSettings, Telemetry

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.tracing import Tracing

_PROVIDER = "abgnn.rollout.telemetry.provider"


def tracing_of(settings: RolloutSettings, client: Client) -> Tracing | None:
    """The tracing that settings ask for; None: telemetry is off.

    Raises:
        ConfigError: it is on, and OpenTelemetry is not installed.
    """
    if not settings.telemetry.otel:
        return None
    _need("opentelemetry.trace")
    from abgnn.rollout.telemetry.tracing import Tracing

    return Tracing(settings, client)


def set_up(telemetry: Telemetry) -> None:
    """Send spans and metrics by OTLP, unless the program has set up providers of its own.

    For command lines and their jobs: a program that imports abgnn sets up its own.

    Raises:
        ConfigError: it is on, and the SDK or the exporter is not installed.
    """
    if not telemetry.otel:
        return
    _need("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
    from abgnn.rollout.telemetry.provider import set_providers

    set_providers(telemetry.endpoint)


def send_now() -> None:
    """Send what `set_up`'s providers hold: a job's process may be ended once the job has."""
    if _PROVIDER in sys.modules:
        from abgnn.rollout.telemetry.provider import flush

        flush()


def _need(*modules: str) -> None:
    for module in modules:
        if not _installed(module):
            allowed = f"the package {module} installed: pip install 'abgnn[otel]'"
            raise ConfigError("rollout.telemetry.otel", True, allowed)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is the package that it belongs to
        return False
