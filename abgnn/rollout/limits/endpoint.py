"""`EndpointGuard`: the slots, rates and circuit breaker of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from abgnn.data.backbone import Backbone, Usage
from abgnn.rollout.clients.base import CallError, Completion
from abgnn.rollout.ledger.awaited import Lease
from abgnn.rollout.limits.breaker import CircuitBreaker, counts
from abgnn.rollout.limits.leased import LeasedLimits
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
    def of(
        cls,
        endpoint: str,
        backbone: Backbone,
        settings: Breaker,
        share: float = 1.0,
        lease: Lease | None = None,
    ) -> EndpointGuard:
        """By a catalogue's limits.

        Args:
            share: of the limits that belongs to this process.
            lease: of a ledger whose processes share the limits instead.
        """
        breaker, limits = CircuitBreaker(settings), (backbone.max_concurrency, backbone.rpm)
        if lease is not None:
            leased = LeasedLimits(endpoint, *limits, backbone.tpm, breaker=breaker, lease=lease)
            return cls(leased, breaker)
        ours = (None if n is None else max(int(n * share), 1) for n in (*limits, backbone.tpm))
        most, rpm, tpm = ours
        return cls(EndpointLimits(most or 1, rpm, tpm), breaker)

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
