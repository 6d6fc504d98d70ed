"""`PolicyChooser`: a policy's most probable plans, for questions of users."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.policy import Policy
from abgnn.training.evaluate import most_probable


class PolicyChooser:
    """Plans by a policy's most probable choices; the encoder does not store users' questions.

    Args:
        policy: chooses the plans.
        mas: the template and LLMs that it chooses from.
        device: where encoder and policy run.
    """

    def __init__(self, policy: Policy, mas: BaseMAS, device: str = "cpu") -> None:
        self.policy = policy
        mas.encode.to(device)
        self._mas = mas.for_users() if policy.reads_questions else mas
        policy.attach(self._mas.table)
        policy.to(device).eval()

    def __call__(self, queries: Sequence[Query]) -> list[Plan]:
        return most_probable(self.policy, self._mas, queries)
