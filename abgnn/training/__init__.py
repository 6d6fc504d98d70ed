"""Learning a policy from rollouts."""

from abgnn.training.advantage import LeaveOneOut, NoBaseline
from abgnn.training.callbacks import HeldOutTable, PolicyFigures
from abgnn.training.loss import reinforce_loss
from abgnn.training.reinforce import Reinforce
from abgnn.training.reward import reward

__all__ = [
    "HeldOutTable",
    "LeaveOneOut",
    "NoBaseline",
    "PolicyFigures",
    "Reinforce",
    "reinforce_loss",
    "reward",
]
