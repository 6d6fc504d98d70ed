"""Taught policies whose inputs are exchanged: edges and neighbours, while all else stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.graph.features import with_features
from abgnn.models import AgentBalance, PlanNet, Policy
from abgnn.nn.agent_graph import AgentGraph

REMOVED, PERMUTED, NEIGHBOUR = "edges removed", "edges permuted", "a neighbour's LLM swapped"
EDITS = (REMOVED, PERMUTED, NEIGHBOUR)


@contextmanager
def edited(policy: Policy, edit: str, seed: int = 0) -> Iterator[None]:
    """What messages say is changed; what can be chosen, and its bill, is not."""
    make = torch.Generator().manual_seed(seed)
    if isinstance(policy, AgentBalance):
        own = policy.encoder
        policy.encoder = Rewired(own, edit, policy.table.embed, make)
        try:
            yield
        finally:
            policy.encoder = own
    elif isinstance(policy, PlanNet):
        graph, weight = policy.graph, policy.net.lin_s.weight
        kept = weight.detach().clone()
        try:
            if edit == REMOVED:  # nothing of what is read arrives
                weight.data.zero_()
            else:
                policy._graph = rewired(graph, edit, make)
            yield
        finally:
            weight.data.copy_(kept)
            policy._graph = graph


class Rewired(nn.Module):
    """AgentBalance's encoder on other edges, or on another LLM of one agent of each graph; that
    agent itself is represented as before."""

    def __init__(self, encoder: nn.Module, edit: str, embed: Tensor, make: torch.Generator) -> None:
        super().__init__()
        self.inner, self.edit, self.embed, self.make = encoder, edit, embed, make
        self.agents = 1  # of a graph

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h: Tensor
        if self.edit == REMOVED:
            h = self.inner(x, edge_index[:, :0])
            return h
        if self.edit == PERMUTED:
            h = self.inner(x, self._permuted(edge_index, len(x)))
            return h
        at, before = self._one(edge_index, len(x)), self.inner(x, edge_index)
        other = x.clone()
        llm = torch.randint(len(self.embed), (len(at),), generator=self.make)
        other[at, 2 * (x.size(1) // 5) :] = self.embed[llm].flatten(1)
        h = self.inner(other, edge_index)
        return h.index_copy(0, at, before[at])

    def _permuted(self, edges: Tensor, n: int) -> Tensor:
        """The role agents of each graph change places."""
        key = torch.arange(n) // self.agents + torch.rand(n, generator=self.make) * 0.999
        inside = torch.zeros(n, dtype=torch.bool).index_fill(0, edges.flatten(), True)
        old = inside.nonzero().squeeze(1)
        place = torch.arange(n)
        place[old] = old[key[old].argsort()]
        return place[edges]

    def _one(self, edges: Tensor, n: int) -> Tensor:
        """One agent of each graph that somebody reads."""
        weight = torch.zeros(n).index_fill(0, edges[0], 1.0).view(-1, self.agents)
        drawn = torch.multinomial(weight, 1, generator=self.make).squeeze(1)
        return drawn + torch.arange(len(drawn)) * self.agents


def rewired(graph: AgentGraph, edit: str, make: torch.Generator) -> AgentGraph:
    """PlanNet's designs with other senders: of other readers at their level, or one sender of each
    answering agent on another LLM."""
    out, edges = copy(graph), graph.edge_index.clone()
    if edit == PERMUTED:
        level = graph.depth[edges[1]]
        for depth in level.unique():
            at = (level == depth).nonzero().squeeze(1)
            edges[0, at] = edges[0, at[torch.randperm(len(at), generator=make)]]
    else:
        m = int(graph.shape[1])
        for reader in graph.answer[~graph.lone].unique().tolist():
            at = (edges[1] == reader).nonzero().squeeze(1)
            one = at[torch.randint(len(at), (1,), generator=make)]
            cell = graph.cell[edges[0, one]]
            step = torch.randint(1, m, (1,), generator=make)
            edges[0, one] = cell // m * m + (cell % m + step) % m
    out.edge_index = edges
    return out


@torch.no_grad()
def ranges(policy: AgentBalance, batch: Batch) -> dict[str, float]:
    """Over questions, LLMs fixed: how far logits of gates and of edges range (mean and least over
    agents, over edges); and how much h changes where the template has no edges, relative."""
    made = policy(batch, sample=False).batch
    b, width, owner = batch.num_graphs, policy.in_channels, batch.batch
    x = made.x.view(b, -1, 5 * width).clone()
    x[:, :, 2 * width :] = x[:1, :, 2 * width :]
    x = x.flatten(0, 1)
    made = with_features(made, x, made.backbone.view(b, -1)[:1].repeat(b, 1).flatten())
    logits = policy.choice_logits(x, batch.edge_index, made)
    h, alone = (policy.encoder(x, e) for e in (batch.edge_index, batch.edge_index[:, :0]))
    agent = (~batch.is_decision).nonzero().squeeze(1)
    parts = {
        "gate": logits["gate"][agent],
        "gate, learned": policy.gate(h, owner, agent, b),
        "edge": logits["edge"],
    }
    out = {"h": float((h - alone).norm() / h.norm())}
    for name, values in parts.items():
        each = values.view(b, -1)
        far = each.amax(0) - each.amin(0)
        out[name], out[f"{name}, least"] = float(far.mean()), float(far.min())
    return out


@torch.no_grad()
def correction_range(policy: PlanNet, correction: Callable[[], Tensor]) -> dict[str, float]:
    """Of PlanNet: how far what it adds to an answering agent's logit ranges over questions, by
    team."""
    far = correction()[:, ~policy.graph.lone]
    spread = far.amax(0) - far.amin(0)
    return {"team": float(spread.mean()), "team, least": float(spread.min())}
