from .hop_limit import HopLimitPruning as HopLimitPruning
from .hop_limit import hop_limit_mask as hop_limit_mask
from .hop_limit import longest_path as longest_path
from .orient import AcyclicOrientation as AcyclicOrientation
