"""`Ledger`: the interface to recorded responses, attempts and money.

It is implemented by `MemoryLedger` (one process, nothing recorded), `SqliteLedger` (a file that
threads, processes and later runs share) and `PostgresLedger` (a database that hosts share).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from abgnn.data.backbone import Usage
from abgnn.data.outcome import ErrorKind

ELSEWHERE = 0
"""In place of a ticket: the same call is under way in another process, or just recorded by it."""


class LedgerAway(RuntimeError):
    """A database that cannot be reached: no call begins, for what it cost could not be booked."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes an attempt, for ledger and trace.

    Args:
        run, phase: the accounts that pay.
        query, sample, round, agent, turn, role: which call of which rollout.
        backbone, model: the LLM that is called.
        key: identity of the call, see `identity`.
        attempt: from 1; 0: answered from the recording.
    """

    run: str
    phase: str
    query: str
    sample: int
    round: int
    agent: int
    turn: int
    role: str
    backbone: str
    model: str
    key: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Response:
    """The result of a call, its failed attempts included; all that a replay needs.

    Args:
        text: the reply; empty after an error.
        usage: tokens of all attempts that were, or may have been, billed.
        service_time: seconds of the last attempt.
        retry_time: seconds spent on failed attempts and on waiting between them.
        finish: `stop` or `length`.
        error, message, status: None, or why there is no reply.
    """

    text: str
    usage: Usage
    service_time: float
    retry_time: float = 0.0
    finish: str = "stop"
    error: ErrorKind | None = None
    message: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt ended, for ledger and trace.

    Args:
        usage: tokens billed; if `uncertain`, the most that they can have been.
        pusd: picodollars for them.
        uncertain: the reply does not state what was billed (time-out, reset, no usage).
        service_time: seconds from dispatch to the last byte, or to the failure.
        queue_time: seconds spent waiting before dispatch: slots, rate limits, money.
        error: None, or the kind of failure.
    """

    usage: Usage
    pusd: int
    uncertain: bool
    service_time: float
    queue_time: float
    error: ErrorKind | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps in picodollars that an attempt must fit in; None: no limit."""

    run: int | None = None
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Money of one phase of one run. Amounts in picodollars.

    Args:
        calls: attempts that have ended.
        spent: billed for certain.
        uncertain: at most billed on top, for attempts whose reply did not state it.
        reserved: worst case of attempts under way.
        lost: worst case of attempts whose process died.
    """

    run: str
    phase: str
    calls: int
    spent: int
    uncertain: int
    reserved: int
    lost: int

    @property
    def committed(self) -> int:
        """The amount that caps limit."""
        return self.spent + self.uncertain + self.reserved + self.lost


class Ledger(Protocol):
    """Recorded responses and accounts. Every method is safe in any thread and does not wait long.

    Money is counted as committed from `reserve` on, so concurrent callers cannot overspend.
    """

    def lookup(self, key: str) -> Response | None:
        """The recorded response of a call."""
        ...

    def reserve(
        self, caller: Caller, pusd: int, limits: Limits, *, alone: bool = False
    ) -> int | None:
        """Open an attempt and set its worst case aside; its ticket, or None if a cap forbids it.

        The check and the booking are one transaction over all processes. With `alone` it is
        `ELSEWHERE` while another process has an attempt of the same call (`caller.key`) under way,
        or where a reply to it has been recorded.
        """
        ...

    def hopeless(self, caller: Caller, pusd: int, limits: Limits) -> bool:
        """Whether `pusd` would not fit even if every attempt under way cost nothing."""
        ...

    def settle(
        self,
        ticket: int,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> None:
        """Close an attempt: release its reservation, book what it cost, record its response.

        All in one transaction. `request` is the canonical JSON that the key stands for; with
        `response` None only the money is booked.
        """
        ...

    def book(
        self,
        caller: Caller,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> None:
        """Book a call that was made without us, or not at all; no cap refuses it."""
        ticket = self.reserve(caller, 0, Limits())
        assert ticket is not None, "what costs nothing is never refused"
        self.settle(ticket, attempt, response, request)

    def release(self, ticket: int) -> None:
        """Withdraw an attempt that was never dispatched."""
        ...

    def accounts(self) -> list[Account]:
        """All runs and phases."""
        ...

    def close(self) -> None:
        """Close files; may be called again."""
        ...
