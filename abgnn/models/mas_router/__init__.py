"""MasRouter (arXiv 2502.11133): the number of agents, their roles and LLMs, chosen in turn."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
