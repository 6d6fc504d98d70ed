"""BAMAS (arXiv 2511.21572): an integer program buys agents, a policy picks their pattern."""

from abgnn.models.bamas.cross_product import CrossProduct, collect
from abgnn.models.bamas.ilp import PATTERNS, Group, Team, buy, tier_weights
from abgnn.models.bamas.market import Market
from abgnn.models.bamas.naive import NaiveCostAware
from abgnn.models.bamas.offline import CompositeReward, OfflineSettings, fit_offline
from abgnn.models.bamas.policy import Bamas, PatternNet
from abgnn.models.bamas.tiers import Tier, choose_tiers, groups_of

__all__ = [
    "PATTERNS",
    "Bamas",
    "CompositeReward",
    "CrossProduct",
    "Group",
    "Market",
    "NaiveCostAware",
    "OfflineSettings",
    "PatternNet",
    "Team",
    "Tier",
    "buy",
    "choose_tiers",
    "collect",
    "fit_offline",
    "groups_of",
    "tier_weights",
]
