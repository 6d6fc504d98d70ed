"""Node features of matched agents, and beliefs about them, as tensors."""

from __future__ import annotations

from copy import copy

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.arrays import Array
from abgnn.data.template import Template
from abgnn.errors import ConfigError


def unit_variance(embed: Tensor) -> Tensor:
    """Unit rows of width H times √H, so that their entries have a variance of about 1."""
    scale: float = embed.size(-1) ** 0.5
    return embed * scale


def node_features(role: Tensor, query: Tensor, profile: Tensor) -> Tensor:
    """x = role ‖ query ‖ performance ‖ price ‖ type, `[N, 5H]`.

    Args:
        role, query: of every agent, `[N, H]` each.
        profile: of its backbone, `[N, 3, H]`.
    """
    return torch.cat([role, query, profile.flatten(1)], -1)


def with_features(batch: Batch, x: Tensor, backbone: Tensor) -> Batch:
    """A shallow copy of a batch of graphs that holds x `[N, 5H]` and what LLM each agent has, by
    number `[N]`; it still comes apart."""
    made = copy(batch)
    made.x, made.backbone = x, backbone
    if "role_embed" in getattr(batch, "_slice_dict", {}):
        slices, added = batch._slice_dict["role_embed"], batch._inc_dict["role_embed"]
        made._slice_dict = {**batch._slice_dict, "x": slices, "backbone": slices}
        made._inc_dict = {**batch._inc_dict, "x": added, "backbone": added}
    return made


def by_role(values: Array, template: Template) -> Array:
    """Values of beliefs `[Q, S, M]` for all T roles of a template, `[Q, T, M]`.

    Beliefs about role agents alone (S = T − 1) get their mean as the decision agent's.
    """
    roles = len(template.roles)
    if values.shape[1] == roles:
        return values
    if values.shape[1] != roles - 1:
        allowed = f"{roles} roles of the template, or {roles - 1} without the decision agent"
        raise ConfigError("belief.roles", values.shape[1], allowed)
    mean = values.mean(1, keepdims=True)  # [Q, 1, M]
    at = template.decision
    every: Array = np.concatenate([values[:, :at], mean, values[:, at:]], 1)
    return every
