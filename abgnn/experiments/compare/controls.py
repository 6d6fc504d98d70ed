"""Untrained rows of a comparison: single LLMs, self-consistency, fixed graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast, get_args

from abgnn.data.template import Kind
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.bamas.naive import NaiveCostAware
from abgnn.models.fixed import FixedGraph, RandomGraph
from abgnn.models.policy import Policy
from abgnn.models.self_consistency import SelfConsistency

CLAIRVOYANT, BEST_FIXED = "clairvoyant (oracle)", "best fixed plans (oracle)"
ORACLES = (CLAIRVOYANT, BEST_FIXED)  # they look at the test questions: see `oracle`
VANILLA = "vanilla"
NAIVE = "naive cost-aware"
PLANNER, BLIND = "planner", "planner, blind"
PLANNERS = (PLANNER, BLIND)  # no REINFORCE, but they have training calls: see `compare.planner`
PLAN_NET, TAUGHT_BALANCE = "PlanNet", "AgentBalance, taught"
TAUGHT = (PLAN_NET, TAUGHT_BALANCE)  # by the planner, with its training calls: `compare.taught`
CLOSED_LOOP, ROUTER, CASCADE = "closed loop", "router", "cascade"
ROUTED_CASCADE, MAJORITY = "cascade routing", "majority"
SELF_CHECK, ADAPTIVE = "self-check", "adaptive consistency"
COMPLETE = (CLOSED_LOOP, ROUTER, CASCADE, ROUTED_CASCADE, MAJORITY)  # see `compare.complete`
SAMPLED = (SELF_CHECK, ADAPTIVE)  # see `compare.sampled`
READING = (CLOSED_LOOP, CASCADE, ROUTED_CASCADE)  # they read keys, texts, or how programs fare
VOTING = (MAJORITY, *SAMPLED)  # they compare keys
CALIBRATED = (*PLANNERS, *TAUGHT, *COMPLETE, *SAMPLED)  # plans for the budgets, from training calls


def plain_kinds() -> tuple[str, ...]:
    """The values of `plain`: the names below, or a topology of fixed graphs."""
    return (
        *CALIBRATED,
        *ORACLES,
        "single LLM",
        "single LLM, any role",
        "self-consistency",
        NAIVE,
        "random",
        VANILLA,
        *get_args(Kind),
    )


def plain_policies(
    kind: str, mas: BaseMAS, budgets: Sequence[float], seed: int
) -> Iterator[tuple[str, Policy]]:
    """Named policies, one point of the frontier each.

    - `single LLM`: every backbone alone in the role that would answer alone.
    - `single LLM, any role`: every backbone alone in every role.
    - `self-consistency`: every backbone, as many answers as each budget (USD per query) buys.
    - `naive cost-aware`: as many copies of a backbone in a line as each budget buys, BAMAS's own
      control (`NaiveCostAware`), of every backbone that does not think.
    - `random`: random roles, backbones and edges for every query.
    - `vanilla`: all roles and edges of the template.
    - a topology: all roles on every single backbone; `complete` is the base MAS.
    """
    names, roles = mas.catalogue.names, mas.template.roles
    if kind == "single LLM":
        lead = roles[mas.template.lead].name
        yield from ((name, FixedGraph(name, [lead])) for name in names)
    elif kind == "single LLM, any role":
        for role in (r.name for i, r in enumerate(roles) if i != mas.template.decision):
            yield from ((f"{name} as {role}", FixedGraph(name, [role])) for name in names)
    elif kind == "self-consistency":
        for name in names:
            for n in _affordable(name, mas, budgets):
                yield f"{n} × {name}", SelfConsistency(name, n)
    elif kind == NAIVE:
        for name in (b.name for b in mas.catalogue if b.type == "standard"):
            for budget in budgets:
                yield f"{name}, {1e3 * budget:g} mUSD", _naive(name, mas, budget)
    elif kind == "random":
        yield "random plans", RandomGraph(seed=seed)
    elif kind == VANILLA:
        yield from ((name, FixedGraph(name)) for name in names)
    else:
        topology = cast(Kind, kind)
        yield from ((name, FixedGraph(name, edges=topology)) for name in names)


def _naive(name: str, mas: BaseMAS, budget: float) -> NaiveCostAware:
    """With room for a whole reply, as BAMAS's rows have it."""
    most = 1600 if mas.domain == "math" else 800
    return NaiveCostAware(name, budget_usd=budget, catalogue=mas.catalogue_file, max_tokens=most)


def _affordable(name: str, mas: BaseMAS, budgets: Sequence[float]) -> list[int]:
    """Distinct numbers of answers that the budgets buy at the estimated cost of a call."""
    numbers = set()
    for budget in budgets:
        policy = SelfConsistency(name, budget_usd=budget)
        policy.attach(mas.table)
        numbers.add(policy.answers())
    return sorted(numbers)
