"""JSON lines: a trace of attempts, or predicted plans."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from abgnn.data.plan import Agent, Plan
from abgnn.report.reading_json import checked
from abgnn.report.records import UNKNOWN, PredictedPlans, Record
from abgnn.report.spending import spend_of


def read_lines(path: Path, name: str) -> tuple[Record | None, str]:
    """A record and a remark on lines that were left out; None: no lines of ours."""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [_parsed(line) for line in text if line.strip()]
    good = [line for line in lines if line is not None]
    bad = len(lines) - len(good)
    remark = f"{bad} of {len(good) + bad} lines are broken or cut off, and left out" if bad else ""
    if good and {"phase", "backbone"} <= good[0].keys():
        return spend_of(good, name), remark
    if good and {"agents", "edges", "decision"} <= good[0].keys():
        return _plans(good, name), remark
    return None, remark


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _plans(lines: Sequence[dict[str, Any]], name: str) -> PredictedPlans:
    """Plans that differ in more than the question, the most frequent ones first."""
    kinds: Counter[tuple[Any, ...]] = Counter()
    first: dict[tuple[Any, ...], Plan] = {}
    for line in lines:
        plan = checked(Plan.from_dict({k: v for k, v in line.items() if k != "program"}))
        key = (
            tuple((a.role.name, a.backbone) for a in plan.agents),
            tuple(sorted(plan.edges)),
            plan.rounds,
        )
        kinds[key] += 1
        first.setdefault(key, replace(plan, agents=tuple(map(_named, plan.agents))))
    ordered = sorted(kinds.items(), key=lambda item: -item[1])
    return PredictedPlans(name, UNKNOWN, tuple((first[key], count) for key, count in ordered))


def _named(agent: Agent) -> Agent:
    """With texts as names, whatever the file has there."""
    role = replace(agent.role, name=str(agent.role.name))
    return Agent(role, str(agent.backbone))
