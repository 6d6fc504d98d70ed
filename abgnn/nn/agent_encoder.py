"""`AgentEncoder`: one representation per agent from role, query and backbone (Eq 5)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import reset
from torch_geometric.utils import softmax

from abgnn.errors import ConfigError


class AgentEncoder(MessagePassing):  # type: ignore[misc]
    r"""Unified agent representation (arXiv 2512.11426, section 3.2.1).

    .. math::
        h_i = W_r r_i + \gamma W_{ctx} \, \mathrm{attn}(q_i, k, v), \qquad
        q_i = W_q [W_r r_i; W_{qh} q]

    with keys and values from the matched backbone's three profile embeddings, passed through one
    shared head :math:`W_\ell`. As printed, the three are joined into one key; a softmax over one
    key is one, so the query could not reach gates or edges. Here attention is message passing:

    - `attend="profile"` (default): three keys per agent: performance, price, type;
    - `attend="agents"`: one key per agent, joined as printed, from itself and from its
      predecessors along the template's edges;
    - `attend="none"`: role embeddings only (the paper's ablation 4).

    With `film` the question scales and shifts the role, so that what an agent is worth may depend
    on both together (a linear gate cannot tell a good lawyer's question from a good coder's by
    their sum):

    .. math:: W_r r_i \leftarrow W_r r_i \odot (1 + W_s \, W_{qh} q) + W_b \, W_{qh} q

    Then the keys of agents hold this too, so that a message says who sends it and not only on
    which LLM: in a team on one LLM, attention over profiles alone would change nothing.

    Args:
        in_channels: embedding width H.
        channels: hidden width D.
        attend: what the keys are.
        film: the product of role and question; not with `attend="none"`.

    Shapes: x `[N, 5H]`, edge_index `[2, E]` → h `[N, D]`.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        attend: Literal["profile", "agents", "none"] = "profile",
        film: bool = False,
    ) -> None:
        super().__init__(aggr="add")
        if attend not in ("profile", "agents", "none"):
            raise ConfigError("attend", attend, "'profile', 'agents' or 'none'")
        if film and attend == "none":
            raise ConfigError("film", film, "false with attend='none': the question is left out")
        self.film = film
        if attend != "agents":
            self.explain = False  # messages come from profiles, not along the graph's edges
        self.in_channels, self.channels, self.attend = in_channels, channels, attend
        joined = 1 if attend == "profile" else 4 if film else 3
        self.lin_role = nn.Linear(in_channels, channels, bias=False)  # W_r
        self.lin_query = nn.Linear(in_channels, channels, bias=False)  # W_qh
        self.lin_profile = nn.Linear(in_channels, channels, bias=False)  # W_l, shared head
        self.lin_q = nn.Linear(2 * channels, channels, bias=False)
        self.lin_k = nn.Linear(joined * channels, channels, bias=False)
        self.lin_v = nn.Linear(joined * channels, channels, bias=False)
        self.lin_ctx = nn.Linear(channels, channels, bias=False)  # W_ctx
        if film:
            self.lin_scale = nn.Linear(channels, channels, bias=False)  # W_s
            self.lin_shift = nn.Linear(channels, channels, bias=False)  # W_b
        self.gamma = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for layer in self.children():
            reset(layer)
        nn.init.ones_(self.gamma)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        width = self.in_channels
        role: Tensor = self.lin_role(x[:, :width])  # r^h [N, D]
        if self.attend == "none":
            return role
        q = self.lin_query(x[:, width : 2 * width])  # q^h [N, D]
        if self.film:
            role = role * (1 + self.lin_scale(q)) + self.lin_shift(q)
        query = self.lin_q(torch.cat([role, q], -1))  # q_i [N, D]
        d, c, t = (self.lin_profile(x[:, i * width : (i + 1) * width]) for i in (2, 3, 4))
        token = torch.stack([d, c, t], 1).view(-1, self.channels)  # [3N, D]
        source, edges = self._keys(token, role, edge_index)  # [S, ·], [2, S→N]
        context: Tensor = self.propagate(
            edges,
            k=(self.lin_k(source), query),
            v=(self.lin_v(source), None),
            size=(len(source), len(x)),
        )
        h: Tensor = role + self.gamma * self.lin_ctx(context)
        return h  # [N, D]

    def _keys(self, token: Tensor, role: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """What is attended to, and the edges from it to the agents."""
        n = len(role)
        agent = torch.arange(n, device=token.device)
        if self.attend == "profile":
            own = torch.arange(3 * n, device=token.device)
            return token, torch.stack([own, agent.repeat_interleave(3)])  # [3N, D], [2, 3N]
        loops = torch.stack([agent, agent])
        whole = token.view(n, -1)  # [N, 3D]
        if self.film:
            whole = torch.cat([whole, role], -1)  # [N, 4D]
        return whole, torch.cat([edge_index, loops], 1)  # [2, E+N]

    def message(
        self, k_i: Tensor, k_j: Tensor, v_j: Tensor, index: Tensor, size_i: int | None
    ) -> Tensor:
        score = (k_i * k_j).sum(-1) / math.sqrt(self.channels)
        if self.attend == "profile":  # three edges per agent, in a row
            weight: Tensor = score.view(-1, 3).softmax(-1).flatten()
        else:
            weight = softmax(score, index, num_nodes=size_i)
        return weight.unsqueeze(-1) * v_j

    def __repr__(self) -> str:
        film = ", film=True" if self.film else ""
        return f"{type(self).__name__}({self.in_channels}, {self.channels}, {self.attend!r}{film})"
