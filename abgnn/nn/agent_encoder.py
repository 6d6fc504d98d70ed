"""`AgentEncoder`: one representation per agent from role, query and backbone (Eq 5)."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import reset
from torch_geometric.utils import softmax

from abgnn.errors import ConfigError


class Parts(NamedTuple):
    """What x is made of: roles `[N, H]`, questions `[B, H]` and whose each agent is `[N]`, profiles
    of all LLMs `[M, 3, H]` and which one each agent has `[N]`. Roles may be the distinct ones
    `[R, H]` with `which` of them each agent plays `[N]`."""

    role: Tensor
    query: Tensor
    owner: Tensor
    profile: Tensor
    backbone: Tensor
    which: Tensor | None = None


class AgentEncoder(MessagePassing):  # type: ignore[misc]
    r"""Unified agent representation (arXiv 2512.11426, section 3.2.1).

    .. math::
        h_i = W_r r_i + \gamma W_{ctx} \, \mathrm{attn}(q_i, k, v), \qquad
        q_i = W_q [W_r r_i; W_{qh} q]

    with keys and values from the matched backbone's three profile embeddings, passed through one
    shared head :math:`W_\ell`. As printed, the three are joined into one key; a softmax over one
    key is one, so the query could not reach gates or edges. Here agents attend to:

    - `attend="profile"` (default): three keys per agent: performance, price, type;
    - `attend="agents"`: one key per agent, joined as printed, from itself and by messages from its
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

    Shapes: x `[N, 5H]`, edge_index `[2, E]` → h `[N, D]`. With `parts` x is not read: the same
    values come of them with each question and each LLM projected once, not once per agent.
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

    def forward(self, x: Tensor | None, edge_index: Tensor, parts: Parts | None = None) -> Tensor:
        if parts is not None:
            role, q, token = self._projected_parts(parts)
        else:
            assert x is not None, "x where there are no parts"
            role, q, token = self._projected(x)
        if self.attend == "none":
            return role
        if self.film:
            role = role * (1 + self.lin_scale(q)) + self.lin_shift(q)
        query = self.lin_q(torch.cat([role, q], -1))  # q_i [N, D]
        backbone = None if parts is None else parts.backbone
        if self.attend == "profile":
            context = self._of_profiles(query, token, backbone)
        else:
            context = self._of_agents(query, token, role, edge_index, backbone)
        h: Tensor = role + self.gamma * self.lin_ctx(context)
        return h  # [N, D]

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Roles r^h `[N, D]`, questions q^h `[N, D]` and profiles `[N, 3, D]`."""
        width = self.in_channels
        role, q = self.lin_role(x[:, :width]), self.lin_query(x[:, width : 2 * width])
        return role, q, self.lin_profile(x[:, 2 * width :].reshape(-1, 3, width))

    def _projected_parts(self, parts: Parts) -> tuple[Tensor, Tensor, Tensor]:
        """The same, but each role and question once, and profiles of all LLMs `[M, 3, D]`."""
        q = self.lin_query(parts.query).index_select(0, parts.owner)  # [N, D]
        role = self.lin_role(parts.role)  # [R, D]
        role = role if parts.which is None else role.index_select(0, parts.which)  # [N, D]
        return role, q, self.lin_profile(parts.profile)

    def _of_profiles(self, query: Tensor, token: Tensor, backbone: Tensor | None) -> Tensor:
        """What every agent sees in the three profiles of its LLM, `[N, D]`."""
        k, v = self.lin_k(token), self.lin_v(token)  # [N or M, 3, D]
        if backbone is not None:
            k, v = k.index_select(0, backbone), v.index_select(0, backbone)  # [N, 3, D]
        score = (k * query.unsqueeze(1)).sum(-1) / math.sqrt(self.channels)  # [N, 3]
        context: Tensor = (score.softmax(-1).unsqueeze(-1) * v).sum(1)
        return context

    def _of_agents(
        self,
        query: Tensor,
        token: Tensor,
        role: Tensor,
        edge_index: Tensor,
        backbone: Tensor | None,
    ) -> Tensor:
        """What every agent sees in itself and its predecessors, `[N, D]`."""
        n = len(role)
        whole = token.flatten(1)  # [N or M, 3D]
        if backbone is not None:
            whole = whole.index_select(0, backbone)  # [N, 3D]
        if self.film:
            whole = torch.cat([whole, role], -1)  # [N, 4D]
        agent = torch.arange(n, device=role.device)
        edges = torch.cat([edge_index, torch.stack([agent, agent])], 1)  # [2, E+N]
        context: Tensor = self.propagate(
            edges, k=(self.lin_k(whole), query), v=(self.lin_v(whole), None), size=(n, n)
        )
        return context

    def message(
        self, k_i: Tensor, k_j: Tensor, v_j: Tensor, index: Tensor, size_i: int | None
    ) -> Tensor:
        score = (k_i * k_j).sum(-1) / math.sqrt(self.channels)
        weight: Tensor = softmax(score, index, num_nodes=size_i)
        return weight.unsqueeze(-1) * v_j

    def __repr__(self) -> str:
        film = ", film=True" if self.film else ""
        return f"{type(self).__name__}({self.in_channels}, {self.channels}, {self.attend!r}{film})"
