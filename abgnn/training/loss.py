"""The policy-gradient loss with its hop penalty (Eq 11)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from abgnn.models.decision import Choice


def reinforce_loss(
    decision: Choice,
    rewards: Tensor,
    advantage: nn.Module,
    samples: int,
    lambda_len: float = 0.0,
    entropy_weight: float = 0.0,
    hop_penalty: Literal["loss", "reward"] = "loss",
    executed: Tensor | None = None,
) -> Tensor:
    r"""Eq 11, mean over rollouts: :math:`-A \log p_\theta(D|Q) + \lambda_{len} Pen_{len}`.

    Args:
        decision: B·K decisions, the K of one query in a row.
        rewards: `[B·K]`.
        advantage: module from `[B, K]` rewards to `[B, K]` advantages.
        samples: K.
        lambda_len: weight of the hop penalty.
        entropy_weight: bonus for entropy; 0 in the paper.
        hop_penalty: add the penalty to the loss (paper), or subtract it from the reward. In the
            loss its gradient raises the limit and, through the shared representation, moves gates
            and edges as a side effect; in the reward it shortens paths, and the limit stays where
            it was initialised, in the middle of its range.
        executed: `[B·K]` bool; rollouts that a cap has stopped are left out, since they say nothing
            about their plan. None: all were executed.
    """
    if hop_penalty == "reward":
        rewards = rewards - lambda_len * decision.penalty.detach()
    if executed is not None and not executed.all():
        rewards = _fill(rewards.view(-1, samples), executed.view(-1, samples)).flatten()
    gain: Tensor = advantage(rewards.view(-1, samples)).flatten()  # [B*K]
    if executed is not None:
        gain = gain * executed
    loss = -(gain.detach() * decision.log_prob).mean()
    if hop_penalty == "loss":
        loss = loss + lambda_len * decision.penalty.mean()
    if decision.extra_loss is not None:
        loss = loss + decision.extra_loss
    if entropy_weight:  # its gradient is not free, even times zero
        loss = loss - entropy_weight * decision.entropy.mean()
    return loss


def _fill(rewards: Tensor, executed: Tensor) -> Tensor:
    """The mean of a query's executed rollouts in place of the others, so that baselines hold."""
    known = (rewards * executed).sum(1, keepdim=True) / executed.sum(1, keepdim=True).clamp(min=1)
    return rewards.where(executed, known)  # [B, K]
