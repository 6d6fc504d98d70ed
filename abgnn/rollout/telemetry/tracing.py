"""`Tracing`: starts the span of a rollout, under the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry import context as current
from opentelemetry import trace
from opentelemetry.context import Context

from abgnn.data.plan import Plan
from abgnn.rollout.clients.base import Client
from abgnn.rollout.settings import RolloutSettings
from abgnn.rollout.telemetry import conventions as names
from abgnn.rollout.telemetry.instruments import Attributes, Instruments
from abgnn.rollout.telemetry.spans import W3C, RolloutSpan
from abgnn.rollout.telemetry.texts import input_messages, plan_text, query_id


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rollout comes from: the caller's span, and the budget stated for the question."""

    context: Context
    cost_usd: float | None = None
    latency_s: float | None = None


class Tracing:
    """Spans of rollouts, by the program's global provider.

    Args:
        settings: whether texts are put into spans; the run's name, caps and deadline.
        client: makes the calls.
    """

    def __init__(self, settings: RolloutSettings, client: Client) -> None:
        self.settings, self.label = settings, client.label
        self.instruments = Instruments(client, texts=settings.telemetry.texts)

    def origin(
        self,
        headers: Mapping[str, str] | None = None,
        cost_usd: float | None = None,
        latency_s: float | None = None,
    ) -> Origin:
        """The thread's current span, or else that of a request's `traceparent` and `tracestate`."""
        context = current.get_current()
        if headers and not trace.get_current_span(context).get_span_context().is_valid:
            context = W3C.extract(headers, context)
        return Origin(context, cost_usd, latency_s)

    def rollout(
        self, plan: Plan, workflow: str, phase: str, sample: int, origin: Origin | None
    ) -> RolloutSpan:
        """The span of a rollout that starts now."""
        origin = origin or self.origin()
        attributes = self._attributes(plan, workflow, phase, sample, origin)
        name = f"invoke_workflow {workflow}"
        span = RolloutSpan(self.instruments, name, origin.context, attributes)
        if span.span.is_recording():
            span.span.set_attribute(names.PLAN, plan_text(plan))
        if self.instruments.texts and span.span.is_recording():
            question = [{"role": "user", "content": plan.query.text}]
            span.span.set_attribute(names.INPUT_MESSAGES, input_messages(question))
        return span

    def _attributes(
        self, plan: Plan, workflow: str, phase: str, sample: int, origin: Origin
    ) -> Attributes:
        caps = (self.settings.caps.query_usd, plan.budget_usd)
        possible: dict[str, str | int | float | None] = {
            names.OPERATION: "invoke_workflow",
            names.WORKFLOW: workflow,
            names.CALLS_ARE: self.label,
            names.PHASE: phase,
            names.RUN: self.settings.recording.run,
            names.QUERY: query_id(plan.query, texts=self.instruments.texts),
            names.SAMPLE: sample,
            names.BUDGET_USD: origin.cost_usd,
            names.BUDGET_S: origin.latency_s,
            names.CAP_USD: min((cap for cap in caps if cap is not None), default=None),
            names.DEADLINE_S: self.settings.deadline.within(plan.deadline_s).seconds,
        }
        return {name: value for name, value in possible.items() if value is not None}
