"""`PlanScorer`: how likely each of many plans is right on each question; the net of `PlanNet`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import reset
from torch_geometric.utils import scatter

from abgnn.nn.agent_graph import AgentGraph

BELIEFS = 4  # logit, its standard deviation, log USD, log seconds


class PlanScorer(MessagePassing):  # type: ignore[misc]
    r"""Messages along the edges of plans, as a correction of what is believed of their agents.

    .. math::
        h_{jm} &= W_o \, \mathrm{GELU}\big(W_q x \odot (W_m u_m + W_r r_j)
            + W'_m u_m + W'_r r_j + W'_q x + W_b b_{jm}(x)\big), \quad g = \mathrm{GELU}(h)

        g_v &\leftarrow g_v + \mathrm{GELU}\big(W [g_v; W_s \textstyle\sum_{u \to v} g_u
            / \sqrt{n_v}]\big) \quad \text{level by level along the edges}

        \mathrm{logit} &= \beta_{answer}(x) + w \cdot g_{answer}
            + \langle A x, B u_m + C r_j \rangle / 7

    with question x, LLM :math:`u_m`, role :math:`r_j`, and what is believed of an agent that reads
    nothing: the logit β of its accuracy, and b (`BELIEFS`). w and A start at zero. Plans whose
    answering agent reads nothing are not corrected: their logit is β, before and after training.

    Any roles, LLMs and plans may be given, also such as were not there in training.

    Args:
        question_channels, backbone_channels, role_channels: widths of x, u, r.
        channels: hidden width D.
        correct_lone: correct agents that read nothing, too.

    Shapes: x `[Q, X]`, u `[M, U]`, r `[S, R]`, base β `[Q, S, M]`, belief `[Q, S, M, 4]`, a
    `AgentGraph` of P plans → logits `[Q, P]`.
    """

    def __init__(
        self,
        question_channels: int,
        backbone_channels: int,
        role_channels: int,
        channels: int = 32,
        correct_lone: bool = False,
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.channels, self.correct_lone = channels, correct_lone
        sizes = (question_channels, backbone_channels, role_channels)
        x, u, r = sizes
        self.lin_q = nn.Linear(x, channels, bias=False)  # W_q
        self.lin_m = nn.Linear(u, channels, bias=False)  # W_m
        self.lin_r = nn.Linear(r, channels, bias=False)  # W_r
        self.add_m = nn.Linear(u, channels, bias=False)  # W'_m
        self.add_r = nn.Linear(r, channels, bias=False)  # W'_r
        self.add_q = nn.Linear(x, channels, bias=False)  # W'_q
        self.lin_b = nn.Linear(BELIEFS, channels)  # W_b
        self.lin_o = nn.Linear(channels, channels)  # W_o
        self.lin_s = nn.Linear(channels, channels, bias=False)  # W_s
        self.lin_self = nn.Linear(channels, channels)  # W = [self, read]
        self.lin_read = nn.Linear(channels, channels, bias=False)
        self.lin_w = nn.Linear(channels, 1)  # w
        self.low_q = nn.Linear(x, channels, bias=False)  # A
        self.low_m = nn.Linear(u, channels, bias=False)  # B
        self.low_r = nn.Linear(r, channels, bias=False)  # C
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for layer in self.children():
            reset(layer)
        for start in (self.lin_w, self.low_q):
            for parameter in start.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, x: Tensor, u: Tensor, r: Tensor, base: Tensor, belief: Tensor, graph: AgentGraph
    ) -> Tensor:
        state = alone = self.agents(x, u, r, belief)  # [C, Q, D]
        for cell, edges in graph.levels():
            own = alone.index_select(0, cell)  # [n, Q, D]
            size = (len(state), len(cell))
            read = self.propagate(edges, x=(state, own), size=size)  # [n, Q, D]
            count = torch.bincount(edges[1], minlength=len(cell)).clamp(min=1).view(-1, 1, 1)
            read = self.lin_s(read / count.sqrt())
            new = own + F.gelu(self.lin_self(own) + self.lin_read(read))
            state = torch.cat([state, new])
        cell = graph.cell.index_select(0, graph.answer)  # [P]
        correction = self.lin_w(state).squeeze(-1).index_select(0, graph.answer)  # [P, Q]
        correction = correction + self._low_rank(x, u, r).index_select(0, cell)
        if not self.correct_lone:
            correction = correction.masked_fill(graph.lone.unsqueeze(1), 0.0)
        logit: Tensor = base.flatten(1).index_select(1, cell) + correction.t()
        return logit  # [Q, P]

    def agents(self, x: Tensor, u: Tensor, r: Tensor, belief: Tensor) -> Tensor:
        """g of every role and LLM that reads nothing, `[S·M, Q, D]`."""
        product = (self.lin_r(r).unsqueeze(1) + self.lin_m(u)).flatten(0, 1)  # [C, D]
        added = (self.add_r(r).unsqueeze(1) + self.add_m(u)).flatten(0, 1)  # [C, D]
        h = torch.addcmul(self.add_q(x), product.unsqueeze(1), self.lin_q(x))  # [C, Q, D]
        h = h + added.unsqueeze(1) + self.lin_b(belief.flatten(1, 2).transpose(0, 1))
        g: Tensor = F.gelu(self.lin_o(F.gelu(h)))
        return g

    def score(self, x: Tensor, edge_index: Tensor, depth: Tensor, answer: Tensor) -> Tensor:
        """The same for graphs whose nodes hold what is read of an agent: x ‖ u ‖ r ‖ belief ‖ β.

        Shapes: x `[N, X + U + R + 5]`, edge_index `[2, E]`, depth `[N]`, answer `[P]` → `[P]`.
        """
        at = self.lin_q.in_features
        to = at + self.lin_m.in_features
        end = to + self.lin_r.in_features
        q, u, r = x[:, :at], x[:, at:to], x[:, to:end]
        belief, base = x[:, end : end + BELIEFS], x[:, -1]
        h = self.lin_q(q) * (self.lin_m(u) + self.lin_r(r))
        h = h + self.add_m(u) + self.add_r(r) + self.add_q(q) + self.lin_b(belief)
        state = own = F.gelu(self.lin_o(F.gelu(h)))  # [N, D]
        count = torch.bincount(edge_index[1], minlength=len(x)).clamp(min=1).unsqueeze(1)
        for level in range(1, int(depth.max()) + 1 if len(x) else 1):
            read = self.lin_s(self.propagate(edge_index, x=state) / count.sqrt())
            new = own + F.gelu(self.lin_self(own) + self.lin_read(read))
            state = torch.where((depth == level).unsqueeze(1), new, state)
        low = (self.low_q(q) * (self.low_m(u) + self.low_r(r))).sum(-1) / 7  # [N]
        correction = self.lin_w(state).squeeze(-1) + low
        if not self.correct_lone:
            correction = correction * (depth > 0)
        logit: Tensor = (base + correction)[answer]
        return logit

    def message(self, x_j: Tensor) -> Tensor:
        return x_j  # [e, Q, D]

    def _low_rank(self, x: Tensor, u: Tensor, r: Tensor) -> Tensor:
        """⟨A x, B u_m + C r_j⟩ / 7, `[C, Q]`."""
        agent = (self.low_r(r).unsqueeze(1) + self.low_m(u)).flatten(0, 1)  # [C, D]
        out: Tensor = agent @ self.low_q(x).t() / 7
        return out

    def __repr__(self) -> str:
        sizes = (self.lin_q.in_features, self.lin_m.in_features, self.lin_r.in_features)
        return f"{type(self).__name__}({', '.join(map(str, sizes))}, {self.channels})"


def expected_logit(accuracy: Tensor, least: float = 1e-4) -> Tensor:
    """β: the logit of an expected accuracy, kept finite."""
    return torch.logit(accuracy.clamp(least, 1 - least))


def critical_path(seconds: Tensor, graph: AgentGraph) -> Tensor:
    """Seconds `[Q, S, M]` of agents → of plans whose agents wait for what they read, `[Q, P]`."""
    alone = seconds.flatten(1).t()  # [C, Q]
    done = alone
    for cell, edges in graph.levels():
        begin = scatter(done[edges[0]], edges[1], 0, len(cell), reduce="max")  # [n, Q]
        done = torch.cat([done, begin + alone[cell]])
    return done[graph.answer].t()


def total(usd: Tensor, graph: AgentGraph) -> Tensor:
    """Dollars `[Q, S, M]` of agents → of plans, `[Q, P]`."""
    plan, cell = graph.member
    of = usd.new_zeros(len(graph.answer), usd.size(0))
    return of.index_add(0, plan, usd.flatten(1).t()[cell]).t()
