"""`QuestionPlanner` as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.design import Design
from abgnn.planning.lone_file import lone_from_dict, lone_to_dict
from abgnn.planning.packing import pack, packed, unpack, unpacked
from abgnn.planning.prior import Prior
from abgnn.planning.question_calls import Seen
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.question_layout import QuestionLayout
from abgnn.planning.question_model import QuestionModel
from abgnn.planning.team_forecasts import SERVED, Bills
from abgnn.planning.template_dict import template_from_dict, template_to_dict
from abgnn.planning.usage_model import UsageModel


def planner_to_dict(planner: QuestionPlanner) -> dict[str, Any]:
    """JSON-able; forecasts of what `planner_from_dict` restores agree to float32's precision."""
    model, bills = planner.model, planner.bills
    layout = model.layout
    lone = {} if planner.lone is None else {"lone": lone_to_dict(planner.lone)}
    return lone | {
        "template": template_to_dict(planner.template),
        "profile": pack(planner.profile) | {"thinks": planner.profile.thinks.tolist()},
        "features": pack(model.features),
        "layout": [layout.backbones, layout.slots, layout.kinds, layout.features, layout.lead],
        "mean": packed(model.mean),
        "draws": packed(_paired(model.draws, SERVED)),
        "query_sd": model.query_sd,
        "scale": model.scale,
        "bills": {name: _bill(getattr(bills, name)) for name in ("usd", "seconds", "visible")},
        "hard": packed(bills.hard),
        "designs": [
            [[list(pair) for pair in d.agents], [list(edge) for edge in d.edges], d.decision]
            for d in planner.designs
        ],
        "level": planner.level.tolist(),
        "seen": pack(planner.seen),
    }


def planner_from_dict(data: Mapping[str, Any]) -> QuestionPlanner:
    """What `planner_to_dict` wrote."""
    profile = dict(data["profile"])
    thinks = np.array(profile.pop("thinks"), dtype=bool)
    model = QuestionModel(
        unpack(QuestionFeatures, data["features"]),
        QuestionLayout(*data["layout"]),
        unpacked(data["mean"]),
        unpacked(data["draws"]),
        float(data["query_sd"]),
        dict(data["scale"]),
    )
    made = unpack(Prior, profile | {"thinks": thinks})
    usage = {name: _usage(bill) for name, bill in data["bills"].items()}
    return QuestionPlanner(
        template_from_dict(data["template"]),
        made,
        model,
        Bills(**usage, hard=unpacked(data["hard"])),
        tuple(_design(*parts) for parts in data["designs"]),
        np.array(data["level"]),
        unpack(Seen, data["seen"]),
        lone_from_dict(data["lone"], made) if "lone" in data else None,
    )


def _paired(draws: np.ndarray[Any, np.dtype[np.float64]], n: int) -> np.ndarray[Any, Any]:
    """The first n of antithetic draws, as pairs again."""
    pairs, half = len(draws) // 2, min(n, len(draws)) // 2
    return np.concatenate([draws[:half], draws[pairs : pairs + half]])


def _bill(model: UsageModel) -> dict[str, Any]:
    """Of the covariance, what each LLM's own level is worth: the diagonal."""
    return pack(model) | {"covariance": packed(np.diagonal(model.covariance).copy())}


def _usage(data: Mapping[str, Any]) -> UsageModel:
    made = unpack(UsageModel, data)
    return UsageModel(
        made.coef, np.diag(made.covariance), made.backbones, made.groups, made.variance
    )


def _design(agents: Any, edges: Any, decision: int | None) -> Design:
    return Design(tuple((j, m) for j, m in agents), tuple((u, v) for u, v in edges), decision)
