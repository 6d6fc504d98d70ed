"""`RoleMatching`: the backbone of the selected pool for each role (Eq 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import reset

from abgnn.nn.backbone_table import BackboneTable


class RoleMatching(MessagePassing):  # type: ignore[misc]
    r"""Query-conditioned role–backbone matching (arXiv 2512.11426, section 3.1.3).

    .. math::
        u_m = W_u [e^{perf}_m; W_{ct} [e^{price}_m; e^{type}_m]], \quad
        g = W_g \, \mathrm{mean}_{m \in pool} [e^{perf}_m; e^{price}_m; e^{type}_m], \quad
        v_i = W_v [r_i; q; g]

        p(m_i = m) = \mathrm{softmax}_m \langle v_i, u_m \rangle

    An edge-update layer on the bipartite graph role → members of the role's pool. :math:`W_v` is
    held as three blocks, so that query and pool are projected once per graph and not per agent.

    Args:
        in_channels: embedding width H.
        channels: hidden width D.

    Shapes: roles `[N, H]`, queries `[B, H]`, pool `[B]`, batch `[N]`, prior logits `[M]` →
    candidates `[N, S]` (backbone indices) and their log-probabilities `[N, S]` (−∞ in padding).
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.lin_ct = nn.Linear(2 * in_channels, channels, bias=False)  # W_ct, to D cost cues
        self.lin_u = nn.Linear(in_channels + channels, channels, bias=False)  # W_u
        self.lin_g = nn.Linear(3 * in_channels, channels, bias=False)  # W_g
        self.lin_role = nn.Linear(in_channels, channels, bias=False)  # W_v = [role; query; pool]
        self.lin_query = nn.Linear(in_channels, channels, bias=False)
        self.lin_pool = nn.Linear(channels, channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for layer in self.children():
            reset(layer)

    def forward(
        self,
        role: Tensor,
        query: Tensor,
        pool: Tensor,
        batch: Tensor,
        table: BackboneTable,
        prior: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        perf, price, kind = table.embed.unbind(1)  # [M, H] each
        u = self.lin_u(torch.cat([perf, self.lin_ct(torch.cat([price, kind], -1))], -1))  # [M, D]
        g = self.lin_g(table.pool_embed)  # [P, D]
        context = self.lin_query(query) + self.lin_pool(g)[pool]  # [B, D]
        v = self.lin_role(role) + context.index_select(0, batch)  # [N, D]

        tier = pool.index_select(0, batch)  # [N]
        candidates = table.slots.index_select(0, tier)  # [N, S]
        real = table.slot_mask.index_select(0, tier)
        agent = torch.arange(len(v), device=v.device).repeat_interleave(candidates.size(1))
        edges = torch.stack([agent, candidates.flatten()])  # [2, N*S]
        logits = self.edge_updater(edges, vu=(v, u), size=(len(v), len(u))).view_as(candidates)
        if prior is not None:
            logits = logits + prior[candidates]
        return candidates, logits.masked_fill(~real, float("-inf")).log_softmax(-1)  # [N, S]

    def edge_update(self, vu_j: Tensor, vu_i: Tensor) -> Tensor:
        return (vu_j * vu_i).sum(-1)  # [N*S]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.lin_role.in_features}, {self.lin_role.out_features})"
