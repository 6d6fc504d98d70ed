"""Drawing, or taking the most probable, with exact log-probabilities and entropies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from abgnn.nn.relaxed_bernoulli import straight_through_bernoulli


def choose(log_prob: Tensor, *, sample: bool) -> Tensor:
    """Index of one choice per row of `[n, C]` log-probabilities, `[n]`."""
    if not sample:
        return log_prob.argmax(-1)
    gumbel = -torch.empty_like(log_prob).exponential_().log()
    return (log_prob.detach() + gumbel).argmax(-1)


def categorical_entropy(log_prob: Tensor) -> Tensor:
    """Entropy in nats of each row of `[n, C]`, `[n]`; −∞ counts as impossible."""
    possible = log_prob > float("-inf")
    return -(log_prob.exp() * log_prob.where(possible, torch.zeros_like(log_prob))).sum(-1)


def flip(logits: Tensor, action: Tensor | None, *, sample: bool) -> tuple[Tensor, Tensor]:
    """Bernoulli choices `[n]`: hard (bool), and the same as floats with a relaxed gradient."""
    if action is not None:
        return action, action.to(logits.dtype)
    if sample:
        return straight_through_bernoulli(logits)
    hard = logits > 0
    return hard, hard.to(logits.dtype)


def flip_hard(logits: Tensor, action: Tensor | None, *, sample: bool) -> Tensor:
    """Bernoulli choices `[n]` as bool, without a gradient."""
    if action is not None:
        return action
    logits = logits.detach()
    return torch.rand_like(logits) < torch.sigmoid(logits) if sample else logits > 0


def bernoulli_log_prob(logits: Tensor, hard: Tensor) -> Tensor:
    """log p of each choice, `[n]`."""
    return -F.binary_cross_entropy_with_logits(logits, hard.to(logits.dtype), reduction="none")


def bernoulli_entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of each Bernoulli(σ(logits)), `[n]`."""
    return F.softplus(logits) - logits * torch.sigmoid(logits)


class Factors:
    """Log-probabilities and entropies of a decision's factors, summed per graph.

    Args:
        num_graphs: B. `log_probs` and `entropies()` are `[B, F]` after F factors.
    """

    def __init__(self, num_graphs: int) -> None:
        self.num_graphs = num_graphs
        self._log_probs: list[Tensor] = []
        self._entropies: list[Callable[[], Tensor]] = []
        self._graphs: list[Tensor] = []

    def categorical(self, log_prob: Tensor, choice: Tensor, graph: Tensor) -> None:
        """One choice `[n]` per row of `[n, C]`, of graphs `[n]`."""
        picked = log_prob.gather(1, choice.unsqueeze(1)).squeeze(1)
        self._add(picked, lambda: categorical_entropy(log_prob), graph)

    def bernoulli(
        self, logits: Tensor, hard: Tensor, graph: Tensor, able: Tensor | None = None
    ) -> None:
        """One flip each, all `[n]`; those that are not `able` were not made."""
        picked = bernoulli_log_prob(logits, hard)

        def entropy() -> Tensor:
            each = bernoulli_entropy(logits)
            return each if able is None else each * able

        self._add(picked if able is None else picked * able, entropy, graph)

    def _add(self, log_prob: Tensor, entropy: Callable[[], Tensor], graph: Tensor) -> None:
        self._log_probs.append(log_prob)
        self._entropies.append(entropy)
        self._graphs.append(graph + self.num_graphs * len(self._graphs))

    def _sums(self, each: list[Tensor]) -> Tensor:
        """Of every factor and graph, `[B, F]`."""
        total = each[0].new_zeros(len(each) * self.num_graphs)
        return total.index_add(0, torch.cat(self._graphs), torch.cat(each)).view(len(each), -1).t()

    @property
    def log_probs(self) -> Tensor:
        """`[B, F]`."""
        return self._sums(self._log_probs)

    def entropies(self) -> Tensor:
        """Each given the choices before it, `[B, F]`."""
        return self._sums([entropy() for entropy in self._entropies])


def keep_at_least(
    hard: Tensor, logits: Tensor, rank: Tensor, graph: Tensor, minimum: int
) -> Tensor:
    """`hard`, with a graph's most probable agents activated until `minimum` are (section 3.2.2).

    Ties fall to the lower rank, so that the result does not depend on how nodes are numbered.

    Shapes: all `[A]`, graph ids sorted or not → bool `[A]`.
    """
    kept = hard.new_zeros(int(graph.max()) + 1 if len(graph) else 0, dtype=torch.long)
    kept = kept.index_add(0, graph, hard.long())  # of each graph
    few = (kept < minimum).index_select(0, graph).nonzero().squeeze(-1)  # agents of such graphs
    if not len(few):
        return hard
    columns = (x.detach().index_select(0, few).cpu().numpy() for x in (hard, logits, rank, graph))
    stays, logit, place, owner = columns
    order = np.lexsort((place, np.where(stays, -np.inf, -logit), owner))  # who stays comes first
    owner = owner[order]
    within = np.arange(len(order)) - np.searchsorted(owner, owner)  # places in each graph
    forced = few[torch.from_numpy(order[within < minimum]).to(few.device)]
    return hard.index_fill(0, forced, True)
