"""`PlanFile`: a mixture of designs by names: what `abgnn plan` writes, read once and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.planning.budgets import Mixture
from abgnn.planning.calibration import Calibration, read_json
from abgnn.planning.design import Design
from abgnn.planning.predictive import Prediction

FORMAT = "abgnn plan 1"


@dataclass(frozen=True, slots=True)
class NamedDesign:
    """A design by names, so that it can be carried out with any catalogue that has them.

    Args:
        share: of the queries.
        agents: (role, backbone), in the template's order.
        edges: pairs of roles.
        decision: backbone of the decision agent; None: a lone agent answers.
        group: kind of questions that it is for; empty: all.
    """

    share: float
    agents: tuple[tuple[str, str], ...]
    edges: tuple[tuple[str, str], ...]
    decision: str | None
    group: str = ""

    @property
    def backbones(self) -> set[str]:
        """Names of the LLMs that it needs."""
        return {name for _, name in self.agents} | ({self.decision} if self.decision else set())

    def plan(self, query: Query, template: Template) -> Plan:
        """The plan of a query; a decision agent reads all others.

        Raises:
            ConfigError: the template lacks one of the roles.
        """
        roles = {role.name: role for role in template.roles}
        for role, _ in self.agents:
            if role not in roles:
                raise ConfigError("plan: role", role, ", ".join(roles))
        agents = [Agent(roles[role], backbone) for role, backbone in self.agents]
        place = {role: i for i, (role, _) in enumerate(self.agents)}
        edges = tuple((place[u], place[v]) for u, v in self.edges)
        if self.decision is None:
            return Plan.team(query, agents, edges)
        decision = Agent(template.roles[template.decision], self.decision)
        return Plan.team(query, agents, edges, decision)


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What the planner chose for budgets, by names, with what it expects of that.

    Args:
        parts: designs; shares sum to 1 (within each kind of questions, where kinds differ, to the
            share of the kind).
        label: what the calibration's calls were: `simulated`, `recorded`, `live`, or
            `profiles only`.
        by: entry of `Query.meta` that names the kind of a question; None: plans do not ask.
        feasible: whether the budgets are expected to be met.
        budget: `cost_usd`, `latency_s`, `quantile`, `margin`.
        expected: `accuracy`, `accuracy_sd`, `cost_usd`, `latency_s` per query.
        calibration: numbers of `rollouts` and `calls`.
        predicted: of the means over the next queries (`Prediction`), or None.
        path: the file, for messages.
    """

    parts: tuple[NamedDesign, ...]
    label: str
    by: str | None
    feasible: bool
    budget: Mapping[str, float | None]
    expected: Mapping[str, float | None]
    calibration: Mapping[str, int]
    predicted: Mapping[str, Any] | None = None
    path: str = "plan"

    @classmethod
    def of(
        cls, mixture: Mixture, calibration: Calibration, ahead: Prediction | None = None
    ) -> PlanFile:
        """A mixture, with the names of the calibration that it was planned from."""
        return cls(
            parts=tuple(
                _named(part.share, part.candidate.design, part.group, calibration)
                for part in mixture.parts
            ),
            label=calibration.label,
            by=calibration.by,
            feasible=mixture.feasible,
            budget={
                "cost_usd": mixture.cost_usd,
                "latency_s": mixture.latency_s,
                "quantile": mixture.budget.quantile,
                "margin": mixture.budget.margin,
            },
            expected={
                "accuracy": mixture.accuracy,
                "accuracy_sd": mixture.accuracy_sd,
                "cost_usd": mixture.usd,
                "latency_s": mixture.seconds,
            },
            calibration={
                "rollouts": calibration.rollouts,
                "calls": len(calibration.observed),
            },
            predicted=None if ahead is None else asdict(ahead),
        )

    @classmethod
    def read(cls, path: str | Path) -> PlanFile:
        """The file that `write` wrote.

        Raises:
            ConfigError: no such file, not one of ours, or shares that do not sum to 1.
        """
        allowed = "a file that `abgnn plan` wrote"
        data = read_json(path, FORMAT, allowed)
        try:
            made = cls.from_dict(data, str(path))
        except KeyError as error:
            raise ConfigError("file", str(path), f"{allowed}; {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError("file", str(path), f"{allowed} ({error!r})") from error
        total = sum(part.share for part in made.parts)
        if abs(total - 1) > 1e-6:
            raise ConfigError(f"{path}: parts", total, "shares that sum to 1")
        return made

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], path: str = "plan") -> PlanFile:
        """What `to_dict` made."""
        return cls(
            parts=tuple(_part(part) for part in data["parts"]),
            label=str(data.get("label", "")),
            by=data.get("by"),
            feasible=bool(data.get("feasible", True)),
            budget=dict(data.get("budget") or {}),
            expected=dict(data.get("expected") or {}),
            calibration=dict(data.get("calibration") or {}),
            predicted=data.get("predicted"),
            path=path,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "format": FORMAT,
            "label": self.label,
            "budget": dict(self.budget),
            "feasible": self.feasible,
            "expected": dict(self.expected),
            "by": self.by,
            "calibration": dict(self.calibration),
            "parts": [
                {
                    "share": part.share,
                    "group": part.group,
                    "agents": [list(pair) for pair in part.agents],
                    "edges": [list(pair) for pair in part.edges],
                    "decision": part.decision,
                }
                for part in self.parts
            ],
            **({} if self.predicted is None else {"predicted": dict(self.predicted)}),
        }

    def write(self, path: str | Path) -> None:
        """As JSON."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    def check(self, names: Iterable[str], roles: Sequence[str] | None = None) -> None:
        """
        Raises:
            ConfigError: a backbone that is not among the names, or a role not among the roles.
        """
        known = list(names)
        for part in self.parts:
            for role, _ in part.agents:
                if roles is not None and role not in roles:
                    raise ConfigError(f"{self.path}: role", role, ", ".join(roles))
            for name in sorted(part.backbones):
                if name not in known:
                    raise ConfigError(f"{self.path}: backbone", name, ", ".join(known))

    def plans(self, queries: Sequence[Query], template: Template, seed: int = 0) -> list[Plan]:
        """The plan of each query.

        Which design a query gets depends on the query alone (a hash of its id and the seed), so
        that a query asked again gets the same plan, and shares hold over many queries. Where kinds
        of questions differ, a query's designs are those of its kind; a kind that was not
        calibrated gets any.
        """
        return [self.part_of(query, seed).plan(query, template) for query in queries]

    def part_of(self, query: Query, seed: int = 0) -> NamedDesign:
        """The design that a query gets."""
        able = self.drawn_from(query)
        place = place_of(query, seed) * sum(part.share for part in able)
        for part in able:
            place -= part.share
            if place < 0:
                return part
        return able[-1]

    def drawn_from(self, query: Query) -> tuple[NamedDesign, ...]:
        """The designs that a query of this kind may get."""
        kind = str(query.meta.get(self.by, "")) if self.by else ""
        return tuple(part for part in self.parts if part.group in ("", kind)) or self.parts


def place_of(query: Query, seed: int = 0) -> float:
    """A number in [0, 1) that looks random and depends on the query's id and the seed alone."""
    digest = hashlib.sha256(f"{seed}/{query.id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _named(share: float, design: Design, group: str, calibration: Calibration) -> NamedDesign:
    roles = [role.name for role in calibration.template.roles]
    names = calibration.profile.names
    return NamedDesign(
        share,
        tuple((roles[slot], names[m]) for slot, m in design.agents),
        tuple((roles[u], roles[v]) for u, v in design.edges),
        None if design.decision is None else names[design.decision],
        group,
    )


def _part(data: Mapping[str, Any]) -> NamedDesign:
    return NamedDesign(
        float(data["share"]),
        tuple((role, backbone) for role, backbone in data["agents"]),
        tuple((u, v) for u, v in data["edges"]),
        data["decision"],
        data.get("group", ""),
    )
