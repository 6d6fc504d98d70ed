"""`LoopStateNet`: what the answers so far say beyond the closed form; the net of `LoopNet`."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import reset
from torch_geometric.utils import scatter

RELATIONS = ("same key", "another key", "may be asked", "like weights", "template")
SAID = 7  # asked, no key, agrees with the best, log-odds of its key, share, answers, best
WORTH = 3  # gain over stopping, price, value of stopping


class LoopGraph(NamedTuple):
    """G states with M candidates each, a state's in a row: N = G · M nodes.

    Args:
        question: x of each state's question, `[G, X]`.
        agent: what is known of each candidate before any answer, `[G, M, U]`.
        said: what it said, `[G, M, 7]` (`SAID`).
        group: which group of equal answers it belongs to; −1 no key, −2 not asked, `[G, M]`.
        edge_index: `[2, E]`.
        relation: of each edge, an index of `RELATIONS`, `[E]`.
    """

    question: Tensor
    agent: Tensor
    said: Tensor
    group: Tensor
    edge_index: Tensor
    relation: Tensor

    def to(self, device: torch.device) -> LoopGraph:
        """On this device."""
        return LoopGraph(*(part.to(device) for part in self))


class LoopStateNet(MessagePassing):  # type: ignore[misc]
    r"""Messages between those who have answered, and from them to those who may be asked.

    .. math::
        h_m &= \mathrm{GELU}\big(W_o \, \mathrm{GELU}(W_q x \odot W_u u_m + W'_q x + W'_u u_m
            + W_s s_m)\big)

        g_m &= h_m + \mathrm{GELU}\big(W [h_m; \textstyle\sum_r \sum_{n \to_r m} W_r h_n
            / \sqrt{d_m}]\big)

        r_k &= w \cdot \overline{g}_{m: \, m \text{ gave key } k}, \qquad
        r_m = v \cdot \mathrm{GELU}(V [g_m; worth_m])

    r_k is added to the log-odds that key k is right, r_m to the value of asking m next. w and v
    start at zero: so does the residual.

    Args:
        question_channels, agent_channels: widths X and U.
        channels: hidden width D.

    Shapes: a `LoopGraph` → g `[G, M, D]`; `keys` `[G, H]`; `asks` `[G, M]`.
    """

    def __init__(self, question_channels: int, agent_channels: int, channels: int = 16) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.channels = channels
        self.lin_q = nn.Linear(question_channels, channels, bias=False)  # W_q
        self.lin_u = nn.Linear(agent_channels, channels, bias=False)  # W_u
        self.add_q = nn.Linear(question_channels, channels, bias=False)  # W'_q
        self.add_u = nn.Linear(agent_channels, channels, bias=False)  # W'_u
        self.lin_s = nn.Linear(SAID, channels)  # W_s
        self.lin_o = nn.Linear(channels, channels)  # W_o
        self.lin_r = nn.Linear(channels, len(RELATIONS) * channels, bias=False)  # W_r
        self.lin_self = nn.Linear(channels, channels)  # W = [self, read]
        self.lin_read = nn.Linear(channels, channels, bias=False)
        self.lin_w = nn.Linear(channels, 1)  # w
        self.lin_a = nn.Linear(channels + WORTH, channels)  # V
        self.lin_v = nn.Linear(channels, 1)  # v
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for layer in self.children():
            reset(layer)
        self.scale_residual(0.0)

    @torch.no_grad()
    def scale_residual(self, factor: float) -> None:
        """Multiply r by a factor: w and v are its last layers."""
        for parameter in (*self.lin_w.parameters(), *self.lin_v.parameters()):
            parameter.mul_(factor)

    @property
    def corrects(self) -> bool:
        """Whether the residual is anything but 0."""
        last = (*self.lin_w.parameters(), *self.lin_v.parameters())
        return any(bool(parameter.any()) for parameter in last)

    def forward(self, graph: LoopGraph) -> Tensor:
        x, u = graph.question.unsqueeze(1), graph.agent  # [G, 1, X], [G, M, U]
        h = self.lin_q(x) * self.lin_u(u) + self.add_q(x) + self.add_u(u)
        h = F.gelu(self.lin_o(F.gelu(h + self.lin_s(graph.said))))  # [G, M, D]
        own = h.flatten(0, 1)  # [N, D]
        n, relations = len(own), len(RELATIONS)
        sent = self.lin_r(own).view(n * relations, -1)  # a row per node and relation
        source, target = graph.edge_index
        edges = torch.stack([source * relations + graph.relation, target])
        read = self.propagate(edges, x=(sent, own), size=(len(sent), n))  # [N, D]
        count = torch.bincount(target, minlength=n).clamp(min=1).unsqueeze(1)
        new = F.gelu(self.lin_self(own) + self.lin_read(read / count.sqrt()))
        return (own + new).view_as(h)

    def message(self, x_j: Tensor) -> Tensor:
        return x_j  # [E, D]

    def keys(self, g: Tensor, group: Tensor, most: int) -> Tensor:
        """r_k of every group of equal answers, `[G, H]` with H = `most`; 0 where there is none."""
        size = len(group)
        away = most + 1  # a place for those without a key
        place = torch.where(group >= 0, group, away - 1)
        place = place + away * torch.arange(size, device=group.device).unsqueeze(1)
        mean = scatter(
            self.lin_w(g).view(-1), place.view(-1), 0, size * away, reduce="mean"
        )  # [G · (H + 1)]
        out: Tensor = mean.view(size, away)[:, :most]
        return out

    def asks(self, g: Tensor, worth: Tensor) -> Tensor:
        """r_m of every candidate, from g `[…, D]` and `worth` `[…, 3]` (`WORTH`)."""
        out: Tensor = self.lin_v(F.gelu(self.lin_a(torch.cat([g, worth], -1)))).squeeze(-1)
        return out

    def __repr__(self) -> str:
        sizes = (self.lin_q.in_features, self.lin_u.in_features, self.channels)
        return f"{type(self).__name__}({', '.join(map(str, sizes))})"
