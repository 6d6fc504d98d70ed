"""BAMAS (arXiv 2511.21572): an integer program buys agents, a policy picks their pattern."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
