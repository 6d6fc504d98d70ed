"""Calibrate once, model every agent's answer, search plans, meet budgets; numpy and scipy only."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
