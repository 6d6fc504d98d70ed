"""`AtPoint`: one operating point of a policy that serves all budgets."""

from __future__ import annotations

from torch_geometric.data import Batch

from abgnn.models.decision import Choice
from abgnn.models.policy import Policy
from abgnn.nn.backbone_table import BackboneTable


class AtPoint(Policy):
    """Decides as another policy does at these λ's, to whatever others set it in between.

    Several of them can share one policy, which has one λ_tok and one λ_lat at a time.

    Args:
        policy: shared, not copied.
        point: λ_tok per USD and λ_lat per second.
    """

    def __init__(self, policy: Policy, point: tuple[float, float]) -> None:
        super().__init__()
        self.policy, self.point = policy, point

    def attach(self, table: BackboneTable) -> None:
        super().attach(table)
        self.policy.attach(table)

    @property
    def operating_point(self) -> tuple[float, float]:
        return self.point

    def forward(self, batch: Batch, *, sample: bool) -> Choice:
        self.policy.set_tradeoff(*self.point)
        choice: Choice = self.policy(batch, sample=sample)
        return choice
