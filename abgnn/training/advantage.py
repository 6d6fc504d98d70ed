"""Advantages for REINFORCE from rewards `[B, K]`: K rollouts of each of B queries."""

from __future__ import annotations

from torch import Tensor, nn

from abgnn.errors import ConfigError


class NoBaseline(nn.Module):
    """A = R, as in the paper's Eq 11."""

    def forward(self, reward: Tensor) -> Tensor:
        return reward


class LeaveOneOut(nn.Module):
    r"""Reward minus the mean of the query's other rollouts (Kool et al. 2019).

    .. math:: A_k = R_k - \frac{1}{K-1} \sum_{j \ne k} R_j

    Unbiased, and free of the variance between queries. Needs K ≥ 2.
    """

    def forward(self, reward: Tensor) -> Tensor:
        k = reward.size(1)
        if k < 2:
            raise ConfigError("samples", k, "at least 2 rollouts per query for a leave-one-out")
        return (reward - reward.mean(1, keepdim=True)) * (k / (k - 1))  # [B, K]
