"""Closed-loop teams in numbers: ask, read what was answered, stop or ask again; numpy only."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
