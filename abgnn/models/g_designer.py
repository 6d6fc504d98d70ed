"""`GDesigner`: a communication graph per question (Zhang et al. 2025, arXiv 2410.11782)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.models.seeded import seeded
from abgnn.models.team import Cast, Team, cast_of
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.edge_distribution import EdgeDistribution, EdgeSample, joined
from abgnn.nn.graph_auto_encoder import EdgeLogits, GraphAutoEncoder, VariationalGraphAutoEncoder


class GDesigner(Policy):
    r"""A fixed team on one LLM; a graph auto-encoder says who speaks to whom on which question.

    .. math:: p(G \mid q) = \prod_{(u, v)} \mathrm{Bernoulli}(\sigma(\ell_{uv}(q)))

    over the ordered pairs that close no cycle, in every round anew. Two variants, and a result
    names which one it used:

    - `released`: `GraphAutoEncoder` over the role graph: logits in [−1, 1], the same in both
      directions, so that only the order in which pairs are tried gives an edge its direction.
      The release's role graph is a list of role pairs written by hand; here it is the template's
      admissible edges, as they point. In `both` directions a complete template would make all
      agents alike: the normalised layer is a plain mean over all of them.
    - `described`: `VariationalGraphAutoEncoder` over an anchor topology and a task node; its
      regularisers are in `extra_loss`.

    Args:
        backbone: who plays all agents and the decision agent.
        n_agents: N (6 for MMLU); roles are repeated as needed.
        rounds: executions of the graph, 1 or 2 in the release. From the second on everyone reads
            everyone's previous message but where it would run against the round's own edges, as
            released.
        variant: see above.
        designer: another auto-encoder, or one with settings of your own.
        role_graph: of `released`: `directed`, `both`, or pairs of role names written by hand.
        anchor: of `described`: `chain` or `star` over the agents in order.
        order: in which pairs are tried, see `EdgeDistribution`; `index` as released.
        inference: `threshold` keeps edges with probability above 1/2; `sampled`, as released, draws
            them even when the policy is used, from a seed of its own, so that the same questions
            get the same plans.
        in_channels: width H of the text encoder.
        cast: which roles the agents play, see `cast_of`.
        early_exit: whether an agent that reads a program which passes the question's public
            examples hands it on without a call, as the release's code agents do.

    Raises:
        ConfigError: an unknown LLM, role or setting, or no agent.
    """

    def __init__(
        self,
        backbone: str,
        n_agents: int = 6,
        rounds: int = 1,
        variant: Literal["released", "described"] = "released",
        designer: nn.Module | None = None,
        role_graph: Literal["directed", "both"] | list[list[str]] = "directed",
        anchor: Literal["chain", "star"] = "chain",
        order: Literal["index", "random", "learned"] = "index",
        inference: Literal["threshold", "sampled"] = "threshold",
        in_channels: int = 384,
        cast: Cast = "template",
        early_exit: bool = False,
    ) -> None:
        super().__init__()
        _check(n_agents, rounds, variant, anchor, inference)
        if designer is None and variant == "released":
            designer = GraphAutoEncoder(in_channels)
        self.designer = designer or VariationalGraphAutoEncoder(in_channels)
        self.backbone, self.n_agents, self.rounds = backbone, n_agents, rounds
        self.variant, self.role_graph, self.anchor = variant, role_graph, anchor
        self.inference, self.in_channels = inference, in_channels
        self.cast: Cast = cast
        self.early_exit = early_exit
        self.edges = EdgeDistribution(n_agents, order)

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        if self.backbone not in table.names:
            raise ConfigError("policy.backbone", self.backbone, f"one of {list(table.names)}")
        super().attach(table)

    def forward(
        self, batch: Batch, *, sample: bool, action: Sequence[Tensor] | None = None
    ) -> PlannedChoice:
        """As `Policy.forward`; `action` holds the edges of each round `[B, N, N]`, for a draw."""
        template: Template = batch.template[0]
        logits, loss = self._design(batch, template, sample=sample)
        fixed = [None] * self.rounds if action is None else action
        drawn = self._draw(logits, fixed, batch.query, sample=sample)
        edges = torch.stack([d.edges for d in drawn], 1)  # [B, R, N, N]
        return PlannedChoice(
            self._plans(batch, template, edges),
            ("edges",),
            torch.stack([d.log_prob for d in drawn]).sum(0).unsqueeze(1),  # [B, 1]
            torch.stack([d.entropy for d in drawn]).sum(0).unsqueeze(1),
            loss=loss,
            shown=partial(_figures, logits.detach(), edges),
        )

    def _design(self, batch: Batch, template: Template, *, sample: bool) -> EdgeLogits:
        """Logits of all pairs for every question."""
        cast = role_of_agent(template, self.n_agents, self.cast)
        size, width = batch.num_graphs, batch.role_embed.size(-1)
        roles = batch.role_embed.view(size, -1, width)[:, cast]  # [B, N, H]
        pairs = self._pairs(template, cast)
        graph = torch.tensor(pairs, dtype=torch.long, device=roles.device).view(-1, 2).t()  # [2, E]
        designed: EdgeLogits = self.designer(roles, batch.query_embed, graph, sample=sample)
        return designed

    def _pairs(self, template: Template, cast: list[int]) -> list[tuple[int, int]]:
        """Edges among agents that the auto-encoder works on."""
        n = len(cast)
        if self.variant == "described":
            return [(0 if self.anchor == "star" else v - 1, v) for v in range(1, n)]
        admitted = set(template.edges)
        if isinstance(self.role_graph, list):
            admitted = _by_name(template, self.role_graph)
        elif self.role_graph == "both":
            admitted |= {(v, u) for u, v in admitted}
        return [(u, v) for u in range(n) for v in range(n) if (cast[u], cast[v]) in admitted]

    def _draw(
        self,
        logits: Tensor,
        fixed: Sequence[Tensor | None],
        queries: Sequence[Query],
        *,
        sample: bool,
    ) -> list[EdgeSample]:
        """Every round's edges."""
        mask = ~torch.eye(self.n_agents, dtype=torch.bool, device=logits.device)  # [N, N]
        if sample or self.inference == "threshold":
            return [self.edges(logits, mask, sample=sample, value=g) for g in fixed]
        alone = []
        for row, query in zip(logits, queries, strict=True):  # each question's draws are its own
            with seeded(0, query.id):
                alone.append([self.edges(row.unsqueeze(0), mask, sample=True) for _ in fixed])
        return [joined(same) for same in zip(*alone, strict=True)]

    def _plans(self, batch: Batch, template: Template, edges: Tensor) -> list[Plan]:
        team = Team(template, self.n_agents, self.backbone, self.cast, self.early_exit)
        between = temporal_edges(edges) if self.rounds > 1 else edges  # not read by the first
        rounds = zip(edges.unbind(1), between.unbind(1), strict=True)  # [B, N, N] each
        return team.plans(batch.query, [(spatial, temporal, ()) for spatial, temporal in rounds])


