"""`Gateway`: answers one call of an agent, from the recording or by live attempts.

The order: recording → circuit → slot and rate → money → client → ledger → perhaps a retry.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace

from abgnn.data.backbone import Backbone, Usage
from abgnn.rollout.attempt import (
    Elsewhere,
    Entry,
    Progress,
    as_attempt,
    as_response,
    dispatched,
    most_usage,
)
from abgnn.rollout.calls import Call, Reply, replays, too_late
from abgnn.rollout.clients.base import CallError, Client, Completion
from abgnn.rollout.ledger.awaited import AwaitedLedger, booked
from abgnn.rollout.ledger.base import ELSEWHERE, Attempt, Caller, Ledger, LedgerAway, Response
from abgnn.rollout.ledger.identity import identity
from abgnn.rollout.ledger.money import cost
from abgnn.rollout.limits.admission import Admission
from abgnn.rollout.limits.backoff import retryable, wait_before
from abgnn.rollout.limits.endpoint import EndpointGuard
from abgnn.rollout.limits.run_caps import RunCaps
from abgnn.rollout.settings import RolloutSettings

OnAttempt = Callable[[Caller, Attempt], None]


class Gateway:
    """Answers calls: recorded ones free, live ones within caps and rate limits, retried, booked.

    Belongs to one event loop.

    Args:
        client: makes the calls.
        settings: recording, caps, retries, circuit breaker.
        ledger: responses and money.
        on_attempt: called with every attempt that ended, recorded ones included (attempt 0).
        share: this process's share of rate limits and slots, 1 / number of processes.
    """

    def __init__(
        self,
        client: Client,
        settings: RolloutSettings,
        ledger: Ledger,
        on_attempt: OnAttempt | None = None,
        share: float = 1.0,
    ) -> None:
        self.client, self.settings, self.ledger = client, settings, ledger
        self.on_attempt, self.share = on_attempt, share
        self._books = AwaitedLedger(ledger)
        self.exhausted: str | None = None  # the refusal of a run's or a phase's cap
        self._guards: dict[str, EndpointGuard] = {}
        self._pending: dict[str, asyncio.Future[None]] = {}
        self._caps = RunCaps(settings.caps)
        self._admission = Admission(self._books)
        self._rng = random.Random()

    async def call(self, call: Call) -> Reply:
        """Answer a call; failures are responses with an `error`. Raises only when cancelled."""
        recording = self.settings.recording
        so_far = Progress()
        if not (recording.reads or recording.writes):
            return await self._live(call, so_far, None)
        request = self.client.request(call.backbone, call.messages, call.query)
        key, body = identity(request, call.caller.sample, call.repeat)
        call = replace(call, caller=replace(call.caller, key=key))
        if not recording.reads:
            return await self._live(call, so_far, body)
        elsewhere = False
        while True:
            try:
                recorded = await self._books.lookup(key)
            except LedgerAway as away:
                return Reply(Response("", Usage(), 0.0, error="ledger", message=str(away)))
            if recorded is not None and replays(recorded, recording, call.seconds):
                return self._replayed(call, recorded)
            if recording.offline:
                return Reply(Response("", Usage(), 0.0, error="unrecorded", message="not recorded"))
            if elsewhere:
                waited, elsewhere = time.perf_counter(), False
                await self._books.change()
                so_far.queue_time += time.perf_counter() - waited
                continue
            if key in self._pending:
                await asyncio.wait([self._pending[key]])  # the same call is under way
                continue
            mine = self._pending[key] = asyncio.get_running_loop().create_future()
            try:
                return await self._live(call, so_far, body)
            except Elsewhere:
                elsewhere = True  # or recorded since we looked
            finally:
                del self._pending[key]
                mine.set_result(None)

    def book(
        self, caller: Caller, backbone: Backbone, text: str, usage: Usage, seconds: float
    ) -> Reply:
        """Book a call that was made elsewhere: it is paid already, so no cap refuses it."""
        attempt = Attempt(usage, cost(backbone, usage), False, seconds, 0.0, None)
        self._books.book(caller, attempt)
        if self.on_attempt is not None:
            self.on_attempt(caller, attempt)
        return Reply(Response(text, usage, seconds), 1, attempt.pusd)

    def _replayed(self, call: Call, recorded: Response) -> Reply:
        if self.on_attempt is not None:
            caller = replace(call.caller, attempt=0)
            attempt = Attempt(recorded.usage, 0, False, recorded.service_time, 0.0, recorded.error)
            self.on_attempt(caller, attempt)
        if call.span is not None:
            caller = replace(call.caller, attempt=0)
            call.span.chat(caller, call.backbone, call.messages).replay(recorded)
        if recorded.error is None and recorded.retry_time + recorded.service_time > call.seconds:
            recorded = too_late(recorded, call.seconds)
        return Reply(recorded)

    async def _live(self, call: Call, so_far: Progress, body: str | None) -> Reply:
        """Make attempts until one succeeds or no retry is allowed.

        Raises:
            Elsewhere: another process makes the same call.
        """
        while True:
            so_far.attempts += 1
            try:
                response, pause = await self._attempt(call, so_far, body)
            except Elsewhere:
                so_far.attempts -= 1
                raise
            if pause is None:
                return Reply(response, so_far.attempts, so_far.paid, so_far.queue_time)
            await asyncio.sleep(pause)
            so_far.retry_time += pause

    async def _attempt(
        self, call: Call, so_far: Progress, body: str | None
    ) -> tuple[Response, float | None]:
        """One attempt: its response, and the seconds until the next one, or None for the last."""
        began = time.perf_counter()
        try:
            entry = await self._admitted(call, so_far)
        except CallError as refusal:
            so_far.queue_time += time.perf_counter() - began
            return await self._refused(call, so_far, refusal, body), None
        queued = time.perf_counter() - began
        so_far.queue_time += queued
        try:
            result = await dispatched(self.client, call, so_far, entry)
        except asyncio.CancelledError:
            gone = CallError("cancelled", "", usage=None)
            attempt = as_attempt(self.client, call, gone, queued)
            self._close(call, entry, attempt, gone, None, None)
            raise
        attempt = as_attempt(self.client, call, result, queued)
        so_far.usage += attempt.usage
        so_far.paid += attempt.pusd
        pause = self._pause(call, so_far, entry, result)
        response = as_response(result, so_far)
        final = pause is None and response.error != "cancelled"  # that says nothing of the call
        recorded = response if final and self.settings.recording.writes else None
        try:
            await booked(self._close(call, entry, attempt, result, recorded, body))
        except LedgerAway as away:  # paid, and on the books as lost: nobody gets it for nothing
            unpaid = CallError("ledger", str(away), service_time=attempt.service_time)
            return as_response(unpaid, so_far), None
        if pause is not None:
            so_far.retry_time += attempt.service_time
        return response, pause

    async def _admitted(self, call: Call, so_far: Progress) -> Entry:
        """Pass circuit, slot, rate and caps.

        Raises:
            CallError: `circuit`, `budget`, `ledger`, or `cancelled` (the rollout's `stop` is set).
            Elsewhere: another process makes the same call.
        """
        guard = self._guard(call.backbone)
        # a prompt is rendered only where its length matters
        capped = self.settings.caps.any or call.query_cap.cap is not None
        metered = capped or (guard is not None and call.backbone.tpm is not None)
        most = most_usage(self.client, call) if metered else Usage()
        reserved = cost(call.backbone, most) if capped else 0
        caller = call.caller
        if so_far.attempts > 1:
            caller = replace(caller, attempt=so_far.attempts)
        expected = 0 if guard is None else await guard.enter(most, call.age)
        try:
            if call.stop is not None and call.stop.is_set():
                raise CallError("cancelled", "nobody waits for the answer any more")
            await call.query_cap.reserve(reserved)
            try:
                ticket = await self._booked(call, caller, reserved)
            except BaseException:
                call.query_cap.settle(reserved, 0)
                raise
        except BaseException:
            if guard is not None:
                guard.turn_back(expected)
            raise
        span = None
        if call.span is not None:
            span = call.span.chat(caller, call.backbone, call.messages)
        return Entry(caller, guard, reserved, ticket, expected, span)

    async def _booked(self, call: Call, caller: Caller, reserved: int) -> int:
        """A ticket of the ledger.

        Raises:
            CallError: `budget`: the cap of the run or the phase leaves too little; `ledger`: it
                cannot be reached.
            Elsewhere: another process makes the same call.
        """
        limits, alone = self._caps.limits(caller.phase), self.settings.recording.shares
        try:
            ticket = await self._admission.reserve(caller, reserved, limits, call.age, alone=alone)
        except LedgerAway as away:
            raise CallError("ledger", str(away)) from away
        if ticket == ELSEWHERE:
            raise Elsewhere
        if ticket is None:
            self.exhausted = self._caps.refusal(caller.phase, reserved)
            raise CallError("budget", self.exhausted)
        return ticket

    def _close(
        self,
        call: Call,
        entry: Entry,
        attempt: Attempt,
        result: Completion | CallError,
        response: Response | None,
        body: str | None,
    ) -> Future[None] | None:
        """Report the end of an attempt to ledger, query cap, limits and circuit.

        It will be booked, awaited (`booked`) or not.
        """
        pending = self._books.settle(entry.ticket, attempt, response, body)
        self._admission.wake()
        if entry.span is not None:
            entry.span.close(attempt, result)
        call.query_cap.settle(entry.reserved, attempt.pusd)
        if entry.guard is not None:
            entry.guard.leave(result, attempt.usage, entry.expected)
        if self.on_attempt is not None:
            self.on_attempt(entry.caller, attempt)
        return pending

    def _pause(
        self, call: Call, so_far: Progress, entry: Entry, result: Completion | CallError
    ) -> float | None:
        """Seconds until the next attempt, or None."""
        retry = self.settings.retry
        if not isinstance(result, CallError) or not retryable(result) or call.begun:
            return None
        if so_far.attempts >= retry.attempts or entry.guard is None:
            return None
        pause = wait_before(retry, so_far.attempts, result, self._rng)
        spent = so_far.retry_time + result.service_time
        return None if pause is None or spent + pause >= call.seconds else pause

    async def _refused(
        self, call: Call, so_far: Progress, refusal: CallError, body: str | None
    ) -> Response:
        """The response where no attempt was admitted; the usage of earlier ones counts."""
        attempt = Attempt(Usage(), 0, False, 0.0, so_far.queue_time, refusal.kind)
        response = as_response(refusal, so_far)
        if self.settings.recording.writes and refusal.kind != "ledger":
            with suppress(LedgerAway):
                await booked(self._books.book(call.caller, attempt, response, body))
        if self.on_attempt is not None:
            self.on_attempt(call.caller, attempt)
        so_far.attempts -= 1
        return response

    def _guard(self, backbone: Backbone) -> EndpointGuard | None:
        endpoint = self.client.endpoint(backbone)
        if endpoint is None:
            return None
        if endpoint not in self._guards:
            self._guards[endpoint] = EndpointGuard.of(
                endpoint, backbone, self.settings.breaker, self.share, self._books.leases
            )
        return self._guards[endpoint]
