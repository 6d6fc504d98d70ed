"""`Bamas`: an integer program buys the team, a learned policy picks its pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.models.bamas.ilp import PATTERNS, Job, Objective, Pattern, TierCost
from abgnn.models.bamas.market import Market
from abgnn.models.bamas.tiers import LIBRARY, choose_tiers
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.models.sampling import categorical_entropy, choose
from abgnn.nn.backbone_table import BackboneTable

BUDGETS_USD = (5e-4, 8.75e-4, 1.25e-3, 1.625e-3, 2e-3)
"""Released budgets per question of GSM8K and MBPP."""
MAX_TOKENS: Mapping[Job, int] = MappingProxyType({"planner": 320, "executor": 384, "critic": 384})
"""Released for GSM8K; MBPP's planner has 384, MATH's executor and critic have 1024."""


class PatternNet(nn.Module):
    r"""Scores of the patterns: :math:`W_3\,relu(W_2\,relu(W_q e(q) + W_b B/B_{max}))`, as released.

    Shapes: query `[B, H]`, share of the largest budget `[B]` → `[B, P]`.
    """

    def __init__(self, in_channels: int, patterns: int) -> None:
        super().__init__()
        self.query, self.budget = nn.Linear(in_channels, 64), nn.Linear(1, 64)
        self.hidden, self.score = nn.Linear(64, 128), nn.Linear(128, patterns)

    def forward(self, query: Tensor, share: Tensor) -> Tensor:
        h = F.relu(self.query(query) + self.budget(share.unsqueeze(-1)))  # [B, 64]
        scores: Tensor = self.score(F.relu(self.hidden(h)))  # [B, P]
        return scores


class Bamas(Policy):
    r"""BAMAS (Yang et al., AAAI 2026, arXiv 2511.21572): :math:`\pi(t \mid q, B)` and its team.

    The pattern is drawn, or the most probable one at test time; the team is what the integer
    program buys for it (`buy`), and the budget is a cap that a query never exceeds. Patterns for
    which no team can be bought are not chosen; if there is none for any, no call is made and the
    outcome is of kind `budget`. Learned offline (`fit_offline`) or by `Reinforce`.

    Args:
        catalogue: YAML file with the prices that teams are bought at: the one that `mas` uses.
        budgets_usd: dollars per query that are trained with; the largest is B_max.
        budget_usd: the budget of every query. None: training draws one of `budgets_usd` per
            query, the most probable plans are those for the largest.
        in_channels: width H of the text encoder (384 for MiniLM).
        patterns: some of `linear`, `star`, `feedback`, `planner`; one alone leaves nothing to
            learn. None: all.
        tiers: the backbone of every tier, strongest first; None: `n_tiers` by rank of published
            score, see `choose_tiers`.
        n_tiers: how many, without `tiers`.
        performance: p of the integer program: `released` (0.95 planner, 0.5 executor and critic
            in the weakest tier), other values by job, or `scores`: relative to the strongest.
        max_tokens: of a reply, by job; None: 320, 384, 384 as released.
        prompt_tokens, copies, tier_cost, objective, as_released: see `Market`.
        mask: whether patterns without a team cannot be chosen; if they can, as in the release,
            no call is made then.

    Raises:
        ConfigError: budgets that are none, unknown patterns or jobs; when attached, backbones
            that the catalogue in use lacks, or another encoder's width.
    """

    def __init__(
        self,
        catalogue: str = "catalogues/bamas.yaml",
        budgets_usd: list[float] | None = None,
        budget_usd: float | None = None,
        in_channels: int = 384,
        patterns: list[str] | None = None,
        tiers: list[str] | None = None,
        n_tiers: int = 2,
        performance: Literal["released", "scores"] | dict[str, float] = "released",
        max_tokens: dict[str, int] | None = None,
        prompt_tokens: int = 500,
        copies: int = 5,
        tier_cost: TierCost = "first",
        objective: Objective = "released",
        as_released: bool = False,
        mask: bool = True,
    ) -> None:
        super().__init__()
        self.catalogue = Catalogue.from_yaml(catalogue)
        self.budgets_usd = checked_budgets(budgets_usd, budget_usd)
        self.budget_usd = budget_usd
        self.in_channels, self.patterns = in_channels, _patterns(patterns)
        self.tiers, self.n_tiers, self.performance = tiers, n_tiers, performance
        self.max_tokens = checked_max_tokens(max_tokens)
        for name, value in (("prompt_tokens", prompt_tokens), ("copies", copies)):
            if value < 1:
                raise ConfigError(f"policy.{name}", value, "an integer from 1")
        for name, choice, known in (
            ("tier_cost", tier_cost, get_args(TierCost)),
            ("objective", objective, get_args(Objective)),
        ):
            if choice not in known:
                raise ConfigError(f"policy.{name}", choice, " or ".join(known))
        self.prompt_tokens, self.copies, self.as_released = prompt_tokens, copies, as_released
        self.tier_cost, self.objective = tier_cost, objective
        self.mask = mask
        self.net = PatternNet(in_channels, len(self.patterns))
        self._market: Market | None = None

    @property
    def market(self) -> Market:
        """Tiers and teams; there once a catalogue is attached."""
        if self._market is None:
            raise ConfigError("policy.table", None, "attach(table) before the first forward")
        return self._market

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        lacking = [name for name in table.names if name not in self.catalogue]
        if lacking:
            raise ConfigError("policy.catalogue", self.catalogue.names, f"with {lacking}")
        usable = Catalogue(tuple(self.catalogue[name] for name in table.names))
        score = dict(zip(table.names, table.accuracy.tolist(), strict=True))
        tiers = choose_tiers(usable, score, self.tiers, self.n_tiers, self.performance)
        self._market = Market(
            tiers,
            self.max_tokens,
            self.prompt_tokens,
            self.copies,
            self.tier_cost,
            self.objective,
            self.as_released,
        )
        super().attach(table)

    def forward(
        self,
        batch: Batch,
        *,
        sample: bool,
        action: Tensor | None = None,
        budgets: Sequence[float] | None = None,
    ) -> PlannedChoice:
        """Decide; `action` `[B]`: patterns to judge; `budgets`: dollars per query."""
        dollars = self._budgets(batch.query, sample=sample) if budgets is None else budgets
        log_prob = self.log_prob(batch.query_embed, dollars)  # [B, P]
        chosen = choose(log_prob, sample=sample) if action is None else action  # [B]
        names = [self.patterns[p] for p in chosen.tolist()]
        rows = zip(batch.query, batch.template, names, dollars, strict=True)
        shares = {f"pattern_{p}": names.count(p) / len(names) for p in self.patterns}
        return PlannedChoice(
            [self.market.plan(*row) for row in rows],
            ("pattern",),
            log_prob.gather(1, chosen.unsqueeze(1)),  # [B, 1]
            categorical_entropy(log_prob).unsqueeze(1),
            shown={**shares, "budget_usd": sum(dollars) / len(dollars)},
        )

    def log_prob(self, query: Tensor, budgets_usd: Sequence[float]) -> Tensor:
        """ln π of every pattern `[B, P]`; −∞ where no team can be bought and `mask` is set."""
        budget = query.new_tensor(list(budgets_usd))  # [B]
        scores: Tensor = self.net(query, budget / max(self.budgets_usd))  # [B, P]
        able = self.feasible(budgets_usd).to(scores.device)
        able = able | ~able.any(1, keepdim=True) if self.mask else torch.ones_like(able)
        return F.log_softmax(scores.masked_fill(~able, float("-inf")), -1)

    def feasible(self, budgets_usd: Sequence[float]) -> Tensor:
        """Which patterns have a team at these budgets, bool `[B, P]`."""
        row = {
            b: [self.market.team(p, b) is not None for p in self.patterns] for b in set(budgets_usd)
        }
        return torch.tensor([row[b] for b in budgets_usd])

    def _budgets(self, queries: Sequence[Query], *, sample: bool) -> list[float]:
        """Dollars per query, [B]; rollouts of one query that follow each other share theirs."""
        if self.budget_usd is not None or not sample:
            return [self.budget_usd or max(self.budgets_usd)] * len(queries)
        runs = [len(list(same)) for _, same in groupby(queries, key=lambda q: q.id)]
        drawn = torch.randint(len(self.budgets_usd), (len(runs),)).tolist()
        return [self.budgets_usd[d] for d, n in zip(drawn, runs, strict=True) for _ in range(n)]


def checked_budgets(budgets: Sequence[float] | None, budget: float | None) -> tuple[float, ...]:
    """Budgets in dollars: those given, or the one, or the released ones."""
    chosen = BUDGETS_USD if budgets is None else tuple(float(b) for b in budgets)
    if not chosen or not all(b > 0 for b in chosen):
        raise ConfigError("policy.budgets_usd", budgets, "dollars per query, each > 0")
    if budget is not None and not budget > 0:
        raise ConfigError("policy.budget_usd", budget, "dollars per query > 0, or null")
    return chosen


def checked_max_tokens(by_job: Mapping[str, int] | None) -> dict[Job, int]:
    """Tokens of a reply by job; missing jobs have the released number."""
    for job, most in (by_job or {}).items():
        if job not in LIBRARY or most < 1:
            raise ConfigError(f"policy.max_tokens.{job}", most, f"tokens ≥ 1 for {LIBRARY}")
    return {job: (by_job or {}).get(job, MAX_TOKENS[job]) for job in LIBRARY}


def _patterns(names: Sequence[str] | None) -> tuple[Pattern, ...]:
    chosen = PATTERNS if names is None else tuple(p for p in PATTERNS if p in names)
    if not chosen or (names is not None and len(chosen) < len(names)):
        raise ConfigError("policy.patterns", names, f"some of {list(PATTERNS)}, each once")
    return chosen