def role_of_agent(template: Template, n_agents: int, cast: Cast = "template") -> list[int]:
    """The role that each agent plays: those of the cast in order, again and again."""
    roles = cast_of(template, cast)
    return [roles[i % len(roles)] for i in range(n_agents)]


def temporal_edges(spatial: Tensor) -> Tensor:
    """Who reads whose previous message, bool `[…, N, N]`, given a round's edges of that shape.

    Everyone everyone's, but for pairs that would close a cycle with the edges of the round, own
    messages included: the released masks are full, and its cycle test looks at the round's edges.
    """
    n = spatial.size(-1)
    reach = torch.eye(n, device=spatial.device) + spatial.float()  # in at most 1 step
    for _ in range(max(n - 1, 1).bit_length()):
        reach = ((reach @ reach) > 0).float()  # in twice as many
    return ~(reach > 0).transpose(-1, -2)


def _by_name(template: Template, pairs: list[list[str]]) -> set[tuple[int, int]]:
    names = [role.name for role in template.roles]
    edges = set()
    for pair in pairs:
        if len(pair) != 2 or not set(pair) <= set(names):
            raise ConfigError("policy.role_graph", pair, f"pairs of roles of {names}")
        edges.add((names.index(pair[0]), names.index(pair[1])))
    return edges


def _figures(logits: Tensor, edges: Tensor) -> dict[str, float]:
    """Least and greatest edge probability, and edges per round."""
    p = torch.sigmoid(logits)
    return {
        "edge_prob/min": float(p.min()),
        "edge_prob/max": float(p.max()),
        "edges": float(edges.float().sum((2, 3)).mean()),
    }


def _check(n_agents: int, rounds: int, variant: str, anchor: str, inference: str) -> None:
    for name, number in (("n_agents", n_agents), ("rounds", rounds)):
        if number < 1:
            raise ConfigError(f"policy.{name}", number, "a number ≥ 1")
    for name, value, allowed in (
        ("variant", variant, ("released", "described")),
        ("anchor", anchor, ("chain", "star")),
        ("inference", inference, ("threshold", "sampled")),
    ):
        if value not in allowed:
            raise ConfigError(f"policy.{name}", value, " or ".join(map(repr, allowed)))
