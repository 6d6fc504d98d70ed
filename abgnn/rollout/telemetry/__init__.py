"""Spans and metrics of rollouts for OpenTelemetry (extra `otel`); `switch` is the only way in."""
