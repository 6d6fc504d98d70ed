"""`BeliefStart`: what pools and matching start from: beliefs about LLMs before any learning."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.utils import scatter

from abgnn.nn.backbone_table import BackboneTable

_STEEP = 4.0  # logits of accuracy between the easiest and the hardest question
_GRID = 21


@dataclass(frozen=True, slots=True)
class Believed:
    """What is believed of agents alone on B questions: T roles of a template × M LLMs.

    Args:
        accuracy, usd, seconds: expected, `[B, T, M]` each.
    """

    accuracy: Tensor
    usd: Tensor
    seconds: Tensor

    def rows(self, at: Tensor) -> Believed:
        """Some of the questions, by index `[n]`."""
        return Believed(self.accuracy[at], self.usd[at], self.seconds[at])

    def to(self, other: Tensor) -> Believed:
        """With the device and type of another tensor."""
        return Believed(self.accuracy.to(other), self.usd.to(other), self.seconds.to(other))


class BeliefStart(nn.Module):
    r"""Logits of pools, backbones and gates from expected accuracy, cost and seconds.

    .. math::
        u_m = s_a \, a_m - \lambda_{tok} c_m - s_l \, \lambda_{lat} l_m, \qquad
        \mathrm{match}_m = u_m / T, \qquad
        \mathrm{pool}_p = (\bar a_p - n_c \lambda_{tok} \bar c_p - n_l \lambda_{lat} \bar l_p) / T,
        \qquad \mathrm{gate}_i = (u_{i, m_i} - \max_j u_{j, m_j}) / T

    with USD c and seconds l of a call: of beliefs about this question and this role (`Believed`),
    or else the catalogue's own, the same for all questions; gates have none then. So the most
    probable plan is the lone agent that is worth most on this question. It follows the current
    λ's, which are buffers and thus resumed.

    With `bins`, a pool's logit without beliefs is the log of the share of difficulties at which
    the pool is the best, for accuracies :math:`\sigma(\mathrm{logit}\, a_m + 4 (1/2 - d))`: each
    pool gets the bin of Eq 3 in which it pays.

    Args:
        calls: expected calls of a plan, n_c (4 with at least two agents, 1 for a lone agent).
        depth: expected calls on its critical path, n_l (3, or 1).
        temperature: T, in units of accuracy.
        share, wait: s_a and s_l, how much of a team's accuracy and seconds one agent decides (0.5
            and 0.6; both 1 for a lone agent).
        bins: see above.
    """

    lambda_tok: Tensor
    lambda_lat: Tensor

    def __init__(
        self,
        calls: float = 4.0,
        depth: float = 3.0,
        temperature: float = 0.02,
        share: float = 0.5,
        wait: float = 0.6,
        bins: bool = False,
    ) -> None:
        super().__init__()
        self.calls, self.depth, self.temperature = calls, depth, temperature
        self.share, self.wait, self.bins = share, wait, bins
        self.register_buffer("lambda_tok", torch.zeros(()))
        self.register_buffer("lambda_lat", torch.zeros(()))

    def pools(self, table: BackboneTable, seen: Believed | None = None) -> Tensor:
        """Logits of the pools: `[B, P]` where something is believed, else `[P]`."""
        if seen is not None:
            parts = (v.mean(1) for v in (seen.accuracy, seen.usd, seen.seconds))  # [B, M] each
            accuracy, usd, seconds = parts
        else:
            accuracy, usd, seconds = table.accuracy, table.cost, table.latency
            if self.bins:
                return self._bins(table)
        value = accuracy - self._paid(usd, seconds)
        return table.pool_mean(value) / self.temperature

    def matches(self, table: BackboneTable, batch: Batch, seen: Believed | None = None) -> Tensor:
        """Logits of the backbones: `[N, M]` where something is believed, else `[M]`."""
        if seen is None:
            value = self._worth(table.accuracy, table.cost, table.latency)
            return value / self.temperature
        worth = self._worth(seen.accuracy, seen.usd, seen.seconds)  # [B, T, M]
        return worth[batch.batch, _place(batch)] / self.temperature

    def gates(self, batch: Batch, backbone: Tensor, seen: Believed) -> Tensor:
        """Logits of agents on their LLMs `[N]`: `[N]`, 0 of the best of each graph."""
        worth = self._worth(seen.accuracy, seen.usd, seen.seconds)  # [B, T, M]
        own = worth[batch.batch, _place(batch), backbone]  # [N]
        able = own.masked_fill(batch.is_decision, float("-inf"))
        best = scatter(able, batch.batch, 0, batch.num_graphs, reduce="max")  # [B]
        away: Tensor = (own - best[batch.batch]) / self.temperature
        return away

    def _worth(self, accuracy: Tensor, usd: Tensor, seconds: Tensor) -> Tensor:
        """u of an LLM in one role."""
        wait = self.wait * self.lambda_lat * seconds
        return self.share * accuracy - self.lambda_tok * usd - wait

    def _paid(self, usd: Tensor, seconds: Tensor) -> Tensor:
        """What a plan of one LLM's calls costs, in units of accuracy."""
        return self.calls * self.lambda_tok * usd + self.depth * self.lambda_lat * seconds

    def _bins(self, table: BackboneTable) -> Tensor:
        """Log of the share of difficulties at which each pool is the best, `[P]`."""
        grid = torch.linspace(-0.5, 0.5, _GRID, device=table.cost.device)  # 1/2 − d
        logit = torch.logit(table.accuracy, eps=1e-3) + _STEEP * grid.unsqueeze(1)  # [G, M]
        value = table.pool_mean(torch.sigmoid(logit) - self._paid(table.cost, table.latency))
        return (value / self.temperature).softmax(1).mean(0).log()

    def extra_repr(self) -> str:
        return f"calls={self.calls}, depth={self.depth}, temperature={self.temperature}"


def _place(batch: Batch) -> Tensor:
    """Place of every agent's role in its template, `[N]`."""
    agent = torch.arange(len(batch.batch), device=batch.batch.device)
    place: Tensor = agent - batch.ptr[batch.batch]
    return place
