"""Layers that score plans as graphs of agents, each with about as many parameters as PlanNet's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv, TransformerConv, global_mean_pool

from abgnn.nn import AgentEncoder
from abgnn.nn.plan_net import BELIEFS, PlanScorer

WITHIN = 0.05  # of PlanNet's parameters


@dataclass(frozen=True)
class Widths:
    """Of what is read of an agent: question, LLM, role; beliefs and β follow."""

    x: int
    u: int
    r: int

    @property
    def node(self) -> int:
        return self.x + self.u + self.r + BELIEFS + 1


@dataclass(frozen=True)
class Plans:
    """Graphs of agents for P pairs of question and plan.

    Args:
        x: x ‖ u ‖ r ‖ belief ‖ β, `[N, F]`.
        edge_index: sender → reader, `[2, E]`.
        depth: messages on the longest path to each agent, `[N]`.
        answer: node that answers, `[P]`.
        owner: which pair each node is of, `[N]`.
    """

    x: Tensor
    edge_index: Tensor
    depth: Tensor
    answer: Tensor
    owner: Tensor


class Scorer(nn.Module):
    """β of the answering agent plus a correction, which starts at 0 and is 0 for lone agents."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = nn.Linear(channels, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, plans: Plans) -> Tensor:
        correction = self.head(F.gelu(self.embed(plans))).squeeze(-1)  # [P]
        reads = plans.depth[plans.answer] > 0
        logit: Tensor = plans.x[plans.answer, -1] + correction * reads
        return logit

    def embed(self, plans: Plans) -> Tensor:
        raise NotImplementedError


class MeanPool(Scorer):
    """The mean of all agents."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__(channels)
        self.one, self.two = nn.Linear(widths.node, channels), nn.Linear(channels, channels)

    def embed(self, plans: Plans) -> Tensor:
        pooled = global_mean_pool(F.gelu(self.one(plans.x)), plans.owner, len(plans.answer))
        out: Tensor = self.two(pooled)
        return out


class Mlp(Scorer):
    """The answering agent, the mean of all, how many agents, edges and levels there are."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__(channels)
        self.one = nn.Linear(2 * widths.node + 3, channels)
        self.two = nn.Linear(channels, channels)

    def embed(self, plans: Plans) -> Tensor:
        p = len(plans.answer)
        mean = global_mean_pool(plans.x, plans.owner, p)
        agents = torch.bincount(plans.owner, minlength=p)
        edges = torch.bincount(plans.owner[plans.edge_index[1]], minlength=p)
        shape = torch.stack([agents, edges, plans.depth[plans.answer]], 1) / 4
        seen = torch.cat([plans.x[plans.answer], mean, shape], 1)
        out: Tensor = self.two(F.gelu(self.one(seen)))
        return out


class Encoder(Scorer):
    """AgentBalance's `AgentEncoder`: role, question and three more slots, padded to one width."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__(channels)
        self.widths, self.width = widths, max(widths.x, widths.u, widths.r, BELIEFS + 1)
        self.encoder = AgentEncoder(self.width, channels, "agents", film=True)

    def embed(self, plans: Plans) -> Tensor:
        sizes = [self.widths.x, self.widths.u, self.widths.r, BELIEFS, 1]
        q, u, r, belief, base = plans.x.split(sizes, 1)
        slots = [F.pad(part, (0, self.width - part.size(1))) for part in (r, q, u, belief, base)]
        h: Tensor = self.encoder(torch.cat(slots, 1), plans.edge_index)
        return h[plans.answer]


class Convolutions(Scorer):
    """Two rounds of one of PyG's layers, each added to what it starts from."""

    def __init__(self, layer: type[nn.Module], widths: Widths, channels: int) -> None:
        super().__init__(channels)
        self.one = nn.Linear(widths.node, channels)
        self.layers = nn.ModuleList(layer(channels, channels) for _ in range(2))

    def embed(self, plans: Plans) -> Tensor:
        h = F.gelu(self.one(plans.x))
        for layer in self.layers:
            h = h + F.gelu(layer(h, plans.edge_index))
        return h[plans.answer]


class PlanNetScorer(nn.Module):
    """PlanNet's own."""

    def __init__(self, widths: Widths, channels: int) -> None:
        super().__init__()
        self.net = PlanScorer(widths.x, widths.u, widths.r, channels)

    def forward(self, plans: Plans) -> Tensor:
        return self.net.score(plans.x, plans.edge_index, plans.depth, plans.answer)


Make = Callable[[Widths, int], nn.Module]
PLAN_NET = "PlanNet's net"
LADDER: dict[str, Make] = {
    "mean pooling": MeanPool,
    "MLP": Mlp,
    "AgentEncoder": Encoder,
    "GATv2Conv": lambda widths, d: Convolutions(GATv2Conv, widths, d),
    "TransformerConv": lambda widths, d: Convolutions(TransformerConv, widths, d),
    PLAN_NET: PlanNetScorer,
}
MESSAGES = ("AgentEncoder", "GATv2Conv", "TransformerConv", PLAN_NET)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def sized(name: str, widths: Widths, target: int) -> int:
    """The hidden width at which a layer has nearly as many parameters as wanted."""
    low, high = 4, 128
    while high - low > 1:
        middle = (low + high) // 2
        fewer = parameters(LADDER[name](widths, middle)) < target
        low, high = (middle, high) if fewer else (low, middle)
    return min((low, high), key=lambda d: abs(parameters(LADDER[name](widths, d)) - target))


def channels_of(widths: Widths, channels: int = 32) -> dict[str, int]:
    """Hidden widths of all at PlanNet's number of parameters.

    Raises:
        ValueError: one cannot be within 5 % of it.
    """
    target = parameters(PlanNetScorer(widths, channels))
    out = {name: sized(name, widths, target) for name in LADDER}
    for name, d in out.items():
        away = parameters(LADDER[name](widths, d)) / target - 1
        if abs(away) > WITHIN:
            raise ValueError(f"{name}: {away:+.1%} parameters")
    return out
