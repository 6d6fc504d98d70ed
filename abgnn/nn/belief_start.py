"""`BeliefStart`: what pools and matching start from: beliefs about LLMs before any learning."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.linear_belief import LinearBelief

_STEEP = 4.0  # logits of accuracy between the easiest and the hardest question
_GRID = 21


class BeliefStart(nn.Module):
    r"""Logits of pools and backbones from expected accuracy, cost and seconds.

    .. math::
        u_m = s_a \, a_m - \lambda_{tok} c_m - s_l \, \lambda_{lat} l_m, \qquad
        \mathrm{match}_m = u_m / T, \qquad
        \mathrm{pool}_p = (\bar a_p - n_c \lambda_{tok} \bar c_p - n_l \lambda_{lat} \bar l_p) / T

    with USD c and seconds l of a call. Accuracies are those of a `reading` of beliefs, for this
    question and this role, or else the catalogue's own, the same for all questions. It follows
    the current λ's, which are buffers and thus resumed.

    With `bins`, a pool's logit without a reading is the log of the share of difficulties at which
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
        self.reading: LinearBelief | None = None

    def believe(self, reading: LinearBelief | None) -> None:
        """Start from this reading of beliefs from now on; None: from the catalogue's figures."""
        self.reading = reading

    def pools(self, table: BackboneTable, batch: Batch | None = None) -> Tensor:
        """Logits of the pools: `[B, P]` where there are beliefs about a batch, else `[P]`."""
        if batch is not None and (reading := self.believed(table, batch)) is not None:
            accuracy = reading(batch.query_embed).mean(1)  # [B, M]
            usd, seconds = reading.usd.mean(0), reading.seconds.mean(0)  # [M] each
        else:
            accuracy, usd, seconds = table.accuracy, table.cost, table.latency
            if self.bins:
                return self._bins(table)
        value = accuracy - self._paid(usd, seconds)
        return table.pool_mean(value) / self.temperature

    def matches(self, table: BackboneTable, batch: Batch) -> Tensor:
        """Logits of the backbones: `[N, M]` where there are beliefs about the batch, else `[M]`."""
        reading = self.believed(table, batch)
        if reading is None:
            value = self._worth(table.accuracy, table.cost, table.latency)
            return value / self.temperature
        worth = self._worth(reading(batch.query_embed), reading.usd, reading.seconds)  # [B, T, M]
        agent = torch.arange(len(batch.batch), device=worth.device)
        place = agent - batch.ptr[batch.batch]  # of the role in the template, [N]
        return worth[batch.batch, place] / self.temperature

    def believed(self, table: BackboneTable, batch: Batch) -> LinearBelief | None:
        """The reading, if it is of these LLMs and the roles of these graphs."""
        if self.reading is None:
            return None
        roles = [role.name for role in batch.template[0].roles]
        return self.reading if self.reading.is_of(roles, table.names) else None

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

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """A checkpoint brings its reading, or none."""
        weight = state_dict.get(f"{prefix}reading.weight")
        if weight is None:
            self.reading = None
        else:
            self.reading = LinearBelief(*weight.shape).to(self.lambda_tok.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"calls={self.calls}, depth={self.depth}, temperature={self.temperature}"
