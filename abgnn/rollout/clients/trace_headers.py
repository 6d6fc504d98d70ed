"""The W3C trace context that the call under way sends along.

`abgnn.rollout.telemetry` sets it; a client that speaks HTTP adds it to its requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

NONE: Mapping[str, str] = MappingProxyType({})
TRACE_HEADERS: ContextVar[Mapping[str, str]] = ContextVar("TRACE_HEADERS", default=NONE)
