"""`VariationalEncoder`: texts' embeddings to a small latent space, with a reconstruction term."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Latent(NamedTuple):
    """Latents `[n, D]` of unit length, and what makes the variational loss, a scalar: plans need
    none."""

    z: Tensor
    loss_of: Callable[[], Tensor]

    @property
    def loss(self) -> Tensor:
        """Reconstruction and divergence."""
        return self.loss_of()


class VariationalEncoder(nn.Module):
    r"""The variational auto-encoder of MasRouter's controller (arXiv 2502.11133, as released).

    .. math::
        h &= \mathrm{relu}(W_1 x), \quad \mu = W_\mu h, \quad \ln\sigma^2 = W_\sigma h \\
        z &= \mu + \eta\,\sigma\,\epsilon, \quad \epsilon \sim N(0, I), \quad
             \hat x = W_4\,\mathrm{relu}(W_3 z) \\
        L &= \mathrm{MSE}(\hat x, x) - \tfrac12 \mathrm{mean}\Big(1 - \ln s^2 + \ln\sigma^2
             - \frac{\mu^2 + \sigma^2}{s^2}\Big)

    The second term is the mean over dimensions of KL(N(μ, σ²) ‖ N(0, s²)). What is handed on is
    z / ‖z‖: everything downstream compares by cosine.

    Args:
        in_channels: width H of the text encoder.
        channels: width D of hidden layer and latent (64 as released).
        noise: η, how much of the posterior's deviation is drawn (0.1 as released; 1 would be a
            draw from the posterior itself, 0 none).
        prior_variance: s² (0.01 as released).

    Shapes: `[n, H]` → `Latent`; `noisy=False` takes z = μ.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 64,
        noise: float = 0.1,
        prior_variance: float = 0.01,
    ) -> None:
        super().__init__()
        self.noise, self.prior_variance = noise, prior_variance
        self.lin = nn.Linear(in_channels, channels)
        self.lin_mean = nn.Linear(channels, channels)
        self.lin_log_var = nn.Linear(channels, channels)
        self.decoder = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, in_channels)
        )

    def forward(self, x: Tensor, *, noisy: bool) -> Latent:
        h = F.relu(self.lin(x))  # [n, D]
        mean, log_var = self.lin_mean(h), self.lin_log_var(h)  # [n, D] each
        z = mean
        if noisy and self.noise:
            z = mean + self.noise * (log_var / 2).exp() * torch.randn_like(mean)

        def loss() -> Tensor:
            return F.mse_loss(self.decoder(z), x) + self.divergence(mean, log_var)

        return Latent(F.normalize(z, dim=-1), loss)

    def divergence(self, mean: Tensor, log_var: Tensor) -> Tensor:
        """KL(N(μ, σ²) ‖ N(0, s²)) per dimension, mean over all; a scalar ≥ 0."""
        ratio = (mean.square() + log_var.exp()) / self.prior_variance
        return -0.5 * (1 - math.log(self.prior_variance) + log_var - ratio).mean()

    def extra_repr(self) -> str:
        return f"noise={self.noise:g}, prior_variance={self.prior_variance:g}"
