"""Policies, one per file."""

from abgnn.models.agent_balance import AgentBalance
from abgnn.models.agent_dropout import AgentDropout
from abgnn.models.agent_prune import AgentPrune
from abgnn.models.bamas import Bamas, NaiveCostAware
from abgnn.models.decision import FACTORS, Action, Choice, Decision, PlannedChoice
from abgnn.models.fixed import FixedGraph, RandomGraph
from abgnn.models.g_designer import GDesigner
from abgnn.models.mas_router import MasRouter
from abgnn.models.planned import PlannedMixture
from abgnn.models.policy import Policy
from abgnn.models.router import Router
from abgnn.models.self_consistency import SelfConsistency

__all__ = [
    "FACTORS",
    "Action",
    "AgentBalance",
    "AgentDropout",
    "AgentPrune",
    "Bamas",
    "Choice",
    "Decision",
    "FixedGraph",
    "GDesigner",
    "MasRouter",
    "NaiveCostAware",
    "PlannedChoice",
    "PlannedMixture",
    "Policy",
    "RandomGraph",
    "Router",
    "SelfConsistency",
]
