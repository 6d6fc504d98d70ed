"""`PoolSelection`: one resource tier per query from its difficulty (Eq 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PoolSelection(nn.Module):
    r"""Difficulty-aware pool selection of AgentBalance (arXiv 2512.11426, section 3.1.2).

    .. math::
        \ell_p = W_P e_p - \alpha \bar c_p, \quad w = \mathrm{softmax}(\mathrm{mask}(\ell)), \quad
        thr_p = \sum_{i \le p} w_i

        P(p \mid d) = \sigma\big((d - thr_{p-1}) / \tau\big) - \sigma\big((d - thr_p) / \tau\big)

    with :math:`thr_0 = -\infty` and the last allowed threshold :math:`+\infty`, so that the
    probabilities sum to one, and :math:`\alpha \ge 0` through a softplus.

    Args:
        in_channels: width of one profile embedding, H.
        tau: smoothness of the bucketiser, in units of difficulty. At 0.02 nearly half of all
            difficulties get no gradient, at 0.08 none (default).
        zero_init: start from :math:`W_P = 0` and an α near 0, so that the prior alone decides.

    Shapes: pool embeddings `[P, 3H]`, cost curve `[P]`, difficulty `[B]` in [0, 1],
    prior logits `[P]` or `[B, P]` → log-probabilities `[B, P]`; pools above `upper_bound` get −∞.
    """

    def __init__(self, in_channels: int, tau: float = 0.08, zero_init: bool = False) -> None:
        super().__init__()
        self.tau, self.zero_init = tau, zero_init
        self.lin = nn.Linear(3 * in_channels, 1, bias=False)  # W_P
        self.raw_alpha = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.lin.reset_parameters()
        nn.init.zeros_(self.raw_alpha)
        if self.zero_init:
            nn.init.zeros_(self.lin.weight)
            nn.init.constant_(self.raw_alpha, -4.0)

    @property
    def alpha(self) -> Tensor:
        """Learned cost aversion, ≥ 0."""
        return F.softplus(self.raw_alpha)

    def forward(
        self,
        pool_embed: Tensor,
        cost_curve: Tensor,
        difficulty: Tensor,
        upper_bound: int | None = None,
        prior: Tensor | None = None,
    ) -> Tensor:
        n_pools = pool_embed.size(0)
        n_allowed = n_pools if upper_bound is None else min(upper_bound, n_pools)
        logits = self.lin(pool_embed).squeeze(-1) - self.alpha * cost_curve  # [P]
        if prior is not None:
            logits = logits + prior
        weight = logits[..., :n_allowed].softmax(-1).view(-1, n_allowed)  # [1 or B, n_allowed]
        log_prob = self._bucketise(weight, difficulty)  # [B, n_allowed]
        if n_allowed == n_pools:
            return log_prob
        return F.pad(log_prob, (0, n_pools - n_allowed), value=float("-inf"))  # [B, P]

    def _bucketise(self, weight: Tensor, difficulty: Tensor) -> Tensor:
        """Log of the sigmoid differences, by σ(a) − σ(b) = σ(a) σ(−b) (1 − e^{b − a})."""
        inside = weight[:, 1:-1]  # open-ended bins have no gap term
        threshold = weight[:, :-1].cumsum(1)  # [1 or B, P-1]
        z = (difficulty.unsqueeze(1) - threshold) / self.tau  # [B, P-1]
        above = F.pad(F.logsigmoid(z), (1, 0))  # log σ(a), a = ∞ for the first: [B, P]
        below = F.pad(F.logsigmoid(-z), (0, 1))  # log σ(−b), b = −∞ for the last: [B, P]
        log_prob = above + below
        if not inside.size(1):
            return log_prob
        inner = (-torch.expm1(-(inside / self.tau).clamp(min=1e-6))).log()
        return log_prob + F.pad(inner, (1, 1))

    def extra_repr(self) -> str:
        return f"tau={self.tau}"
