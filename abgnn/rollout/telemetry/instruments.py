"""`Instruments`: the tracer and the meters, and what all signals say of a call's LLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit

from opentelemetry import metrics, trace

from abgnn.data.backbone import Backbone
from abgnn.rollout.clients.base import Client
from abgnn.rollout.ledger.base import Attempt, Caller
from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.telemetry import conventions as names

Attributes = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class CallNames:
    """The attributes of an agent's calls to a backbone, for spans and for each metric."""

    span: Attributes
    call: Attributes
    input: Attributes
    output: Attributes
    cost: Attributes


class Instruments:
    """The tracer and the meters of the program's global providers.

    Args:
        client: makes the calls; its endpoints are named without users and passwords.
        texts: put prompts and replies into spans.
    """

    def __init__(self, client: Client, *, texts: bool) -> None:
        self.client, self.texts = client, texts
        where = (names.SCOPE, version("abgnn"))
        self.tracer = trace.get_tracer(*where, schema_url=names.SCHEMA_URL)
        meter = metrics.get_meter(*where, schema_url=names.SCHEMA_URL)
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._seconds = meter.create_histogram(
            names.DURATION,
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )
        self._usd = meter.create_counter(names.COST, "{USD}", "USD of calls, at most.")
        self._names: dict[tuple[str, str, str], CallNames] = {}

    def names(self, caller: Caller, backbone: Backbone) -> CallNames:
        """The attributes of a call; made once for each phase, role and backbone."""
        key = (caller.phase, caller.role, backbone.name)
        known = self._names.get(key)
        if known is None:
            known = self._names[key] = self._new_names(caller, backbone)
        return known

    def measure(self, of: CallNames, attempt: Attempt, error: str | None) -> None:
        """Add an attempt to the metrics; tokens only where the reply states them."""
        usage = attempt.usage
        if not attempt.uncertain and usage.prompt_tokens + usage.completion_tokens:
            self._tokens.record(usage.prompt_tokens, of.input)
            self._tokens.record(usage.completion_tokens, of.output)
        if error is None:
            self._seconds.record(attempt.service_time, of.call)
        elif error != "cancelled":  # by us: how long it would have taken is unknown
            self._seconds.record(attempt.service_time, {**of.call, names.ERROR: error})
        if attempt.pusd:
            self._usd.add(dollars(attempt.pusd), of.cost)

    def _new_names(self, caller: Caller, backbone: Backbone) -> CallNames:
        label = self.client.label
        call: Attributes = {
            names.OPERATION: "chat",
            names.PROVIDER: "openai" if label == "live" else label,  # the protocol's name
            names.MODEL: backbone.model,
        }
        span = {**call, **_server(self.client.endpoint(backbone))}
        if backbone.name != backbone.model:
            span[names.BACKBONE] = backbone.name
        call[names.AGENT] = caller.role
        return CallNames(
            span,
            call,
            {**call, names.TOKEN_TYPE: "input"},
            {**call, names.TOKEN_TYPE: "output"},
            {**call, names.PHASE: caller.phase},
        )


def _server(endpoint: str | None) -> Mapping[str, str | int]:
    """Address and port of an endpoint (`Client.endpoint`), if it is a URL."""
    parts = urlsplit((endpoint or "").split(" ")[0])
    if parts.hostname is None:
        return {}
    ports = {"http": 80, "https": 443}
    return {names.ADDRESS: parts.hostname, names.PORT: parts.port or ports.get(parts.scheme, 0)}
