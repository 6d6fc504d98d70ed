"""A trust region for policy gradients: no optimiser step moves the policy too far."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from abgnn.models.decision import Choice
from abgnn.models.policy import Policy

_HALVINGS = 12


def weights_of(policy: Policy) -> list[Tensor]:
    """Copies of the weights that learn."""
    return [p.detach().clone() for p in policy.parameters() if p.requires_grad]


def moved(policy: Policy, choice: Choice) -> Tensor | None:
    r"""How far the policy is from the one that a choice was sampled from, in nats per question.

    .. math:: \tfrac12 \, \mathrm{mean} \big( \log p_{now}(D) - \log p_{then}(D) \big)^2

    To second order this is KL(then ‖ now), and unlike the mean of log-ratios it is never negative
    for the few plans of a step. None of a policy that cannot say the probability again.
    """
    now = policy.log_prob_of(choice)
    if now is None:
        return None
    return 0.5 * (now.detach() - choice.log_prob.detach()).square().mean()


@torch.no_grad()
def hold_step(
    policy: Policy,
    choice: Choice,
    start: list[Tensor],
    limit: float,
    mean: Callable[[Tensor], Tensor] = lambda value: value,
) -> float:
    """Halve a step until the policy has moved by no more than `limit`; returns what is left of it.

    Args:
        policy: after the step; changed in place.
        choice: what was sampled before it.
        start: weights before it (`weights_of`).
        limit: in nats per question (`moved`).
        mean: over ranks, so that all of them take the same step.
    """
    learned = [p for p in policy.parameters() if p.requires_grad]
    end, share = weights_of(policy), 1.0
    for _ in range(_HALVINGS):
        far = moved(policy, choice)
        if far is None or float(mean(far)) <= limit:
            return share
        share /= 2
        for p, a, b in zip(learned, start, end, strict=True):
            p.copy_(a + share * (b - a))
    return share
