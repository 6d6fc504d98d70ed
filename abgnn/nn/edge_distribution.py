"""`EdgeDistribution`: random directed graphs, edge by edge, with exact log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abgnn.errors import ConfigError
from abgnn.nn.acyclic_growth import grow

Order = Literal["index", "random", "learned"]


@dataclass(frozen=True)
class EdgeSample:
    """Drawn graphs.

    Args:
        edges: `[B, N, N]` bool, u to v in row u.
        log_prob: of everything that was random and learned, `[B]`.
        entropy: of every flip given those before it, `[B]`.
        rank: place of each agent in the drawn order, `[B, N]`; all zero but for `learned`.
        walk: candidates u · N + v in the order in which they were looked at, `[B, N²]`.
    """

    edges: Tensor
    log_prob: Tensor
    entropy: Tensor
    rank: Tensor
    walk: Tensor


class EdgeDistribution(nn.Module):
    r"""Independent Bernoulli edges, less those that would close a cycle.

    Candidates are walked one after another; a pair that the mask forbids, or that would close a
    cycle, is passed over and has no part in the log-probability; any other is kept with
    probability :math:`\sigma(\theta_{uv})`. It is the distribution of GPTSwarm and of the systems
    that descend from it (AgentPrune, AgentDropout, G-Designer).

    Args:
        num_agents: N.
        order: how candidates are walked. `index`: row by row, as released, whereby agents of low
            index are upstream of others whatever is learned; `random`: in a fresh order for every
            graph (which is not learned and has no log-probability); `learned`: every agent has a
            score, agents are ranked by drawing without replacement with softmax of the scores
            (Plackett-Luce, its log-probability counts), and only edges of rising rank may be.

    Shapes: logits `[B, N, N]`, mask `[N, N]` or `[B, N, N]` bool → `EdgeSample`. Without
    `sample`, edges of probability above 1/2 stay, in a fixed order: by falling probability for
    `random`, by falling score for `learned`.
    """

    def __init__(self, num_agents: int, order: Order = "index") -> None:
        super().__init__()
        if num_agents < 1:
            raise ConfigError("EdgeDistribution.num_agents", num_agents, "an integer from 1")
        if order not in get_args(Order):
            raise ConfigError("EdgeDistribution.order", order, ", ".join(get_args(Order)))
        self.num_agents, self.order = num_agents, order
        self.score = nn.Parameter(torch.zeros(num_agents)) if order == "learned" else None

    def forward(
        self,
        logits: Tensor,
        mask: Tensor,
        *,
        sample: bool,
        acyclic: bool = True,
        value: EdgeSample | Tensor | None = None,
    ) -> EdgeSample:
        """Draw edges, or judge `value`: a former sample, or bare edges walked row by row.

        Raises:
            ConfigError: bare edges for a learned order: the ranks that they were drawn in are
                part of what is judged.
        """
        if self.score is not None and isinstance(value, Tensor) and acyclic:
            raise ConfigError("value", "bare edges", "an EdgeSample, where the order is learned")
        size, n = len(logits), self.num_agents
        mask = mask.expand(size, n, n)
        rank = torch.zeros(size, n, dtype=torch.long, device=logits.device)
        log_prob, entropy = logits.new_zeros(size), logits.new_zeros(size)
        if self.score is not None and acyclic:
            former = value.rank if isinstance(value, EdgeSample) else None
            rank, log_prob, entropy = self._ranks(size, sample, former)
            mask = mask & (rank.unsqueeze(2) < rank.unsqueeze(1))
        walk = value.walk if isinstance(value, EdgeSample) else self._walk(logits, sample, value)
        wanted = _flip(logits, sample, value)
        edges, able = grow(wanted, mask, walk) if acyclic else (wanted & mask, mask)
        drawn = EdgeSample(edges, log_prob, entropy, rank, walk)
        return _judged(logits, able, drawn)

    def none(self, logits: Tensor, *, sample: bool) -> EdgeSample:
        """What comes of an empty mask, without judging anything; draws go on as if it had."""
        walk = self._walk(logits, sample, None)
        if sample:
            torch.rand_like(logits)
        size, n = len(logits), self.num_agents
        zero = logits.new_zeros(size)
        rank = torch.zeros(size, n, dtype=torch.long, device=logits.device)
        edges = torch.zeros(size, n, n, dtype=torch.bool, device=logits.device)
        return EdgeSample(edges, zero, zero, rank, walk)

    def _walk(self, logits: Tensor, sample: bool, value: Tensor | None) -> Tensor:
        """Candidates in the order in which they are looked at, `[B, N²]`."""
        size, pairs = len(logits), self.num_agents**2
        if self.order != "random" or value is not None:
            return torch.arange(pairs, device=logits.device).expand(size, pairs)
        if sample:
            return torch.rand(size, pairs, device=logits.device).argsort(1)
        return logits.detach().view(size, pairs).argsort(dim=1, descending=True, stable=True)

    def _ranks(
        self, size: int, sample: bool, former: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Place of each agent `[B, N]`, its log-probability and entropy `[B]`."""
        assert self.score is not None, "only learned orders are drawn"
        score = self.score.expand(size, -1)  # [B, N]
        if former is not None:
            rank = former
        elif sample:
            gumbel = -torch.empty_like(score).exponential_().log()
            rank = (score.detach() + gumbel).argsort(1, descending=True).argsort(1)
        else:
            rank = score.detach().argsort(dim=1, descending=True, stable=True).argsort(1)
        place = rank.argsort(1)  # agent at each place
        ordered = score.gather(1, place)
        left = ordered.flip(1).logcumsumexp(1).flip(1)  # log-sum over agents not yet placed
        log_prob = (ordered - left).sum(1)
        entropy = score.new_zeros(size)
        for i in range(self.num_agents - 1):
            p = ordered[:, i:].log_softmax(1)
            entropy = entropy - (p.exp() * p).sum(1)
        return rank, log_prob, entropy

    def extra_repr(self) -> str:
        return f"{self.num_agents}, order={self.order!r}"


def joined(samples: Sequence[EdgeSample]) -> EdgeSample:
    """Samples of several batches as one."""
    return EdgeSample(
        *(torch.cat([getattr(s, f.name) for s in samples]) for f in fields(EdgeSample))
    )


def _flip(logits: Tensor, sample: bool, value: EdgeSample | Tensor | None) -> Tensor:
    """Which candidates would be taken if they were open, `[B, N, N]` bool."""
    if value is not None:
        return value.edges if isinstance(value, EdgeSample) else value
    logits = logits.detach()
    return torch.rand_like(logits) < torch.sigmoid(logits) if sample else logits > 0


def _judged(logits: Tensor, able: Tensor, drawn: EdgeSample) -> EdgeSample:
    """Add up the flips that were made."""
    kept = drawn.edges.to(logits.dtype)
    each = -F.binary_cross_entropy_with_logits(logits, kept, reduction="none")  # [B, N, N]
    own = F.softplus(logits) - logits * torch.sigmoid(logits)
    return replace(
        drawn,
        log_prob=drawn.log_prob + (each * able).sum((1, 2)),
        entropy=drawn.entropy + (own * able).sum((1, 2)),
    )
