"""A mixture of designs as a file: what `abgnn plan` writes and a policy reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.planning.budgets import Mixture
from abgnn.planning.calibration import Calibration, read_json
from abgnn.planning.design import Design

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


def mixture_to_dict(mixture: Mixture, calibration: Calibration) -> dict[str, Any]:
    """JSON-able: the parts by names, budgets, and what the model expects."""
    return {
        "format": FORMAT,
        "label": calibration.label,
        "budget": {
            "cost_usd": mixture.cost_usd,
            "latency_s": mixture.latency_s,
            "quantile": mixture.budget.quantile,
            "margin": mixture.budget.margin,
        },
        "feasible": mixture.feasible,
        "expected": {
            "accuracy": mixture.accuracy,
            "accuracy_sd": mixture.accuracy_sd,
            "cost_usd": mixture.usd,
            "latency_s": mixture.seconds,
        },
        "by": calibration.by,
        "calibration": {"rollouts": calibration.rollouts, "calls": len(calibration.observed)},
        "parts": [
            {
                "share": part.share,
                "group": part.group,
                **_named(part.candidate.design, calibration),
            }
            for part in mixture.parts
        ],
    }


def _named(design: Design, calibration: Calibration) -> dict[str, Any]:
    roles = [role.name for role in calibration.template.roles]
    names = calibration.profile.names
    return {
        "agents": [[roles[slot], names[m]] for slot, m in design.agents],
        "edges": [[roles[u], roles[v]] for u, v in design.edges],
        "decision": None if design.decision is None else names[design.decision],
    }


def write_mixture(data: Mapping[str, Any], path: str | Path) -> None:
    """As JSON."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def read_mixture(path: str | Path) -> dict[str, Any]:
    """What `write_mixture` wrote.

    Raises:
        ConfigError: no such file, not one of ours, or shares that do not sum to 1.
    """
    data = read_json(path, FORMAT, "a file that `abgnn plan` wrote")
    total = sum(part.share for part in named_parts(data))
    if abs(total - 1) > 1e-6:
        raise ConfigError(f"{path}: parts", total, "shares that sum to 1")
    return data


def named_parts(data: Mapping[str, Any]) -> tuple[NamedDesign, ...]:
    """The parts of what `mixture_to_dict` made."""
    return tuple(
        NamedDesign(
            float(part["share"]),
            tuple((role, backbone) for role, backbone in part["agents"]),
            tuple((u, v) for u, v in part["edges"]),
            part["decision"],
            part.get("group", ""),
        )
        for part in data["parts"]
    )
