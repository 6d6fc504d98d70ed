"""`RoleMatching`: the backbone of the selected pool for each role (Eq 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from abgnn.nn.backbone_table import BackboneTable


class RoleMatching(nn.Module):
    r"""Query-conditioned role–backbone matching (arXiv 2512.11426, section 3.1.3).

    .. math::
        u_m = W_u [e^{perf}_m; W_{ct} [e^{price}_m; e^{type}_m]], \quad
        g = W_g \, \mathrm{mean}_{m \in pool} [e^{perf}_m; e^{price}_m; e^{type}_m], \quad
        v_i = W_v [r_i; q; g]

        p(m_i = m) = \mathrm{softmax}_m \langle v_i, u_m \rangle

    On the bipartite graph role → LLM every edge gets a logit, all of them by one product of
    matrices; those outside the role's pool are left out. :math:`W_v` is held as three blocks, so
    that query and pool are projected once per graph and not per agent. With `film` the question
    also scales the role, so that two questions may rank LLMs differently in one role than in
    another:

    .. math:: v_i \leftarrow v_i + W_o \big( W_a r_i \odot W_b q \big)

    Args:
        in_channels: embedding width H.
        channels: hidden width D.
        film: the product of role and question.
        zero_init: start from :math:`v_i = 0`: the prior alone decides. The product is then divided
            by D, so that a step of Adam moves it about as far as it moves a gate.

    Shapes: roles `[N, H]`, queries `[B, H]`, pool `[B]`, batch `[N]`, prior logits `[M]` or
    `[N, M]`; roles may be the distinct ones `[R, H]` with `which` `[N]` of them each agent plays,
    so that each is projected once → candidates `[N, S]` (backbone indices) and their
    log-probabilities `[N, S]` (−∞ in padding).
    """

    def __init__(
        self, in_channels: int, channels: int, film: bool = False, zero_init: bool = False
    ) -> None:
        super().__init__()
        self.film, self.zero_init = film, zero_init
        self.unit = 1 / channels if zero_init else 1.0
        self.lin_ct = nn.Linear(2 * in_channels, channels, bias=False)  # W_ct, to D cost cues
        self.lin_u = nn.Linear(in_channels + channels, channels, bias=False)  # W_u
        self.lin_g = nn.Linear(3 * in_channels, channels, bias=False)  # W_g
        self.lin_role = nn.Linear(in_channels, channels, bias=False)  # W_v = [role; query; pool]
        self.lin_query = nn.Linear(in_channels, channels, bias=False)
        self.lin_pool = nn.Linear(channels, channels, bias=False)
        if film:
            self.lin_of_role = nn.Linear(in_channels, channels, bias=False)  # W_a
            self.lin_by_query = nn.Linear(in_channels, channels, bias=False)  # W_b
            self.lin_film = nn.Linear(channels, channels, bias=False)  # W_o
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for layer in self.children():
            reset(layer)
        if self.zero_init:
            for last in (self.lin_role, self.lin_query, self.lin_pool):
                nn.init.zeros_(last.weight)
            if self.film:
                nn.init.zeros_(self.lin_film.weight)

    def forward(
        self,
        role: Tensor,
        query: Tensor,
        pool: Tensor,
        batch: Tensor,
        table: BackboneTable,
        prior: Tensor | None = None,
        which: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        cues = self.lin_ct(table.embed[:, 1:].flatten(1))  # [M, D], of price and type
        u = self.lin_u(torch.cat([table.embed[:, 0], cues], -1))  # [M, D]
        g = self.lin_g(table.pool_embed)  # [P, D]
        context = self.lin_query(query) + self.lin_pool(g).index_select(0, pool)  # [B, D]
        v = context.index_select(0, batch)  # [N, D]
        if self.film:
            both = torch.cat([self.lin_role.weight, self.lin_of_role.weight])  # [2D, H]
            own, of_role = _of(F.linear(role, both), which).chunk(2, -1)  # [N, D] each
            by = self.lin_by_query(query).index_select(0, batch)  # [N, D]
            v = v + own + self.lin_film(of_role * by)
        else:
            v = v + _of(self.lin_role(role), which)

        tier = pool.index_select(0, batch)  # [N]
        candidates = table.slots.index_select(0, tier)  # [N, S]
        real = table.slot_mask.index_select(0, tier)
        logits = v @ u.T if self.unit == 1 else self.unit * v @ u.T  # [N, M]
        if prior is not None:
            logits = logits + prior
        logits = logits.gather(1, candidates)  # [N, S]
        return candidates, logits.masked_fill(~real, float("-inf")).log_softmax(-1)  # [N, S]

    def extra_repr(self) -> str:
        text = f"{self.lin_role.in_features}, {self.lin_role.out_features}"
        return f"{text}, film=True" if self.film else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


def _of(rows: Tensor, which: Tensor | None) -> Tensor:
    """Each agent's row."""
    return rows if which is None else rows.index_select(0, which)
