"""The stages of MasRouter's cascade: task, mode, number of agents, roles, LLMs."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abgnn.errors import ConfigError
from abgnn.graph.encoders import TextEncoder
from abgnn.models.sampling import categorical_entropy, choose


class Drawn(NamedTuple):
    """One stage of B cascades: what was drawn, its log-probability `[B]` and entropy `[B]`."""

    choice: Tensor
    log_prob: Tensor
    entropy: Tensor


def draw(log_prob: Tensor, action: Tensor | None, *, sample: bool) -> Drawn:
    """One choice per row of log-probabilities `[B, C]`; `action` `[B]` stands instead of a draw."""
    choice = choose(log_prob, sample=sample) if action is None else action  # [B]
    picked = log_prob.gather(1, choice.unsqueeze(1)).squeeze(1)  # [B]
    return Drawn(choice, picked, categorical_entropy(log_prob))


class TextTable(nn.Module):
    """Embeddings `[n, H]` of n texts: encoded ones, fixed; or learned vectors of their length.

    Args:
        texts: n of them.
        in_channels: width H.
        encoder: a sentence-transformers model or `offline`, used once, in `fill`; None: learned.
    """

    filled: Tensor

    def __init__(self, texts: list[str], in_channels: int, encoder: str | None) -> None:
        super().__init__()
        self.texts, self.encoder = texts, encoder
        start = F.normalize(torch.randn(len(texts), in_channels), dim=-1)
        self.embed = nn.Parameter(start, requires_grad=encoder is None)
        self.register_buffer("filled", torch.tensor(encoder is None))

    @torch.no_grad()
    def fill(self) -> None:
        """Encode the texts, once in a table's life: a checkpoint holds what came of it."""
        if self.filled or self.encoder is None:
            return
        embed = TextEncoder(self.encoder)(self.texts)  # [n, H]
        if embed.shape != self.embed.shape:
            wanted = f"an encoder of width {self.embed.size(1)}"
            raise ConfigError("policy.encoder", self.encoder, wanted)
        self.embed.copy_(embed)
        self.filled.fill_(True)

    def forward(self) -> Tensor:
        return self.embed


