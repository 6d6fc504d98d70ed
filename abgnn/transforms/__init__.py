"""Graph transforms: hop-limit pruning and acyclic orientation."""

from abgnn.transforms.hop_limit import HopLimitPruning, hop_limit_mask, longest_path
from abgnn.transforms.orient import AcyclicOrientation

__all__ = ["AcyclicOrientation", "HopLimitPruning", "hop_limit_mask", "longest_path"]
