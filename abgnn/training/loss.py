"""The policy-gradient loss with its hop penalty (Eq 11)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from abgnn.models.decision import Decision


def reinforce_loss(
    decision: Decision,
    rewards: Tensor,
    advantage: nn.Module,
    samples: int,
    lambda_len: float = 0.0,
    entropy_weight: float = 0.0,
    hop_penalty: Literal["loss", "reward"] = "loss",
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
    """
    if hop_penalty == "reward":
        rewards = rewards - lambda_len * decision.penalty.detach()
    gain: Tensor = advantage(rewards.view(-1, samples)).flatten()  # [B*K]
    loss = -(gain.detach() * decision.log_prob).mean()
    if hop_penalty == "loss":
        loss = loss + lambda_len * decision.penalty.mean()
    return loss - entropy_weight * decision.entropy.mean()
