"""Policies that learn nothing: one graph for every query, or a random one for each."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.template import Kind, Template
from abgnn.data.template_yaml import build_template
from abgnn.errors import ConfigError
from abgnn.models.decision import FACTORS, Action, Decision
from abgnn.models.policy import Policy


def certain(batch: Batch, names: tuple[str, ...], action: Action, edge_mask: Tensor) -> Decision:
    """The decision that carries out an action with probability one."""
    zeros = torch.zeros(batch.num_graphs, len(FACTORS), device=batch.batch.device)  # [B, 4]
    kept = torch.zeros(batch.num_graphs, dtype=torch.long, device=batch.batch.device)
    kept = kept.index_add(0, batch.batch, (action.gate & ~batch.is_decision).long())  # [B]
    keep = action.gate & ~batch.is_decision
    keep = keep | (batch.is_decision & (kept > 1)[batch.batch])  # [N]
    return Decision(
        asked=batch,
        names=names,
        action=action,
        keep=keep,
        edge_mask=edge_mask & keep[batch.edge_index].all(0),
        hop_limit=torch.full((batch.num_graphs,), float("inf"), device=batch.batch.device),
        log_probs=zeros,
        entropy_of=lambda: zeros,
        penalty=zeros[:, 0],
    )


class FixedGraph(Policy):
    """The same roles, backbone and edges for every query; one role alone is a single LLM.

    Args:
        backbone: who plays every role; or one name per kept role, the decision agent's last.
        roles: which role agents stay; None: all of the template.
        edges: `all` admissible edges, `none`, or those of a topology that the template admits
            (`complete`, `chain`, `star`, `layered`, …).
    """

    reads_questions = False

    def __init__(
        self,
        backbone: str | list[str],
        roles: list[str] | None = None,
        edges: Literal["all", "none"] | Kind = "all",
    ) -> None:
        super().__init__()
        self.backbone, self.roles, self.edges = backbone, roles, edges

    def forward(self, batch: Batch, *, sample: bool, action: Action | None = None) -> Decision:
        template = batch.template[0]
        names = [r.name for r in template.roles]
        wanted = names if self.roles is None else self.roles
        for role in wanted:
            if role not in names:
                raise ConfigError("policy.roles", role, f"roles of the template: {names}")
        size, device = batch.num_graphs, batch.batch.device
        keep = torch.tensor([name in wanted for name in names], device=device)  # [T]
        backbone = torch.tensor(self._backbones(names, wanted), device=device)  # [T]
        fixed = Action(
            pool=torch.zeros(size, dtype=torch.long, device=device),
            backbone=backbone.repeat(size),
            gate=keep.repeat(size),
            edge=self._edges(template, device).repeat(size),
        )
        return certain(batch, self.table.names, fixed, fixed.edge)

    def _edges(self, template: Template, device: torch.device) -> Tensor:
        """Which admissible edges of the template are used, bool `[E]`."""
        if self.edges == "all" or self.edges == "none":
            return torch.full((len(template.edges),), self.edges == "all", device=device)
        used = set(build_template(self.edges, template.roles).edges)
        return torch.tensor([edge in used for edge in template.edges], device=device)

    def _backbones(self, names: list[str], wanted: list[str]) -> list[int]:
        """Backbone index of every role of the template, `T` of them."""
        backbone = self.backbone
        per_role = backbone if isinstance(backbone, list) else [backbone] * (len(wanted) + 1)
        for name in per_role:
            if name not in self.table.names:
                raise ConfigError("policy.backbone", name, f"one of {list(self.table.names)}")
        index = [self.table.names.index(name) for name in per_role]
        of_role = dict(zip(wanted, index, strict=False))
        return [of_role.get(name, index[-1]) for name in names]


class RandomGraph(Policy):
    """Every choice at random: a control.

    Args:
        p_keep: probability that a role agent stays (the first stays if none would).
        p_edge: probability of each admissible edge.
        seed: of the policy's own generator.
    """

    reads_questions = False

    def __init__(self, p_keep: float = 0.5, p_edge: float = 0.5, seed: int = 0) -> None:
        super().__init__()
        self.p_keep, self.p_edge = p_keep, p_edge
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, batch: Batch, *, sample: bool, action: Action | None = None) -> Decision:
        n, size, gen = batch.num_nodes, batch.num_graphs, self.generator
        device = batch.batch.device
        gate = self._drawn(n, self.p_keep).to(device) & ~batch.is_decision
        empty = torch.zeros(size, device=device).index_add(0, batch.batch, gate.float()) == 0
        gate = gate | ((batch.rank == 0) & empty[batch.batch])
        drawn = Action(
            pool=torch.zeros(size, dtype=torch.long, device=device),
            backbone=torch.randint(len(self.table.names), (n,), generator=gen, device="cpu").to(
                device
            ),
            gate=gate,
            edge=self._drawn(batch.edge_index.size(1), self.p_edge).to(device),
        )
        return certain(batch, self.table.names, drawn, drawn.edge)

    def _drawn(self, n: int, p: float) -> Tensor:
        """Bits `[n]`, drawn on the CPU: the same wherever the policy runs."""
        return torch.rand(n, generator=self.generator, device="cpu") < p
