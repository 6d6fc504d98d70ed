"""Calibrate once, model every agent's answer, search plans, meet budgets; numpy and scipy only."""

from abgnn.planning.budgets import Budget, Mixture, Weighted, budgeted_mix
from abgnn.planning.design import calibration_plans, calls_per_rollout
from abgnn.planning.designs import Design, PlanSpace
from abgnn.planning.observations import Observations, observe
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.profile import Profile
from abgnn.planning.search import search
from abgnn.planning.virtual import Forecast, VirtualQueries

__all__ = [
    "Budget",
    "Design",
    "Forecast",
    "Mixture",
    "Observations",
    "OutcomeModel",
    "PlanSpace",
    "Profile",
    "VirtualQueries",
    "Weighted",
    "budgeted_mix",
    "calibration_plans",
    "calls_per_rollout",
    "observe",
    "search",
]
