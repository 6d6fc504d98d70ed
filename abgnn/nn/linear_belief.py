"""`LinearBelief`: beliefs about roles and LLMs, read off the embedding of a question."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import torch
from torch import Tensor, nn


class LinearBelief(nn.Module):
    r"""Expected accuracy of every LLM in every role, by ridge regression on embeddings.

    .. math:: \hat a_{jm}(q) = \sigma\big(b_{jm} + \langle W_{jm}, e_q - \bar e \rangle\big)

    Beliefs of a planner are nearly linear in the embedding, so that a checkpoint can carry them to
    new questions without the planner. Dollars and seconds are means over the questions of the fit.

    Args:
        in_channels: embedding width H.
        roles: T, of the template.
        backbones: M.

    Buffers: `weight [H, T, M]`, `bias [T, M]`, `centre [H]`, `usd [T, M]`, `seconds [T, M]`,
    `code [2]` (of the names of roles and LLMs that it is of).
    """

    weight: Tensor
    bias: Tensor
    centre: Tensor
    usd: Tensor
    seconds: Tensor
    code: Tensor

    def __init__(self, in_channels: int, roles: int, backbones: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(in_channels, roles, backbones))
        self.register_buffer("centre", torch.zeros(in_channels))
        for name in ("bias", "usd", "seconds"):
            self.register_buffer(name, torch.zeros(roles, backbones))
        self.register_buffer("code", torch.zeros(2, dtype=torch.long))

    @classmethod
    def fit(
        cls,
        embed: Tensor,
        accuracy: Tensor,
        usd: Tensor,
        seconds: Tensor,
        names: tuple[Sequence[str], Sequence[str]],
        ridge: float = 0.01,
    ) -> LinearBelief:
        """Fit to beliefs on Q questions.

        Args:
            embed: of the questions, `[Q, H]`.
            accuracy, usd, seconds: `[Q, T, M]` each.
            names: of T roles, of M LLMs.
            ridge: penalty, as a share of the mean squared length of a centred embedding.
        """
        made = cls(embed.size(1), accuracy.size(1), accuracy.size(2))
        logit = torch.logit(accuracy.double(), eps=1e-3)  # [Q, T, M]
        centre, mean = embed.double().mean(0), logit.mean(0)
        e, y = embed.double() - centre, (logit - mean).flatten(1)
        kernel = e @ e.T  # [Q, Q]
        kernel.diagonal().add_(ridge * float(kernel.diagonal().mean()) + 1e-9)
        dual = torch.linalg.solve(kernel, y)  # [Q, T*M]
        made.weight.copy_((e.T @ dual).view_as(made.weight))
        made.centre.copy_(centre)
        made.bias.copy_(mean)
        made.usd.copy_(usd.mean(0))
        made.seconds.copy_(seconds.mean(0))
        made.code.copy_(torch.tensor([_code(part) for part in names]))
        return made.to(embed.device)

    def is_of(self, roles: Sequence[str], backbones: Sequence[str]) -> bool:
        """Whether it was fitted for these roles and LLMs, in this order."""
        return self.code.tolist() == [_code(roles), _code(backbones)]

    def forward(self, query: Tensor) -> Tensor:
        """Expected accuracy `[B, T, M]` on questions `[B, H]`."""
        logit = (query - self.centre) @ self.weight.flatten(1)  # [B, T*M]
        return torch.sigmoid(logit.view(-1, *self.bias.shape) + self.bias)

    def extra_repr(self) -> str:
        roles, backbones = self.bias.shape
        return f"roles={roles}, backbones={backbones}"


def _code(names: Sequence[str]) -> int:
    return crc32("\n".join(names).encode())
