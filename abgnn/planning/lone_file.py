"""`LoneBeliefs` as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abgnn.planning.bill_model import BillModel
from abgnn.planning.lone_beliefs import LoneBeliefs
from abgnn.planning.nearness import NearnessBeliefs
from abgnn.planning.packing import pack, unpack
from abgnn.planning.prior import Prior
from abgnn.planning.question_kernel import KernelFeatures, LinearForm
from abgnn.planning.two_stage import TwoStagePredictions
from abgnn.planning.two_stage_means import TwoStageMeans

_FORMS = ("difficulty", "ability")


def lone_to_dict(lone: LoneBeliefs) -> dict[str, Any]:
    """JSON-able; numbers to float32's precision."""
    source = lone.source
    named = {"name": lone.name, "share": lone.share, "errors": dict(lone.errors)}
    if isinstance(source, NearnessBeliefs):
        parts = {key: value for key, value in pack(source).items() if key != "prior"}
        return named | {"nearness": parts}
    means = pack(source.means) | {name: pack(getattr(source.means, name)) for name in _FORMS}
    two = {"features": pack(source.features), "means": means}
    return named | {"two_stage": two | {"usd": pack(source.usd), "seconds": pack(source.seconds)}}


def lone_from_dict(data: Mapping[str, Any], profile: Prior) -> LoneBeliefs:
    """What `lone_to_dict` wrote; `profile`: of the planner's backbones."""
    source: TwoStagePredictions | NearnessBeliefs
    if "nearness" in data:
        source = unpack(NearnessBeliefs, {**data["nearness"], "prior": profile})
    else:
        two = data["two_stage"]
        forms = {name: unpack(LinearForm, two["means"][name]) for name in _FORMS}
        source = TwoStagePredictions(
            unpack(KernelFeatures, two["features"]),
            unpack(TwoStageMeans, {**two["means"], **forms}),
            unpack(BillModel, two["usd"]),
            unpack(BillModel, two["seconds"]),
        )
    return LoneBeliefs(data["name"], source, float(data["share"]), dict(data["errors"]))
