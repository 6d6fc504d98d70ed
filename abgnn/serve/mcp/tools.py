"""`SystemTools`: what clients can do with a system: ask, plan, compare budgets, see spending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Annotated, Any, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import Field

from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.serve.account import account, why_none
from abgnn.serve.engine import Answering, OnEvent
from abgnn.serve.event_stream import aevents
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.places import OwnPlaces
from abgnn.serve.mcp.results import Answer, Offers, Planned, Spent
from abgnn.serve.offer import Team
from abgnn.serve.query_budget import QueryBudget
from abgnn.serve.system import System

Question: TypeAlias = Annotated[str, Field(description="The whole question, as a text.")]
Usd: TypeAlias = Annotated[
    float | None, Field(gt=0, strict=True, allow_inf_nan=False, description="Budget in USD.")
]
Seconds: TypeAlias = Annotated[
    float | None, Field(gt=0, strict=True, allow_inf_nan=False, description="Budget in seconds.")
]


class SystemTools:
    """The tools; their docstrings are what a client's LLM reads.

    Args:
        system: answers.
        limits: characters of a question, questions at once.
    """

    def __init__(self, system: System, limits: ServeLimits) -> None:
        self.system, self.limits = system, limits
        self._places = OwnPlaces()

    async def ask(
        self, ctx: Context, question: Question, cost_usd: Usd = None, latency_s: Seconds = None
    ) -> Annotated[CallToolResult, Answer]:
        """Answer a question by a team of LLMs, within a budget of this question if one is stated.

        This spends money. The result has the answer and its account: dollars, seconds, every call.
        """
        self._check(question)
        with _refusals(cost_usd=cost_usd, latency_s=latency_s):
            outcome = await self._outcome(ctx, question, cost_usd, latency_s)
        spent = f"USD {outcome.cost:.3g}, {outcome.latency:.3g} s"
        if outcome.error is not None:
            raise ToolError(f"{why_none(outcome)}; spent: {spent}")
        budget = QueryBudget(cost_usd, latency_s).over(self.system.budget)
        answer = outcome.answer.encode("utf-8", "replace").decode()  # an LLM's need not be valid
        made = {"answer": answer, **account(outcome, self.system.label, budget)}
        team = _words(outcome.plan)
        return _result([answer, f"({spent}, {self.system.label}: {team})"], made)

    def plan(
        self, question: Question, cost_usd: Usd = None, latency_s: Seconds = None
    ) -> Annotated[CallToolResult, Planned]:
        """Who would answer a question within a budget: roles, LLMs, who reads whom. Spends nothing.

        New budgets may take seconds.
        """
        self._check(question)
        with _refusals(cost_usd=cost_usd, latency_s=latency_s):
            plan = self.system.plan(question, cost_usd=cost_usd, latency_s=latency_s)
        made = {
            "plan": Team.of(plan).to_dict(),
            "calls_are": self.system.label,
            "budget_kind": self.system.budget_kind,
        }
        return _result([_words(plan), f"```mermaid\n{plan.to_mermaid()}\n```"], made)

    def what_would_a_budget_buy(
        self, cost_usd: Usd = None, latency_s: Seconds = None, question: Question | None = None
    ) -> Annotated[CallToolResult, Offers]:
        """Expected accuracy, dollars and seconds per question at a budget. Spends nothing.

        Without a budget: the operating points that one can choose among, cheapest first. With a
        question its team and, where plans read questions, its own `forecast`. `expected` is null
        where the system does not know. New budgets may take seconds.
        """
        if question is not None:
            self._check(question)
        with _refusals(cost_usd=cost_usd, latency_s=latency_s):
            offer = self.system.offer(question, cost_usd=cost_usd, latency_s=latency_s)
        stated = cost_usd is not None or latency_s is not None
        points = () if stated else self.system.frontier()
        made = {**offer.to_dict(), "frontier": [point.to_dict() for point in points]}
        lines = [_expectation(one) for one in (made, *made["frontier"])]
        lines[1:1] = _own(made["forecast"])
        return _result(["\n".join(lines)], made)

    def spending(self) -> Annotated[CallToolResult, Spent]:
        """USD spent, set aside for calls under way, and left under the caps. Spends nothing."""
        spent = self.system.spending()
        left = "no cap" if spent.left_usd is None else f"USD {spent.left_usd:.3g} left"
        told = (
            f"USD {spent.certain_usd:.3g} for {spent.calls} calls, at most "
            f"{spent.worst_case_usd:.3g} more, {spent.reserved_usd:.3g} set aside; {left}"
        )
        return _result([f"{told} ({self.system.label})"], spent.to_dict())

    def _check(self, question: str) -> None:
        most = self.limits.characters
        if not question.strip() or len(question) > most:
            allowed = f"a text of at most {most} characters that is not empty"
            raise ToolError(f"question: got {len(question)} characters; allowed: {allowed}")

    async def _outcome(
        self, ctx: Context, question: str, cost_usd: float | None, latency_s: float | None
    ) -> Outcome:
        """The outcome, with progress for every call; a client that cancels stops further calls."""
        async with aclosing(aevents(self._start(question, cost_usd, latency_s))) as events:
            n, total = 0, None
            async for event in events:
                if isinstance(event, Plan):
                    total = None if event.program else len(event.agents) * event.rounds
                    await ctx.report_progress(0, total, f"planned: {_words(event)}")
                elif isinstance(event, CallRecord):
                    n += 1
                    told = f"{event.role} on {event.backbone}: USD {event.cost:.3g}"
                    await ctx.report_progress(n, total, told)
                elif isinstance(event, Outcome):
                    return event
        raise AssertionError("an outcome comes last")

    def _start(
        self, question: str, cost_usd: float | None, latency_s: float | None
    ) -> Callable[[OnEvent], Answering]:
        """A question that counts as under way until its outcome, even if nobody awaits it."""
        loop, most = asyncio.get_running_loop(), self.limits.concurrent

        def leave(_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._places.leave)

        def start(on_event: OnEvent) -> Answering:
            if not self._places.enter(most):
                raise ToolError(f"{most} questions are under way; try again later")
            try:
                answering = self.system.start(
                    question, on_event, cost_usd=cost_usd, latency_s=latency_s
                )
            except BaseException:
                self._places.leave()
                raise
            answering.outcome.add_done_callback(leave)
            return answering

        return start


@contextmanager
def _refusals(**stated: float | None) -> Iterator[None]:
    """A budget that is refused, as an error of the tool: field, value, what is allowed."""
    try:
        yield
    except ConfigError as wrong:
        got = f"got {stated[wrong.field]}; " if wrong.field in stated else ""
        raise ToolError(f"{wrong.field}: {got}allowed: {wrong.allowed}") from wrong


def _result(texts: list[str], structured: dict[str, Any]) -> CallToolResult:
    content = [TextContent(type="text", text=text) for text in texts]
    return CallToolResult(content=[*content], structured_content=structured)


def _words(plan: Plan) -> str:
    return ", ".join(f"{agent.role.name} on {agent.backbone}" for agent in plan.agents)


def _own(forecast: dict[str, float] | None) -> list[str]:
    """The line of the question's own forecast, if there is one."""
    if forecast is None:
        return []
    means = f"USD {forecast['cost_usd']:.3g} and {forecast['latency_s']:.3g} s"
    return [f"this question: accuracy {forecast['accuracy']:.3f} for {means}"]


def _expectation(offer: dict[str, Any]) -> str:
    """An offer in a line."""
    budget, expected = offer["budget"], offer["expected"]
    usd, seconds = budget["cost_usd"], budget["latency_s"]
    parts = [f"USD {usd:g}" if usd else "", f"{seconds:g} s" if seconds else ""]
    stated = " and ".join(part for part in parts if part) or "no budget"
    if expected is None:
        return f"{stated}: what it buys is not known here ({offer['budget_kind']})"
    means = f"USD {expected['cost_usd']:.3g} and {expected['latency_s']:.3g} s a question"
    label = f" ({expected['learned_from']})" if expected["learned_from"] else ""
    return f"{stated}: accuracy {expected['accuracy']:.3f} for {means}{label}"
