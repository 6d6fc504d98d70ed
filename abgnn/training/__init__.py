"""Learning a policy from rollouts."""

from abgnn.training.advantage import LeaveOneOut, NoBaseline
from abgnn.training.budget_duals import BudgetDuals
from abgnn.training.call_budget import CallBudget
from abgnn.training.call_figures import CallFigures
from abgnn.training.callbacks import HeldOutTable, PolicyFigures
from abgnn.training.loss import reinforce_loss
from abgnn.training.planner_figures import PlannerFigures
from abgnn.training.reinforce import Reinforce
from abgnn.training.reward import reward
from abgnn.training.teacher import Teacher
from abgnn.training.tradeoffs import Tradeoffs
from abgnn.training.warm_start import WarmStart

__all__ = [
    "BudgetDuals",
    "CallBudget",
    "CallFigures",
    "HeldOutTable",
    "LeaveOneOut",
    "NoBaseline",
    "PlannerFigures",
    "PolicyFigures",
    "Reinforce",
    "Teacher",
    "Tradeoffs",
    "WarmStart",
    "reinforce_loss",
    "reward",
]
