"""`EndpointGuard`: the slots, rates and circuit breaker of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from abgnn.data.backbone import Backbone, Usage
from abgnn.rollout.clients.base import CallError, Completion
from abgnn.rollout.limits.breaker import CircuitBreaker, counts
from abgnn.rollout.limits.rate import EndpointLimits
from abgnn.rollout.settings import Breaker


@dataclass(slots=True)
class EndpointGuard:
    """Admits attempts to one endpoint.

    Args:
        limits: calls at once and per minute.
        breaker: of the circuit.
        mean: tokens per call so far, which the next ones are expected to use.
    """

    limits: EndpointLimits
    breaker: CircuitBreaker
    mean: float | None = None

    @classmethod
    def of(cls, backbone: Backbone, breaker: Breaker, share: float) -> EndpointGuard:
        """By a catalogue's limits; `share` of them belongs to this process."""

        def ours(limit: int) -> int:
            return max(int(limit * share), 1)

        limits = EndpointLimits(
            ours(backbone.max_concurrency),
            None if backbone.rpm is None else ours(backbone.rpm),
            None if backbone.tpm is None else ours(backbone.tpm),
        )
        return cls(limits, CircuitBreaker(breaker))

    async def enter(self, most: Usage, age: int) -> int:
        """Wait for slot and rate; returns the tokens that the rate limit was charged.

        Raises:
            CallError: `circuit`.
        """
        expected = total(most) if self.mean is None else min(round(self.mean), total(most))
        await self.limits.acquire(expected, age)
        if not self.breaker.allow():  # checked last: it may have opened during the wait
            self.limits.release(limited=False, tokens_used=0, tokens_reserved=expected)
            raise CallError("circuit", "the endpoint has failed too often; it is left alone")
        return expected

    def turn_back(self, expected: int) -> None:
        """Undo the admission of an attempt that was not made."""
        self.breaker.abandon()
        self.limits.release(limited=False, tokens_used=0, tokens_reserved=expected)

    def leave(self, result: Completion | CallError, used: Usage, expected: int) -> None:
        """An attempt has ended; the slot is free."""
        failure = result if isinstance(result, CallError) else None
        limited = failure is not None and failure.status == 429
        self.limits.release(limited=limited, tokens_used=total(used), tokens_reserved=expected)
        if failure is None:
            self.mean = total(used) if self.mean is None else 0.9 * self.mean + 0.1 * total(used)
        if failure is not None and failure.kind in ("deadline", "cancelled"):
            self.breaker.abandon()
        else:
            self.breaker.record(failure is None or not counts(failure))


def total(usage: Usage) -> int:
    """Tokens that rate limits count."""
    return usage.prompt_tokens + usage.completion_tokens
