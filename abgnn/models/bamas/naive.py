"""`NaiveCostAware`: as many copies of one LLM as a budget buys, in a line; learns nothing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from torch_geometric.data import Batch

from abgnn.data.catalogue import Catalogue
from abgnn.data.plan import Agent, Plan
from abgnn.errors import ConfigError
from abgnn.models.bamas.ilp import exact
from abgnn.models.bamas.policy import BUDGETS_USD, MAX_TOKENS, checked_budgets
from abgnn.models.bamas.roles import roles_of
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.models.programs.linear import LinearProgram


class NaiveCostAware(Policy):
    """The greedy rows of BAMAS's ablation, as we read them: `L5 + DeepSeek` and the like.

    The paper names them by a level and an LLM and says little more. Here the level is a budget,
    from the lowest (L1) to the largest (L5) of `budgets_usd`; what is bought is ⌊B / c⌋ copies of
    the one LLM at the estimated cost c of an executor, at most `most`, and they work as a line
    (`LinearProgram`) under the budget as a hard cap. A budget below c buys nobody: no call, an
    outcome of kind `budget`.

    Args:
        backbone: the LLM.
        level: which budget, from 1; or
        n: how many copies; the budget is then `budget_usd`, if any.
        budget_usd: dollars per query, instead of a level.
        catalogue: YAML file with the prices: the one that `mas` uses.
        budgets_usd: of the levels, lowest first.
        max_tokens: of a reply; prompt_tokens: of a call, estimated.
        most: copies at most.

    Raises:
        ConfigError: not exactly one of level, n and budget (n may have a budget), a value out of
            its range, or a backbone that the catalogue in use lacks.
    """

    def __init__(
        self,
        backbone: str,
        level: int | None = None,
        n: int | None = None,
        budget_usd: float | None = None,
        catalogue: str = "catalogues/bamas.yaml",
        budgets_usd: list[float] | None = None,
        max_tokens: int = MAX_TOKENS["executor"],
        prompt_tokens: int = 500,
        most: int = 5,
    ) -> None:
        super().__init__()
        levels = sorted(checked_budgets(budgets_usd or list(BUDGETS_USD), budget_usd))
        if level is not None and not 1 <= level <= len(levels):
            raise ConfigError("policy.level", level, f"1 to {len(levels)}")
        if (level is None) == (budget_usd is None and n is None):
            raise ConfigError("policy.level", level, "a level, or else policy.budget_usd or n")
        counts = {"n": n, "max_tokens": max_tokens, "prompt_tokens": prompt_tokens, "most": most}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise ConfigError(f"policy.{name}", value, "an integer from 1")
        self.backbone, self.n, self.most = backbone, n, most
        self.budget_usd = budget_usd if level is None else levels[level - 1]
        self.max_tokens, self.prompt_tokens = max_tokens, prompt_tokens
        self.catalogue = Catalogue.from_yaml(catalogue)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        number = self.copies()
        nothing = batch.query_embed.new_zeros(batch.num_graphs, 0)  # [B, 0]: nothing is chosen
        plans = []
        for query, template in zip(batch.query, batch.template, strict=True):
            agent = Agent(roles_of(template)["executor"], self.backbone, self.max_tokens)
            line = _line(max(number, 1))
            program = LinearProgram(number)
            agents = (agent,) * max(number, 1)
            last = len(agents) - 1
            plans.append(
                Plan(query, agents, line, last, program=program, budget_usd=self.budget_usd)
            )
        return PlannedChoice(plans, (), nothing, nothing)

    def copies(self) -> int:
        """How many are bought."""
        names: Sequence[str] = self.table.names
        if self.backbone not in names:
            raise ConfigError("policy.backbone", self.backbone, f"one of {list(names)}")
        if self.n is not None:
            return self.n
        assert self.budget_usd is not None, "checked in __init__"
        backbone = self.catalogue[self.backbone]
        prompt, reply = exact(backbone.price_in), exact(backbone.price_out)
        cost: Fraction = prompt * self.prompt_tokens + reply * self.max_tokens  # micro-USD
        return min(self.most, int(exact(self.budget_usd) * 10**6 // cost))


def _line(n: int) -> tuple[tuple[int, int], ...]:
    return tuple((i, i + 1) for i in range(n - 1))
