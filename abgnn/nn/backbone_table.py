"""`BackboneTable`: catalogue and pools as tensors; an input of the policy, not its weights."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from abgnn.errors import ConfigError
from abgnn.pools.build import Pools


class BackboneTable(nn.Module):
    """Profile embeddings and resource tiers of a catalogue.

    Nothing in here is learned and nothing is saved in a checkpoint, so that another catalogue can
    take its place without retraining (paper section 4.4).

    Args:
        embed: encoded profiles `[M, 3, H]`, in the order performance, price, type.
        pools: resource tiers, weak to strong.
        accuracy: expected accuracy of a lone call on the task in [0, 1], `[M]`; by default the
            pools' aggregated published performance.

    Buffers: `embed [M, 3, H]`, `pool_embed [P, 3H]` (mean of the members' profiles, section
    3.1.2), `member [P, M]` bool, `slots [P, S]` (indices of each pool's
    members, padded with its first), `slot_mask [P, S]`, `cost_curve [P]` in [0, 1],
    `accuracy [M]`, `cost [M]` USD per call, `latency [M]` seconds per call.
    """

    embed: Tensor
    pool_embed: Tensor
    member: Tensor
    slots: Tensor
    slot_mask: Tensor
    cost_curve: Tensor
    accuracy: Tensor
    cost: Tensor
    latency: Tensor

    def __init__(self, embed: Tensor, pools: Pools, accuracy: ArrayLike | None = None) -> None:
        super().__init__()
        self.names: tuple[str, ...] = tuple(pools.names)
        slots, slot_mask = _padded(pools.members)
        tensors = {
            "embed": embed,
            "member": torch.as_tensor(np.asarray(pools.mask), dtype=torch.bool),  # [P, M]
            "slots": slots,
            "slot_mask": slot_mask,
            "cost_curve": _floats(pools.cost_curve),
            "accuracy": _floats(pools.perf if accuracy is None else accuracy),
            "cost": _floats(pools.cost),
            "latency": _floats(pools.latency),
        }
        weight = tensors["member"].to(embed.dtype)  # [P, M]
        tensors["pool_embed"] = (weight @ embed.flatten(1)) / weight.sum(1, keepdim=True)
        for name, value in tensors.items():
            self.register_buffer(name, value, persistent=False)

    def whole(self) -> BackboneTable:
        """The same backbones in one pool of all, those off the Pareto front too."""
        everyone = torch.arange(len(self.names), device=self.slots.device).unsqueeze(0)  # [1, M]
        real = torch.ones_like(everyone, dtype=torch.bool)
        curve, mean = self.cost_curve[:1] * 0, self.embed.flatten(1).mean(0, keepdim=True)
        return self._with(
            member=real, slots=everyone, slot_mask=real, cost_curve=curve, pool_embed=mean
        )

    def scaled(self, scale: float) -> BackboneTable:
        """The same with all embeddings times a number."""
        return self._with(embed=scale * self.embed, pool_embed=scale * self.pool_embed)

    def _with(self, **buffers: Tensor) -> BackboneTable:
        other = copy(self)
        other._buffers = {**self._buffers, **buffers}
        return other

    def check_width(self, in_channels: int) -> None:
        """Whether a policy for embeddings of this width can read the profiles.

        Raises:
            ConfigError: the encoder of the profiles has another width H.
        """
        width = self.embed.size(-1)
        if width != in_channels:
            raise ConfigError("policy.in_channels", in_channels, f"the encoder's width {width}")

    def pool_mean(self, values: Tensor) -> Tensor:
        """Mean over each pool's members of a per-backbone value `[…, M]` → `[…, P]`."""
        weight = self.member.to(values.dtype)
        return (values @ weight.T) / weight.sum(1)

    def extra_repr(self) -> str:
        return f"backbones={len(self.names)}, pools={self.member.size(0)}"


def _floats(values: ArrayLike) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)


def _padded(members: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Member indices padded to the largest pool, and which slots are real: `[P, S]` each."""
    size = max(len(m) for m in members)
    slots = [[*m, *[m[0]] * (size - len(m))] for m in members]
    real = [[True] * len(m) + [False] * (size - len(m)) for m in members]
    return torch.tensor(slots), torch.tensor(real)
