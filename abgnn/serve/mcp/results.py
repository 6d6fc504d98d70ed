"""What the tools return, as the schemas that clients get; keys may be added to them."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # of typing, pydantic takes that of Python 3.12 alone


class Agent(TypedDict):
    """Who is called."""

    role: str
    backbone: str


class Team(TypedDict):
    """Agents; messages as pairs of their indices; who answers; how often all are called."""

    agents: list[Agent]
    edges: list[list[int]]
    decision: int
    rounds: int


class Budget(TypedDict):
    """Of one question; None: none."""

    cost_usd: float | None
    latency_s: float | None


class Call(TypedDict):
    """One LLM call; seconds count from the plan's start, `agent` is an index into the plan's."""

    agent: int
    round: int
    role: str
    backbone: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    start_s: float
    end_s: float


class Answer(TypedDict):
    """An answer with its account."""

    answer: str
    calls_are: str
    cost_usd: float
    paid_usd: float
    latency_s: float
    wall_s: float
    calls: list[Call]
    plan: Team
    budget: Budget
    late: list[str]


class Planned(TypedDict):
    """Who would answer, and how calls would be made."""

    plan: Team
    calls_are: str
    budget_kind: str


class Expected(TypedDict):
    """Means per question, with the middle 90 % of the accuracy over that many questions."""

    accuracy: float
    cost_usd: float
    latency_s: float
    accuracy_interval: list[float] | None
    interval_questions: int
    learned_from: str


class Forecast(TypedDict):
    """What is expected of one question."""

    accuracy: float
    cost_usd: float
    latency_s: float


class Offer(TypedDict):
    """What a budget buys; `expected` is None where the system does not know.

    `forecast` is of the named question itself, where plans read questions.
    """

    budget: Budget
    budget_kind: str
    expected: Expected | None
    plan: Team | None
    forecast: Forecast | None


class Offers(Offer):
    """The same, with the operating points to choose among where no budget was stated."""

    frontier: list[Offer]


class Spent(TypedDict):
    """USD of a run, over all processes that share its recording; None: nothing caps it."""

    run: str
    calls: int
    certain_usd: float
    worst_case_usd: float
    reserved_usd: float
    run_cap_usd: float | None
    query_cap_usd: float | None
    phase_cap_usd: dict[str, float]
    left_usd: float | None
    scope: Literal["run", "process"]
