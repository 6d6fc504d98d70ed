"""Answers from certificates and plans; single LLMs beside them as a calibration believes them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from abgnn.planning.belief_table import BeliefTable
from abgnn.report.answers import Answer, Interval, Mark, Rival
from abgnn.report.records import CertificateFile, PlanRecord

_NONE = "these files hold no single LLM on the same questions, and no calibration"


def of_certificate(
    made: CertificateFile, plans: Sequence[PlanRecord], beliefs: Sequence[BeliefTable]
) -> Answer:
    """The certified system; its plan is known by the digest that the certificate names."""
    found = {name: (budget, value) for name, budget, value, *_ in made.findings}
    cost, wait = found.get("mean cost"), found.get("mean latency")
    plan = next((p for p in plans if p.digest and p.digest in made.subject), None)
    alpha = (1 - made.each) * len(made.findings)
    mean, low, high = made.accuracy
    system = _name(plan) if plan else (made.subject or "the system of this certificate")
    budgets = (cost[0] if cost else None, wait[0] if wait else None)
    usd = cost[1] if cost else None
    ours = () if usd is None else (Mark(system, usd, mean, low, high),)
    table = _nearest(made.path, made.label, beliefs)
    single, plain, missing = _believed(table, mean, *budgets)
    return Answer(
        made.path, made.label, "certified", system, *budgets,
        Interval(mean, low, high, f"each bound at {1 - alpha:.0%}"), usd, wait[1] if wait else None,
        f"{made.n} held-out questions", single, plain, ours, _singles(table), 2, made.verdict,
        missing,
    )  # fmt: skip


def of_plan(planned: PlanRecord, beliefs: Sequence[BeliefTable]) -> Answer | None:
    """What the planner expects; nothing was measured."""
    mean, usd = planned.expected.get("accuracy"), planned.expected.get("cost_usd")
    if mean is None:
        return None
    low, high = planned.predicted.get("accuracy", (None, None))
    system = _name(planned)
    budgets = planned.budget.get("cost_usd"), planned.budget.get("latency_s")
    table = _nearest(planned.path, planned.label, beliefs)
    single, plain, missing = _believed(table, mean, *budgets)
    return Answer(
        planned.path, planned.label, "expected", system, *budgets,
        Interval(mean, low, high, f"90 % in the model, of the next {planned.queries} questions"),
        usd, planned.expected.get("latency_s"), "nothing yet: the planner expects it", single,
        plain, () if usd is None else (Mark(system, usd, mean, low, high),), _singles(table), 5,
        missing=missing,
    )  # fmt: skip


def _name(plan: PlanRecord) -> str:
    """The team where there is one, else how many there are and what they go by."""
    if len(plan.parts) == 1:
        return "; ".join(f"{a.role.name}: {a.backbone}" for a in plan.parts[0].plan.agents)
    by = f" by {plan.by}" if plan.by else ""
    return f"the plan {plan.path} ({len(plan.parts)} teams{by})"


def _nearest(path: str, label: str, beliefs: Sequence[BeliefTable]) -> BeliefTable | None:
    """The calibration of the same label in the nearest folder."""
    able = [b for b in beliefs if b.label == label]
    if not able:
        return None
    return min(able, key=lambda b: (-_shared(path, b.path), b.path.count("/")))


def _shared(a: str, b: str) -> int:
    """How many folders two paths begin with alike."""
    pairs = takewhile(
        lambda pair: pair[0] == pair[1], zip(a.split("/"), b.split("/"), strict=False)
    )
    return len(list(pairs))


def _believed(
    table: BeliefTable | None, accuracy: float, most: float | None, wait: float | None
) -> tuple[Rival | None, Rival | None, str]:
    """The best LLM and one at random within both budgets, and why there is none."""
    if table is None:
        return None, None, _NONE
    able = np.flatnonzero(
        (table.usd <= (np.inf if most is None else most))
        & (table.seconds <= (np.inf if wait is None else wait))
    )
    if not len(able):
        return None, None, f"by {table.path}, no single LLM is within these budgets"
    m = able[np.argmax(table.accuracy[able])]
    source = f"as {table.path} believes, not measured on these questions"
    best, drawn = float(table.accuracy[m]), float(table.accuracy[able].mean())
    return (
        Rival(f"the best single LLM ({table.names[m]}, {source})", best, float(table.usd[m]),
              Interval(accuracy - best)),
        Rival(f"an LLM drawn at random among the {len(able)} within the budgets ({source})", drawn,
              float(table.usd[able].mean()), Interval(accuracy - drawn)),
        "",
    )  # fmt: skip


def _singles(table: BeliefTable | None) -> tuple[Mark, ...]:
    if table is None:
        return ()
    columns = zip(table.names, table.usd, table.accuracy, table.low, table.high, strict=True)
    return tuple(Mark(n, float(u), float(a), float(lo), float(hi)) for n, u, a, lo, hi in columns)
