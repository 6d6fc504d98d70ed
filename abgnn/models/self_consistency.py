"""`SelfConsistency`: several answers of one LLM and a majority vote; learns nothing."""

from __future__ import annotations

from torch_geometric.data import Batch

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.models.programs.self_consistency import SelfConsistencyProgram


class SelfConsistency(Policy):
    """n independent answers of the lead role, majority by the task's key, no decision call.

    The control of every multi-agent system at equal cost (arXiv 2203.11171): with a budget, n is
    what it buys at the table's estimated cost of a call, at least 1 and at most `most`.

    Args:
        backbone: who answers.
        n: answers per question; or
        budget_usd: dollars per question that are to be spent.
        max_tokens: of an answer. With it the budget is a hard cap too: no call is made whose worst
            case does not fit in what is left, so that fewer than n answers may vote.
        most: answers at most that a budget buys.

    Raises:
        ConfigError: both or none of `n` and `budget_usd`, a value out of its range, or a backbone
            that the catalogue lacks.
    """

    reads_questions = False

    def __init__(
        self,
        backbone: str,
        n: int | None = None,
        budget_usd: float | None = None,
        max_tokens: int | None = None,
        most: int = 16,
    ) -> None:
        super().__init__()
        if (n is None) == (budget_usd is None):
            raise ConfigError("policy.n", n, "a number of answers, or else policy.budget_usd")
        if n is not None and n < 1:
            raise ConfigError("policy.n", n, "a number of answers ≥ 1")
        if budget_usd is not None and not budget_usd > 0:
            raise ConfigError("policy.budget_usd", budget_usd, "USD per question > 0")
        if max_tokens is not None and max_tokens < 1:
            raise ConfigError("policy.max_tokens", max_tokens, "tokens ≥ 1, or null")
        if most < 1:
            raise ConfigError("policy.most", most, "a number of answers ≥ 1")
        self.backbone, self.n, self.budget_usd = backbone, n, budget_usd
        self.max_tokens, self.most = max_tokens, most

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        program = SelfConsistencyProgram(self.answers())
        nothing = batch.query_embed.new_zeros(batch.num_graphs, 0)  # [B, 0]: nothing is chosen
        plans = [
            self._plan(query, template, program)
            for query, template in zip(batch.query, batch.template, strict=True)
        ]
        return PlannedChoice(plans, (), nothing, nothing)

    def answers(self) -> int:
        """Answers per question."""
        names = self.table.names
        if self.backbone not in names:
            raise ConfigError("policy.backbone", self.backbone, f"one of {list(names)}")
        if self.budget_usd is None:
            assert self.n is not None, "checked in __init__"
            return self.n
        call = float(self.table.cost[names.index(self.backbone)])  # USD, estimated
        return max(1, min(self.most, int(self.budget_usd / call)))

    def _plan(self, query: Query, template: Template, program: SelfConsistencyProgram) -> Plan:
        lead = Agent(template.roles[template.lead], self.backbone, self.max_tokens)
        cap = None if self.max_tokens is None else self.budget_usd
        return Plan(query, (lead,), (), decision=0, program=program, budget_usd=cap)
