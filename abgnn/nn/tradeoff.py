"""`Tradeoff`: the λ's of Eq 9 as an input of the policy, so that one policy serves all budgets."""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

_UNITS = (1.0, 1e-4)  # per USD, per second: below these a λ hardly differs from 0
_SPREAD = 4.0  # log of what lies between such a λ and a strict one


class Tradeoff(nn.Module):
    r"""Roles, query and pools modulated by the current λ's.

    .. math::
        z = \tanh(W \log(1 + \lambda / \lambda_0) / 4 + b), \quad
        r_i \leftarrow r_i \odot (1 + W_s z) + W_r z, \quad q \leftarrow q + W_q z, \quad
        \ell_p \leftarrow \ell_p + \langle W_P e_p, W_z z \rangle

    with :math:`\lambda_0` of 1 per USD and 10⁻⁴ per second, so that λ = 0 is an ordinary value.
    :math:`W_s, W_r, W_q, W_z` start at zero: an untrained one changes nothing. λ's are buffers.
    So is the table of operating points that were taught, which `nearest` looks budgets up in.

    Args:
        in_channels: embedding width H.
        channels: width of z.

    Shapes: a `Batch` with role_embed `[N, H]`, query_embed `[B, H]` → a shallow copy with new
    ones; `pools`: pool embeddings `[P, 3H]` → logits `[P]`.
    """

    lambdas: Tensor
    taught: Tensor

    def __init__(self, in_channels: int, channels: int = 16) -> None:
        super().__init__()
        self.lin = nn.Linear(2, channels)  # W
        self.lin_scale = nn.Linear(channels, in_channels, bias=False)  # W_s
        self.lin_role = nn.Linear(channels, in_channels, bias=False)  # W_r
        self.lin_query = nn.Linear(channels, in_channels, bias=False)  # W_q
        self.lin_pool = nn.Linear(3 * in_channels, channels, bias=False)  # W_P
        self.lin_weight = nn.Linear(channels, channels, bias=False)  # W_z
        self.register_buffer("lambdas", torch.zeros(2))
        self.register_buffer("taught", torch.zeros(0, 5))  # λ_tok, λ_lat, accuracy, USD, seconds
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.lin.reset_parameters()
        self.lin_pool.reset_parameters()
        for lin in (self.lin_scale, self.lin_role, self.lin_query, self.lin_weight):
            nn.init.zeros_(lin.weight)

    def set(self, lambda_tok: float, lambda_lat: float) -> None:
        """The λ's from now on, per USD and per second."""
        self.lambdas.copy_(torch.tensor([lambda_tok, lambda_lat]))

    def nearest(
        self, cost_usd: float | None, latency_s: float | None, aim: float
    ) -> tuple[float, float] | None:
        """λ's of the taught point of the highest expected accuracy within a share of the budgets;
        None: no point is within."""
        assert len(self.taught), "points were taught"
        allowed = [float("inf") if b is None else aim * b for b in (cost_usd, latency_s)]
        used = self.taught[:, 3:] / self.taught.new_tensor(allowed)  # [T, 2]
        worst = used.amax(1)  # [T]
        inside = self.taught[:, 2].masked_fill(worst > 1, float("-inf"))
        if not bool((worst <= 1).any()):
            return None
        tok, lat = self.taught[inside.argmax(), :2].tolist()
        return tok, lat

    def forward(self, batch: Batch, scale: float = 1.0) -> Batch:
        """A shallow copy with modulated embeddings, all times `scale`."""
        seen = copy(batch)
        seen.role_embed, seen.query_embed = self.modulated(
            batch.role_embed, batch.query_embed, scale
        )
        return seen

    def modulated(self, role: Tensor, query: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        """Roles `[N, H]` and questions `[B, H]` as they are seen, all times `scale`."""
        z = self._code()  # [C]
        gain = scale * (1 + self.lin_scale(z))  # [H]
        role = torch.addcmul(scale * self.lin_role(z), role, gain)  # [N, H]
        return role, scale * (query + self.lin_query(z))

    def pools(self, pool_embed: Tensor) -> Tensor:
        """What to add to the pools' logits, `[P]`."""
        logits: Tensor = self.lin_pool(pool_embed) @ self.lin_weight(self._code())
        return logits

    def _code(self) -> Tensor:
        """z, `[C]`."""
        units = self.lambdas.new_tensor(_UNITS)
        return torch.tanh(self.lin(torch.log1p(self.lambdas / units) / _SPREAD))

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *rest: object
    ) -> None:
        """A checkpoint's table may have any number of points."""
        saved = state_dict.get(f"{prefix}taught")
        if saved is not None:
            self.taught = self.taught.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"points={len(self.taught)}"
