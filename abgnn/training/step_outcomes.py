"""What a training step reads of its outcomes beside their rewards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from abgnn.data.outcome import Outcome
from abgnn.errors import ConfigError
from abgnn.rollout.settings import Recording


def check_replay(outcomes: Sequence[Outcome], recording: Recording) -> None:
    """
    Raises:
        ConfigError: calls that a replay lacks; their rollouts have no result.
    """
    lacking = [o for o in outcomes if o.kind == "unrecorded"]
    if lacking:
        message = f"replay-or-live: {len(lacking)} of {len(outcomes)} rollouts ask for calls that "
        message += f"{recording.path} lacks; the first is of query {lacking[0].plan.query.id}"
        raise ConfigError("rollout.recording.mode", recording.mode, message)


def outcome_figures(rewards: Tensor, outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Means over the rollouts, for TensorBoard."""
    return {
        "reward": float(rewards.mean()),
        "performance": _mean(o.score for o in outcomes),
        "cost_usd": _mean(o.cost for o in outcomes),
        "latency_s": _mean(o.latency for o in outcomes),
        "failed": _mean(o.error is not None for o in outcomes),
        "agents": _mean(len(o.plan.agents) for o in outcomes),
    }


def _mean(values: Iterable[float]) -> float:
    items = [float(v) for v in values]
    return sum(items) / max(len(items), 1)
