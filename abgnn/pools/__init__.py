"""Resource tiers: Pareto front and clusters of backbones (paper section 3.1.1)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
