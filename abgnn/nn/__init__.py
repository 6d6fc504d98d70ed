"""The policy's layers, one per file, each with its equation."""

from abgnn.nn.agent_encoder import AgentEncoder
from abgnn.nn.agent_gate import AgentGate
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.difficulty_head import DifficultyHead
from abgnn.nn.edge_predictor import EdgePredictor
from abgnn.nn.hop_limit import HopLimit
from abgnn.nn.pool_selection import PoolSelection
from abgnn.nn.profile_prior import ProfilePrior
from abgnn.nn.relaxed_bernoulli import straight_through_bernoulli
from abgnn.nn.role_matching import RoleMatching
from abgnn.nn.task_bill import TaskBill
from abgnn.nn.task_scores import TaskScores
from abgnn.nn.tradeoff import Tradeoff

__all__ = [
    "AgentEncoder",
    "AgentGate",
    "BackboneTable",
    "DifficultyHead",
    "EdgePredictor",
    "HopLimit",
    "PoolSelection",
    "ProfilePrior",
    "RoleMatching",
    "TaskBill",
    "TaskScores",
    "Tradeoff",
    "straight_through_bernoulli",
]
