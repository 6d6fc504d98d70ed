"""Names that classes had before the rooms: configs and checkpoints that hold them go on working."""

from __future__ import annotations

from typing import Any

MOVED = {
    "abgnn.base_mas.BaseMAS": "abgnn.graph.BaseMAS",
    "abgnn.graph.base_mas.BaseMAS": "abgnn.graph.BaseMAS",
    "abgnn.rollout.simulated.SimulatedClient": "abgnn.rollout.SimulatedClient",
    "abgnn.rollout.recorded.RecordedClient": "abgnn.rollout.RecordedClient",
    "abgnn.rollout.openai_client.OpenAIClient": "abgnn.rollout.OpenAIClient",
    "abgnn.rollout.local_client.LocalClient": "abgnn.rollout.LocalClient",
    "abgnn.frameworks.ready.GraphFlowTemplate": "abgnn.frameworks.GraphFlowTemplate",
}
"""Full name of a class before 0.2 → its name now."""


def renamed(value: Any) -> Any:
    """A copy of plain data in which every `class_path` is up to date."""
    if isinstance(value, dict):
        return {
            key: MOVED.get(item, item)
            if key == "class_path" and isinstance(item, str)
            else renamed(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [renamed(item) for item in value]
    return value
