"""Policies, one per file."""

from abgnn.models.agent_balance import AgentBalance
from abgnn.models.decision import FACTORS, Action, Decision
from abgnn.models.fixed import FixedGraph, RandomGraph
from abgnn.models.policy import Policy
from abgnn.models.router import Router

__all__ = [
    "FACTORS",
    "Action",
    "AgentBalance",
    "Decision",
    "FixedGraph",
    "Policy",
    "RandomGraph",
    "Router",
]
