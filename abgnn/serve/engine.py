"""`Engine`: answers questions by threads, from budget to chooser, plan and outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ClosedError
from abgnn.planning.simulation import Forecast
from abgnn.rollout.calls import OnText
from abgnn.rollout.executor import Executor
from abgnn.rollout.stop import Stop
from abgnn.serve.offer import Forecasting
from abgnn.serve.plan_batcher import Chooser, Paced, PlanBatcher
from abgnn.serve.query_budget import QueryBudget, QueryPlanners, done

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.tracing import Origin


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """The next piece of the answer's text, while it is written."""

    text: str


Event: TypeAlias = Plan | CallRecord | LoopStep | AnswerPart | Outcome
"""The plan, every call as it ends, every decision of a closed loop, and last the outcome; where
they are wanted, pieces of the answer."""

OnEvent: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answering:
    """A question under way: the future of its outcome; set `stop` when it is no longer needed."""

    outcome: Future[Outcome] = field(default_factory=Future)
    stop: Stop = field(default_factory=Stop)


class Engine:
    """Passes questions from thread to thread; only `close` waits.

    Args:
        query_planners: choose the plans, by budget.
        executor: carries plans out.
    """

    def __init__(self, query_planners: QueryPlanners, executor: Executor) -> None:
        self.query_planners, self.executor = query_planners, executor
        self._batcher = PlanBatcher()
        self._under_way: set[Answering] = set()
        self._lock, self._closed = threading.Lock(), False

    def plan(self, query: Query, budget: QueryBudget) -> Future[Plan]:
        """The future of the plan; nothing is spent. A ConfigError is the future's exception."""
        return self._planned(self.query_planners.of(budget), query, budget)

    def forecast(self, chooser: Chooser, query: Query) -> Future[Forecast | None]:
        """The future of what is expected of the question's own plan; None: it is not known."""
        if not isinstance(chooser, Forecasting):
            return done(None)
        return self._batcher.submit(chooser.forecasts, query)

    def _planned(self, chooser: Future[Chooser], query: Query, budget: QueryBudget) -> Future[Plan]:
        planned: Future[Plan] = Future()

        def submit(chosen: Future[Chooser]) -> None:
            if chosen.cancelled():
                planned.set_exception(ClosedError("the system was closed"))
                return
            error = chosen.exception()
            if error is not None:
                planned.set_exception(error)
                return
            try:
                self._batcher.submit(chosen.result(), query).add_done_callback(hand_over)
            except Exception as wrong:  # closed, or no thread to be had: who waits is told
                planned.set_exception(wrong)

        def hand_over(done: Future[Plan]) -> None:
            error = done.exception()
            if error is not None:
                planned.set_exception(error)
            else:
                planned.set_result(self._bounded(done.result(), budget))

        chooser.add_done_callback(submit)
        return planned

    def start(
        self,
        query: Query,
        budget: QueryBudget,
        on_event: OnEvent | None = None,
        *,
        parts: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answering:
        """Start to answer and return at once.

        Args:
            query: the question.
            budget: of this question alone.
            on_event: called with the plan, every call and every decision of a closed loop, on
                threads of the engine's own.
            parts: call it with pieces of the answer, too.
            headers: `traceparent` and `tracestate` of the request, for telemetry.

        Raises:
            ClosedError: it was closed.
        """
        answering = Answering()
        with self._lock:
            if self._closed:
                raise ClosedError("the system was closed")
            self._under_way.add(answering)
        answering.outcome.add_done_callback(lambda _: self._ended(answering))
        try:
            chooser = self.query_planners.of(budget)
            planned = self._planned(chooser, query, budget)
            origin = self.executor.origin(headers, budget.cost_usd, budget.latency_s)
        except BaseException as wrong:
            answering.outcome.set_exception(wrong)  # `close` may wait for it
            raise
        planned.add_done_callback(
            lambda done: self._execute(done, answering, on_event, parts, origin)
        )
        answering.outcome.add_done_callback(lambda done: _account(done, chooser))
        return answering

    def close(self, *, finish: bool = True) -> None:
        """Free everything; may be called again.

        Args:
            finish: answer the questions under way; else make no further calls. Calls under way are
                awaited in either case, since they are paid.
        """
        with self._lock:
            self._closed, under_way = True, list(self._under_way)
        for answering in () if finish else under_way:
            answering.stop.set()
        for answering in under_way:
            with suppress(Exception):
                answering.outcome.exception()
        self.query_planners.close()
        self._batcher.close()
        self.executor.close()

    def _bounded(self, plan: Plan, budget: QueryBudget) -> Plan:
        if self.query_planners.kind != "bound" or not budget:
            return plan
        usd = [b for b in (plan.budget_usd, budget.cost_usd) if b is not None]
        return replace(plan, budget_usd=min(usd, default=None), deadline_s=budget.latency_s)

    def _execute(
        self,
        planned: Future[Plan],
        answering: Answering,
        on_event: OnEvent | None,
        parts: bool,
        origin: Origin | None,
    ) -> None:
        try:
            plan = planned.result()
            if on_event is not None:
                on_event(plan)
            answered = self.executor.submit(
                plan,
                on_call=on_event,
                on_step=on_event,
                stop=answering.stop,
                on_text=_as_parts(on_event) if parts and on_event is not None else None,
                origin=origin,
            )
        except BaseException as error:  # raised where the answer is awaited
            answering.outcome.set_exception(error)
            return
        answered.add_done_callback(lambda done: _hand_over(done, answering.outcome))

    def _ended(self, answering: Answering) -> None:
        with self._lock:
            self._under_way.discard(answering)


def _as_parts(on_event: OnEvent) -> OnText:
    return lambda text: on_event(AnswerPart(text))


def _hand_over(done: Future[Outcome], outcome: Future[Outcome]) -> None:
    if done.cancelled():
        outcome.set_exception(ClosedError("the system was closed"))
    elif (error := done.exception()) is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(done.result())


def _account(done: Future[Outcome], chosen: Future[Chooser]) -> None:
    """Tell a paced chooser what a question has cost and taken, failed ones included."""
    if done.cancelled() or done.exception() is not None:
        return
    chooser = chosen.result()
    if isinstance(chooser, Paced):
        outcome = done.result()
        chooser.spent(outcome.cost, outcome.latency)