class TaskClassifier(nn.Module):
    """Which task a question belongs to: softmax of cosines over two linear maps.

    Trained by cross-entropy with the known domain; as in all released experiments the domain is
    known wherever it matters, so the classifier decides nothing.

    Shapes: query `[B, H]`, tasks `[T, H]` → log-probabilities `[B, T]`.
    """

    def __init__(self, in_channels: int, channels: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.lin_query = nn.Linear(in_channels, channels)
        self.lin_task = nn.Linear(in_channels, channels)

    def forward(self, query: Tensor, tasks: Tensor) -> Tensor:
        a = F.normalize(self.lin_query(query), dim=-1)  # [B, D]
        b = F.normalize(self.lin_task(tasks), dim=-1)  # [T, D]
        return F.log_softmax(a @ b.t() / self.temperature, -1)


class AgentCount(nn.Module):
    r"""How many agents, from a question's latent.

    As released: :math:`n = A\,\sigma(w z + b)`, N = n rounded and clamped to 1…A, no choice and so
    without log-probability. `categorical`: :math:`p(N) = \mathrm{softmax}(W z + b)` over 1…A.

    Shapes: latents `[B, D]` → released: n `[B]`, real; categorical: log-probabilities `[B, A]`.
    """

    def __init__(self, channels: int, max_agents: int, *, categorical: bool) -> None:
        super().__init__()
        self.max_agents, self.categorical = max_agents, categorical
        self.lin = nn.Linear(channels, max_agents if categorical else 1)

    def forward(self, z: Tensor) -> Tensor:
        if self.categorical:
            return F.log_softmax(self.lin(z), -1)  # [B, A]
        return self.max_agents * torch.sigmoid(self.lin(z)).squeeze(-1)  # [B]

    def round(self, n: Tensor) -> Tensor:
        """N of the release, `[B]`."""
        return n.detach().round().long().clamp(1, self.max_agents)


class RoleCascade(nn.Module):
    r"""Roles one after the other, each knowing what was drawn before; with replacement.

    .. math::
        c_t = \mathrm{norm}(W [z_q; z_m; h_t]), \quad p_t = \mathrm{softmax}(c_t \cdot z_r / T),
        \quad h_{t+1} = \mathrm{LayerNorm}(h_t + z_{r_t}), \quad h_1 = 0

    Args:
        channels: width D.
        temperature: T.

    Shapes: question's and mode's latents `[B, D]`, roles' `[B, R, D]` with mask `[B, R]`, counts
    `[B]` → roles `[B, A]` (0 from each count on), and the last history `[B, D]`.
    """

    def __init__(self, channels: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.lin = nn.Linear(3 * channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(
        self,
        context: Tensor,
        roles: Tensor,
        mask: Tensor,
        count: Tensor,
        max_agents: int,
        action: Tensor | None,
        *,
        sample: bool,
    ) -> tuple[Drawn, Tensor]:
        width = context.size(-1)
        fixed = F.linear(context, self.lin.weight[:, :width], self.lin.bias)  # [B, D]
        of_history = self.lin.weight[:, width:]
        shut = None if bool(mask.all()) else ~mask  # [B, R]
        row = torch.arange(len(roles), device=roles.device)
        history = roles.new_zeros(len(roles), roles.size(-1))  # [B, D]
        active = torch.arange(max_agents, device=count.device) < count.unsqueeze(1)  # [B, A]
        longest = int(count.max())
        log_probs, choices = [], []
        for t in range(longest):
            c = F.normalize(fixed + F.linear(history, of_history), dim=-1)  # [B, D]
            score = (roles @ c.unsqueeze(-1)).squeeze(-1) / self.temperature  # [B, R]
            if shut is not None:
                score = score.masked_fill(shut, float("-inf"))
            log_prob = F.log_softmax(score, -1)  # [B, R]
            choice = choose(log_prob, sample=sample) if action is None else action[:, t]  # [B]
            moved = self.norm(history + roles[row, choice])
            history = moved.where(active[:, t].unsqueeze(1), history)
            log_probs.append(log_prob)
            choices.append(choice)
        if sample and action is None:  # as many draws whatever the counts
            for _ in range(max_agents - longest):
                choose(log_probs[0].detach(), sample=True)
        return _drawn(torch.stack(log_probs, 1), torch.stack(choices, 1), active), history


class Allocation(nn.Module):
    r"""A distribution over LLMs: :math:`\mathrm{softmax}(\mathrm{norm}(W [z_q; z_m; s]) z_l / T)`.

    With s the summary of the roles drawn (as released: one distribution for all agents), or the
    latent of the role that an agent plays. Cosines lie in [−1, 1], so that no LLM of M can be more
    probable than :math:`e^{2/T} / (e^{2/T} + M - 1)`.

    Shapes: context `[…, 2D]`, s `[…, D]`, LLMs `[M, D]` → log-probabilities `[…, M]`.
    """

    def __init__(self, channels: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.lin = nn.Linear(3 * channels, channels)

    def forward(self, context: Tensor, summary: Tensor, llms: Tensor) -> Tensor:
        c = F.normalize(self.lin(torch.cat([context, summary], -1)), dim=-1)  # […, D]
        return F.log_softmax(c @ llms.t() / self.temperature, -1)


def _drawn(log_prob: Tensor, choice: Tensor, active: Tensor) -> Drawn:
    """Draws of the first T of A agents by their log-probabilities `[B, T, C]` and choices `[B, T]`;
    those that are not `active` `[B, A]` do not count."""
    missing = active.size(1) - choice.size(1)
    active = active[:, : choice.size(1)]
    picked = log_prob.gather(2, choice.unsqueeze(2)).squeeze(2)  # [B, T]
    entropy = categorical_entropy(log_prob.flatten(0, 1)).view(choice.shape)  # [B, T]
    return Drawn(
        F.pad(choice * active, (0, missing)),
        (picked * active).sum(1),
        (entropy * active).sum(1),
    )


def draw_each(log_prob: Tensor, count: Tensor, action: Tensor | None, *, sample: bool) -> Drawn:
    """An LLM for each of the first `count` `[B]` agents from `[B, A, M]`: `[B, A]`, 0 beyond."""
    n, places, _ = log_prob.shape
    one = draw(
        log_prob.flatten(0, 1), None if action is None else action.flatten(), sample=sample
    )  # [B*A]
    active = torch.arange(places, device=count.device) < count.unsqueeze(1)  # [B, A]
    choice, log_probs, entropy = (value.view(n, places) * active for value in one)
    return Drawn(choice, log_probs.sum(1), entropy.sum(1))


def multinomial_score(n: Tensor, count: Tensor, llm: Tensor, log_prob: Tensor) -> Tensor:
    r"""The released score `[B]` of the LLMs drawn; no log-probability unless n is N.

    .. math:: \ln\Gamma(n+1) - \sum_j \ln\Gamma(k_j+1) + \sum_j k_j \ln p_j

    with the real n before rounding: its gradient is all that n learns from. It raises n after any
    reward above zero and lowers it after any below, whichever N was drawn.

    Args:
        n: `[B]`, real.
        count: N `[B]`.
        llm: of each agent `[B, A]`; k counts the first N.
        log_prob: `[B, A, M]`, the same for all agents.
    """
    active = torch.arange(llm.size(1), device=llm.device) < count.unsqueeze(1)  # [B, A]
    k = n.new_zeros(len(n), log_prob.size(-1)).scatter_add(1, llm, active.to(n.dtype))  # [B, M]
    ways = torch.lgamma(n + 1) - torch.lgamma(k + 1).sum(-1)
    return ways + (k * log_prob[:, 0]).sum(-1)
