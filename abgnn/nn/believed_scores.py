"""`BelievedScores`: the two-stage beliefs' accuracies in closed form, as a layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from abgnn.nn.linear_by_task import LinearByTask


class BelievedScores(nn.Module):
    r"""Expected accuracy of M LLMs.

    .. math:: \hat p_m(q) = \mathrm{clip}(d(q) + f_m(q) + s_m (d(q) - \bar d) / \sigma_d)

    with difficulty d and abilities f linear in φ = centred embedding ‖ .5/√C · standardised counts,
    as `planning.TwoStageBeliefs` fits them. Nothing in it is learned by gradient steps.

    Args:
        channels: H, width of the embeddings.
        counts: C surface counts.
        tasks: U.
        backbones: M.
        weight, clip: of the counts.
        bounds: of an accuracy.

    Buffers: `centre [H]`, `count_mean [C]`, `count_sd [C]`, `slope [M]`, `spread [2]` (mean and
    standard deviation of d), and those of `difficulty` and `ability`.
    """

    centre: Tensor
    count_mean: Tensor
    count_sd: Tensor
    slope: Tensor
    spread: Tensor

    def __init__(
        self,
        channels: int,
        counts: int,
        tasks: int,
        backbones: int,
        weight: float = 0.5,
        clip: float = 5.0,
        bounds: tuple[float, float] = (0.03, 0.98),
    ) -> None:
        super().__init__()
        self.weight, self.clip, self.bounds = weight / counts**0.5, clip, bounds
        self.register_buffer("centre", torch.zeros(channels))
        self.register_buffer("count_mean", torch.zeros(counts))
        self.register_buffer("count_sd", torch.full((counts,), 3.0))
        self.register_buffer("slope", torch.zeros(backbones))
        self.register_buffer("spread", torch.tensor([0.0, 1.0]))
        self.difficulty = LinearByTask(channels + counts, tasks, 1, learned=False)
        self.ability = LinearByTask(channels + counts, tasks, backbones, learned=False)

    def features(self, embed: Tensor, counts: Tensor) -> Tensor:
        """φ `[B, H+C]` from embeddings `[B, H]` and counts `[B, C]`."""
        standard = ((counts - self.count_mean) / self.count_sd).clamp(-self.clip, self.clip)
        return torch.cat([embed - self.centre, self.weight * standard], -1)

    def forward(self, phi: Tensor, task: Tensor) -> Tensor:
        """Accuracies `[B, M]` of queries with features `[B, F]` and task indices `[B]`."""
        d = self.difficulty(phi, task)  # [B, 1]
        standard = (d - self.spread[0]) / self.spread[1]
        accuracy: Tensor = d + self.ability(phi, task) + standard * self.slope  # [B, M]
        return accuracy.clamp(*self.bounds)
