"""`System`: a trained multi-agent system that answers questions, from Python."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import OpenQuestion, Query
from abgnn.errors import ConfigError, EndpointError
from abgnn.serve.engine import (
    Answering,
    Engine,
    Event,
    OnEvent,
)
from abgnn.serve.event_stream import aevents, events
from abgnn.serve.offer import Offer, Team, foreseen, offer_at
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.query_budget import BudgetKind, QueryBudget, awaited
from abgnn.serve.query_planners import query_planners
from abgnn.serve.shared import SharedSystem
from abgnn.serve.sources import Bounds, load_any
from abgnn.serve.spending import Spending

_log = logging.getLogger(__name__)


class System(SharedSystem):
    """Plans and answers questions; safe in notebooks, event loops and many threads at once.

    Questions that come at the same time are encoded and planned in one batch; calls are made on
    a loop of the system's own. Recording, caps, deadlines and retries are as trained, or as
    `Bounds` state. A failed rollout is an outcome with an `error`.

    A budget of a single question (`cost_usd`, `latency_s`) is, see `budget_kind`:

    - `planned`: with a calibration. The question is answered by the planner's mixture for these
      budgets, which holds them in the mean over many questions; a budget that no plan can meet
      is a ConfigError. New budgets take seconds to plan; the latest ones are cached.
    - `taught`: for a policy trained for all budgets (`AgentBalance(conditioned)`): its operating
      point that suits them, in the mean too.
    - `bound`: for every other policy. The plan stays; calls whose worst case does not fit are not
      made, and agents that are late are left out.

    Args:
        source: client, backbones, roles and what plans (`System.load` makes it from files).
        budget: for questions that state none.
        bounds: hard limits of every question, and where calls are recorded.
        processes: that answer alike and share caps, by the recording, and rate limits, evenly.
            Whoever starts them has checked the endpoints, so one that is down now is a warning.

    Raises:
        ConfigError: what was loaded does not fit together; several processes with caps but no
            recording.
        EndpointError: an endpoint is down, refuses us, or its key variable is missing.
    """

    def __init__(
        self,
        source: PolicySource,
        budget: QueryBudget | None = None,
        bounds: Bounds | None = None,
        processes: int = 1,
    ) -> None:
        deployment = source.deployment
        self.source, self.deployment, self.budget = source, deployment, budget or QueryBudget()
        trained = source.trained
        self.processes = processes
        self.point = None if trained is None else trained.policy.operating_point
        settings = (bounds or Bounds()).over(deployment.rollout)
        planners = query_planners(source)
        executor = deployment.new_executor(OpenQuestion(), settings, processes=processes)
        self._engine = Engine(planners, executor)
        try:
            executor.check()
        except BaseException as wrong:
            if processes == 1 or not isinstance(wrong, EndpointError):
                self.close()
                raise
            _log.warning("%s", wrong)

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        config: str | None = None,
        calibration: str | None = None,
        cost_usd: float | None = None,
        latency_s: float | None = None,
        bounds: Bounds | None = None,
        device: str | None = None,
    ) -> System:
        """A system from files.

        Args:
            source: a checkpoint of `abgnn fit`, a config (its untrained policy), or a file that
                `abgnn plan --out` or `abgnn calibrate` wrote (`from_pretrained`: saved folders).
            config: for plans and calibrations: a config with the client and the LLMs.
            calibration: of the same roles and LLMs, for budgets of single questions.
            cost_usd, latency_s: budgets for questions that state none.
            bounds: hard limits of every question, and where calls are recorded.
            device: where encoder and policy run: `cpu` (the default), `cuda`, `cuda:1`, `mps`.

        Raises:
            ConfigError, EndpointError: see the class.
        """
        budget = QueryBudget(cost_usd, latency_s)
        return cls(load_any(source, config, calibration, device), budget, bounds)

    @property
    def label(self) -> str:
        """How calls are made: `simulated`, `recorded` or `live`."""
        return self.deployment.label

    @property
    def budget_kind(self) -> BudgetKind:
        """What a budget of a single question means here."""
        return self._engine.query_planners.kind

    def plan(
        self,
        question: str | Query,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
    ) -> Plan:
        """The plan that would answer the question; nothing is spent."""
        budget = self._budget(cost_usd, latency_s)
        return self._engine.plan(self._query(question), budget).result()

    def offer(
        self,
        question: str | Query | None = None,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
    ) -> Offer:
        """What a budget buys: expected accuracy, USD and seconds where they are known; for a
        question its team, and where plans read questions what is expected of this very one. Nothing
        is spent; new budgets may take seconds.

        Raises:
            ConfigError: an empty question, or a budget that is invalid or cannot be met.
            ClosedError: the system was closed.
        """
        budget = self._budget(cost_usd, latency_s)
        query = None if question is None else self._query(question)
        chooser = awaited(self._engine.query_planners.of(budget))
        offer = Offer(budget, self.budget_kind, foreseen(chooser))
        if query is None:
            return offer
        team = Team.of(self._engine.plan(query, budget).result())
        return replace(offer, team=team, forecast=self._engine.forecast(chooser, query).result())

    def frontier(self) -> tuple[Offer, ...]:
        """The system's own operating points, cheapest first, each with budgets that buy it; empty
        where nothing is known. Nothing is spent; the first time takes seconds."""
        known = awaited(self._engine.query_planners.frontier())
        return tuple(offer_at(point, self.budget_kind) for point in known)

    def spending(self) -> Spending:
        """What the run has spent, has set aside, and has left under its caps."""
        executor = self._engine.executor
        return Spending.of(executor.settings, executor.ledger.accounts(), self.processes)

    def run(
        self,
        question: str | Query,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
    ) -> Outcome:
        """Answer a question. An interrupt ends it after the calls under way.

        Args:
            question: a text, or a `Query` whose `meta` states its kind, where plans need it.
            cost_usd, latency_s: a budget for this question alone, see the class.

        Raises:
            ConfigError: an empty question, or a budget that is invalid or cannot be met.
        """
        answering = self.start(question, cost_usd=cost_usd, latency_s=latency_s)
        try:
            return answering.outcome.result()
        finally:
            answering.stop.set()

    async def arun(
        self,
        question: str | Query,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
    ) -> Outcome:
        """As `run`, awaitable on any loop; cancelled, it makes no further calls."""
        answering = self.start(question, cost_usd=cost_usd, latency_s=latency_s)
        try:
            return await asyncio.shield(asyncio.wrap_future(answering.outcome))
        finally:
            answering.stop.set()

    def stream(
        self,
        question: str | Query,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
        parts: bool = False,
    ) -> Iterator[Event]:
        """The plan, every call as it ends, and last the outcome; once closed, no further calls.

        With `parts`, the answer's text as well while it is written (`AnswerPart`), where a client
        can stream it and the call that writes it is known to be the last; else none come.
        """
        return events(
            lambda on_event: self.start(
                question, on_event, cost_usd=cost_usd, latency_s=latency_s, parts=parts
            )
        )

    def astream(
        self,
        question: str | Query,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
        parts: bool = False,
    ) -> AsyncIterator[Event]:
        """As `stream`, on any loop."""
        return aevents(
            lambda on_event: self.start(
                question, on_event, cost_usd=cost_usd, latency_s=latency_s, parts=parts
            )
        )

    def start(
        self,
        question: str | Query,
        on_event: OnEvent | None = None,
        *,
        cost_usd: float | None = None,
        latency_s: float | None = None,
        parts: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answering:
        """Start to answer and return at once; the other methods use it.

        Args:
            question, cost_usd, latency_s: as for `run`.
            on_event: called with the plan and every call, on threads of the system's own.
            parts: call it with pieces of the answer, too.
            headers: `traceparent` and `tracestate` of a request, for telemetry.
        """
        budget = self._budget(cost_usd, latency_s)
        query = self._query(question)
        return self._engine.start(query, budget, on_event, parts=parts, headers=headers)

    def close(self, *, finish: bool = True) -> None:
        """Free everything; may be called again.

        Args:
            finish: answer the questions under way; else make no further calls. Calls under way are
                awaited in either case, since they are paid.
        """
        self._engine.close(finish=finish)

    def __enter__(self) -> System:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close(finish=kind is None)

    def _query(self, question: str | Query) -> Query:
        query = question
        if isinstance(query, str):
            query = Query(id=f"ask/{query}", text=query, domain=self.deployment.mas.domain)
        if not isinstance(query, Query) or not query.text.strip():
            raise ConfigError("question", question, "a text that is not empty")
        return query

    def _budget(self, cost_usd: float | None, latency_s: float | None) -> QueryBudget:
        return QueryBudget(cost_usd, latency_s).over(self.budget)
