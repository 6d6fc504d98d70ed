"""JSON files: calibrations, plans, certificates, and the jobs of a comparison."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Role, topological_order
from abgnn.planning.belief_table import BeliefTable
from abgnn.planning.calibration import FORMAT as CALIBRATION
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.loop_plan import FORMAT as LOOP_PLAN
from abgnn.planning.closed_loop.loop_plan import LoopPlan, loop_uses
from abgnn.planning.plan_file import FORMAT as PLAN
from abgnn.planning.plan_file import NamedDesign, PlanFile
from abgnn.planning.question_plan import FORMAT as QUESTION_PLAN
from abgnn.planning.question_plan import QuestionPlan
from abgnn.report.records import (
    UNKNOWN,
    CertificateFile,
    PlanPart,
    PlanRecord,
    PointRow,
    Points,
    Record,
)

_LARGEST = 1e12


def read_json_record(path: Path, name: str) -> tuple[Record | None, str]:
    """A record, None if the file is of no kind that we know.

    Raises:
        ValueError, KeyError, TypeError, …: the file is of a known kind, but broken.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        return None, ""
    kind = str(data.get("format", ""))
    if kind == CALIBRATION:
        return BeliefTable.of(Calibration.load(path), name), ""
    if kind in (PLAN, QUESTION_PLAN, LOOP_PLAN):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return replace(_any_plan(kind, path, name), digest=digest), ""
    if kind.startswith("abgnn "):
        return None, f"{kind!r}: of another version of abgnn"
    if {"verdict", "findings"} <= data.keys():
        return _certificate(data, name), ""
    if {"job", "result"} <= data.keys():
        return _job(data, name), ""
    return None, ""


def _any_plan(kind: str, path: Path, name: str) -> PlanRecord:
    if kind == PLAN:
        return _plan(PlanFile.read(path), name)
    if kind == QUESTION_PLAN:
        return _question_plan(QuestionPlan.read(path), name)
    return _loop_plan(LoopPlan.read(path), name)


def finite(value: Any) -> float:
    """A number, of a size that can be drawn and summed.

    Raises:
        ValueError, TypeError: it is none.
    """
    number = float(value)
    if not abs(number) < _LARGEST:  # nor is a NaN
        raise ValueError(f"{value!r} is no number below {_LARGEST:g}")
    return number


def checked(plan: Plan) -> Plan:
    """A plan that can be drawn.

    Raises:
        IndexError, TypeError, ValueError: an agent that is not there, a cycle, no round.
    """
    n = len(plan.agents)
    ends = (plan.decision, *(end for edge in plan.edges for end in edge))
    if not all(isinstance(number, int) for number in (*ends, plan.rounds)) or plan.rounds < 1:
        raise TypeError("agents and rounds are counted by integers")
    if any(not 0 <= end < n for end in ends):
        raise IndexError(f"agents {sorted(set(ends))} of {n}")
    topological_order(n, plan.edges)
    return plan


def _plan(read: PlanFile, name: str) -> PlanRecord:
    parts = tuple(PlanPart(finite(p.share), str(p.group), _drawable(p)) for p in read.parts)
    ahead = read.predicted or {}
    ranges = {
        key: (finite(ahead[key]["low"]), finite(ahead[key]["high"]))
        for key in ("accuracy", "usd", "seconds")
        if key in ahead
    }
    return PlanRecord(
        path=name,
        label=read.label or UNKNOWN,
        parts=parts,
        feasible=read.feasible,
        by=read.by or "",
        budget=_numbers(read.budget),
        expected=_numbers(read.expected),
        predicted=ranges,
        queries=int(ahead.get("queries", 0)),
    )


def _question_plan(read: QuestionPlan, name: str) -> PlanRecord:
    """The teams that its training questions get."""
    template, names = read.planner.template, read.planner.backbones
    anyone = Query("any question", "", "")
    parts = tuple(
        PlanPart(part.share, ", ".join(part.kinds), part.design.plan(anyone, template, names))
        for part in read.used()
    )
    return _reading_plan(read, name, parts)


def _loop_plan(read: LoopPlan, name: str) -> PlanRecord:
    """Whose answers stand, as replayed; where the calibration has gaps, who may be asked."""
    template, names = read.planner.template, read.planner.backbones
    place = dict(zip(read.loop.llms, read.agents.agents, strict=True))
    parts = []
    for use in sorted(loop_uses(read), key=lambda use: -(use.stands or use.candidate)):
        slot, m = place[use.name]
        agent = Agent(template.roles[slot], names[m])
        group = "candidate" if use.stands is None else "its answer stands"
        alone = Plan(Query("any question", "", ""), (agent,), (), 0)
        share = use.candidate if use.stands is None else use.stands
        if share > 0:
            parts.append(PlanPart(share, group, alone))
    made = _reading_plan(read, name, tuple(parts))
    return replace(made, by=made.by or "closed loop")


