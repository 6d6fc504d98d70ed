"""`Explainable`: a policy as PyG's `Explainer` wants a model: tensors in, one tensor out.

    decision = policy(batch, sample=False)
    model = Explainable(policy, decision.batch, "gate")
    explainer = Explainer(model, GNNExplainer(epochs=100), **model.settings)
    explanation = explainer(decision.batch.x, decision.batch.edge_index)

Node masks then say what of a role, the question or an LLM's profile a choice depends on, edge
masks which messages.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import MessagePassing

from abgnn.errors import ConfigError
from abgnn.models.policy import Policy

_LEVELS = {"gate": "node", "edge": "edge", "match": "node", "plan": "graph"}


class Explainable(nn.Module):
    """The logits of one kind of choice, differentiable in x, with backbones fixed.

    Args:
        policy: one that has `choice_logits` (AgentBalance, PlanNet).
        batch: its graphs, with x of the matched agents (`Decision.batch`).
        of: a key of `policy.choice_logits(…)`: `gate` `[N, 1]`, `edge` `[E, 1]`, `match` `[N, M]`;
            of a policy that scores plans, `plan` `[B, 1]`.

    Shapes: x `[N, F]`, edge_index `[2, E]` → the logits.

    Raises:
        ConfigError: a policy without such logits.
    """

    def __init__(self, policy: Policy, batch: Batch, of: str = "gate") -> None:
        super().__init__()
        self.policy, self.batch, self.of = policy, batch, of
        names = sorted(policy.choice_logits(batch.x, batch.edge_index, batch))
        if of not in names:
            raise ConfigError("of", of, ", ".join(names) or "a policy with logits")

    @property
    def settings(self) -> dict[str, Any]:
        """What `Explainer` must know of it, beside the algorithm."""
        return {
            "explanation_type": "model",
            "node_mask_type": "attributes",
            "edge_mask_type": "object" if self._has_messages() else None,
            "model_config": {
                "mode": "regression",
                "task_level": _LEVELS.get(self.of, "node"),
                "return_type": "raw",
            },
        }

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out = self.policy.choice_logits(x, edge_index, self.batch)[self.of]
        out = out.masked_fill(out == float("-inf"), 0.0)  # what cannot be chosen
        return out if out.dim() > 1 else out.unsqueeze(-1)

    def _has_messages(self) -> bool:
        """Whether messages along the graph's edges come into it."""
        if self.of == "match":  # LLMs are matched before agents exist
            return False
        layers = [m for m in self.policy.modules() if isinstance(m, MessagePassing)]
        return any(layer.explain is not False for layer in layers)