def _reading_plan(
    read: QuestionPlan | LoopPlan, name: str, parts: tuple[PlanPart, ...]
) -> PlanRecord:
    ahead = read.predicted
    return PlanRecord(
        path=name,
        label=read.label or UNKNOWN,
        parts=parts,
        feasible=read.feasible,
        by=read.by or "",
        budget=_numbers(read.budget),
        expected=_numbers(read.expected),
        predicted={
            key: (finite(r.low), finite(r.high))
            for key, r in (
                ("accuracy", ahead.accuracy),
                ("usd", ahead.usd),
                ("seconds", ahead.seconds),
            )
        },
        queries=ahead.queries,
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float | None]:
    return {str(k): None if v is None else finite(v) for k, v in values.items()}


def _drawable(part: NamedDesign) -> Plan:
    """As the policy of a plan file makes it; all agents write to the decision agent."""
    agents = [Agent(Role(str(role), "–"), str(backbone)) for role, backbone in part.agents]
    place = {role: i for i, (role, _) in enumerate(part.agents)}
    edges = [(place[u], place[v]) for u, v in part.edges]
    decision = None if part.decision is None else Agent(Role("decision", "–"), str(part.decision))
    return checked(Plan.team(Query("any question", "", ""), agents, edges, decision))


def _certificate(data: Mapping[str, Any], name: str) -> CertificateFile:
    findings = tuple(
        (
            str(f["name"]),
            *(finite(f[key]) for key in ("budget", "value", "low")),
            _LARGEST if f["high"] is None else finite(f["high"]),
            str(f["verdict"]),
        )
        for f in data["findings"]
    )
    mean, low, high = (finite(value) for value in data["accuracy"])
    return CertificateFile(
        path=name,
        label=str(data["label"]),
        verdict=str(data["verdict"]),
        findings=findings,  # type: ignore[arg-type]
        accuracy=(mean, low, high),
        confidence=finite(data["confidence"]),
        each=finite(data.get("each", data["confidence"])),
        look=int(data.get("look", 1)),
        n=int(data["n"]),
        seed=str(data["seed"]),
        priced=str(data.get("priced", "")),
        subject=str(data.get("subject", "")),
    )


def _job(data: Mapping[str, Any], name: str) -> Points:
    job, result = data["job"], data["result"]
    rows = tuple(point_row({"method": job["method"], "seed": job["seed"]} | r)
                 for r in result["rows"])  # fmt: skip
    budgets = tuple(finite(b) for b in job.get("budgets", ()))
    waits = tuple(finite(b) for b in job.get("waits", ()))
    spent = finite(result["spent_usd"]) if "spent_usd" in result else None
    return Points(name, str(result["label"]), rows, budgets, waits, spent)


def point_row(row: Mapping[str, Any]) -> PointRow:
    """A row of points.csv, held_out.csv or a job.

    Raises:
        KeyError, TypeError, ValueError: a column is missing, or holds no finite number.
    """
    name = str(row["name"])
    cost, latency = finite(row["cost_usd"]), finite(row["latency_s"])
    if min(cost, latency) < 0:
        raise ValueError(f"{min(cost, latency)} is no amount")
    return PointRow(
        method=_method(row, name),
        name=name,
        seed=str(row.get("seed", "")),
        performance=finite(row["performance"]),
        performance_se=_stated(row["performance_se"]),
        cost_usd=cost,
        latency_s=latency,
        tokens=_stated(row["tokens"]),
        calls=_stated(row["calls"]),
        failed=_stated(row["failed"]),
        n=int(finite(row["n"] or 0)),
    )


def _stated(value: Any) -> float:
    """A number; NaN where the file has an empty cell for it."""
    return float("nan") if value == "" else finite(value)


def _method(row: Mapping[str, Any], name: str) -> str:
    """A comparison says it; `abgnn inductive` names a system and a catalogue."""
    if "system" in row:
        return f"{row['system']} ({row.get('catalogue', '')})"
    return str(row["method"]) if "method" in row else group_of(name)


def group_of(name: str) -> str:
    """The method of a frontier's row: `AgentBalance: point 1`, `chain Qwen3-8B`."""
    if ": " in name:
        return name.partition(": ")[0]
    first = name.partition(" ")[0]
    return first if first in ("complete", "chain", "star", "layered") else name
